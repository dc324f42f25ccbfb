#include "kube/api_access.h"

#include <fmt/format.h>

#include <fstream>
#include <iterator>

namespace foreshard::kube {

Result<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return Error::GiveUp(fmt::format("cannot read {}", path), "FileUnreadable");
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (file.bad()) return Error::GiveUp(fmt::format("cannot read {}", path), "FileUnreadable");
  return text;
}

Result<ApiAccess> InClusterAccess(const InClusterOptions& options) {
  if (options.host.empty() || options.port.empty()) {
    return Error::GiveUp(
        "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set: this is not a pod; give "
        "a kubeconfig",
        "NotInCluster");
  }
  Result<std::string> authority = ReadFile(options.directory + "/ca.crt");
  if (!authority) return authority.error();
  const Result<std::string> token = ReadFile(options.directory + "/token");
  if (!token) return token.error();
  ApiAccess access;
  const bool is_ipv6 = options.host.find(':') != std::string::npos;
  const std::string host = is_ipv6 ? "[" + options.host + "]" : options.host;
  access.server = fmt::format("https://{}:{}", host, options.port);
  access.ca_pem = *std::move(authority);
  access.token_file = options.directory + "/token";
  if (Result<std::string> name_space = ReadFile(options.directory + "/namespace"); name_space) {
    access.name_space = *std::move(name_space);
  }
  return access;
}

}  // namespace foreshard::kube
