#pragma once

#include <string>

#include "base/result.h"

// Where the API server is, how we know that it is it, and who we are.

namespace foreshard::kube {

struct ApiAccess {
  std::string server;       // "https://10.96.0.1:443"
  std::string ca_pem = {};  // "": the system's authorities
  bool verify_server = true;
  std::string client_certificate_pem = {};
  std::string client_key_pem = {};
  std::string token = {};  // bearer token
  std::string token_file =
      {};  // wins over token; read again when it changes, since kubelet rotates it
  std::string name_space = "default";  // of the pod, or of the kubeconfig's context
};

// What a pod is given: the files of its service account. `host` and `port` are
// KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT; a program's main() reads them. Errors:
// kGiveUp naming what is missing.
struct InClusterOptions {
  std::string host;
  std::string port;
  std::string directory = "/var/run/secrets/kubernetes.io/serviceaccount";
};
Result<ApiAccess> InClusterAccess(const InClusterOptions& options);

// The whole of a file. Errors: kGiveUp with the path.
Result<std::string> ReadFile(const std::string& path);

}  // namespace foreshard::kube
