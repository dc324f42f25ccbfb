#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tests/support/child_process.h"

namespace foreshard::support {

// A real etcd and kube-apiserver on 127.0.0.1 (deploy/local/small), nothing else: no
// controller-manager, scheduler or kubelet, so StatefulSets make no pods, Jobs never finish and
// owner references delete nothing.
//
// Owner:   the test. The destructor ends both and removes their data. Threads: as ChildProcess.
// Declare `const Needs kNeeds({"kube-apiserver", "etcd"});` in the test program.
class ApiServer {
 public:
  // Answers when it returns: 4 to 5 seconds on a quiet machine.
  static Result<std::unique_ptr<ApiServer>> Create(const std::vector<std::string>& arguments = {});

  int port() const { return port_; }
  std::string url() const;
  // Of the administrator.
  std::string kubeconfig_file() const { return directory_.File("admin.kubeconfig"); }
  std::string ca_file() const { return directory_.File("pki/ca.crt"); }
  std::string certificate_file() const { return directory_.File("pki/admin.crt"); }
  std::string key_file() const { return directory_.File("pki/admin.key"); }
  // One JSON object a line, level Metadata, one line for each answered request.
  std::string audit_log_file() const { return directory_.File("audit.log"); }

  // Runs kubectl as the administrator. Errors: kGiveUp with kubectl's words.
  Result<std::string> Kubectl(std::vector<std::string> arguments, std::string input = {}) const;

  // As a lost API server: SIGKILL to it and to etcd. Start() goes on with the same data on the same
  // port.
  void Crash();
  Status Start();
  // SIGSTOP, SIGCONT: it takes connections and answers nothing.
  void Freeze();
  void Thaw();

  std::string Log() const;

 private:
  explicit ApiServer(const std::vector<std::string>& arguments) : arguments_(arguments) {}

  std::vector<std::string> arguments_;
  TemporaryDirectory directory_{"api"};
  int port_ = 0;
  pid_t apiserver_ = 0;
  std::unique_ptr<ChildProcess> process_;
};

}  // namespace foreshard::support
