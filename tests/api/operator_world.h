#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "kube/kinds.h"
#include "kube/kube_api.h"
#include "operator/api/value.h"
#include "tests/support/api_server.h"
#include "tests/support/child_process.h"

namespace foreshard::api_tests {

// A real API server with our kinds, and the operator's program beside it. No controller, scheduler
// or kubelet runs: nobody makes pods, so sets stay unready, and nobody collects garbage.
class OperatorWorld : public testing::Environment {
 public:
  void SetUp() override;
  void TearDown() override;

  support::ApiServer& server() { return *server_; }
  // As the administrator; a failure fails the test.
  std::string Kubectl(std::vector<std::string> arguments, const std::string& input = {});
  // In namespace shop. Null if it is not there.
  op::Value Get(const kube::ResourceKind& kind, const std::string& name);
  op::Value Set(const std::string& name) { return Get(kube::kShardSets, name); }
  std::vector<op::Value> All(const kube::ResourceKind& kind,
                             const std::string& label_selector = {});
  std::size_t Count(const kube::ResourceKind& kind, const std::string& label_selector = {});
  std::string Condition(const std::string& set, const std::string& type,
                        const char* field = "status");
  // Of the leader's Lease.
  std::string Holder() { return Lease("holderIdentity"); }
  std::string Renewed() { return Lease("renewTime"); }

  // Writes of the administrator, which is the operator too, without leases.
  std::size_t Writes();

  std::unique_ptr<support::ChildProcess> StartOperator(const std::string& identity,
                                                       std::vector<std::string> more = {});
  // A kubeconfig with a service account's token, in `directory`.
  std::string KubeconfigOf(const std::string& service_account,
                           const support::TemporaryDirectory& directory);

 private:
  std::string Lease(const char* field);

  SystemClock clock_;
  std::unique_ptr<support::ApiServer> server_;
  std::unique_ptr<kube::KubeApi> api_;
};

OperatorWorld& World();

}  // namespace foreshard::api_tests
