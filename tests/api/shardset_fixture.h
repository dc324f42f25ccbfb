#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "operator/api/value.h"
#include "tests/api/operator_world.h"
#include "tests/support/wait.h"

// One set, shop/orders, and an operator beside a real API server. The test plays who else works in
// a cluster: controllers, scheduler, kubelet and the garbage collector.

namespace foreshard::api_tests {

using op::Value;
using std::chrono::seconds;
using support::ChildProcess;
using support::Seen;
using support::WaitFor;

inline constexpr const char* kSet = R"({"apiVersion":"foreshard.dev/v1alpha1","kind":"ShardSet",
  "metadata":{"name":"orders","namespace":"shop"},"spec":{
  "sharding":{"tables":[{"name":"public.orders","column":"customer_id"}],"initialShards":2},
  "shardTemplate":{"members":2,"storage":{"size":"1Gi"},
    "resources":{"requests":{"cpu":"0.1","memory":"262144Ki"},"limits":{"memory":"512Mi"}}},
  "router":{"replicas":1},"scaling":{"mode":"Off"},"deletionPolicy":"Delete"}})";

class ShardSetTest : public testing::Test {
 protected:
  void TearDown() override;

  void Start(const std::string& identity = "one", std::vector<std::string> more = {}) {
    operator_ = World().StartOperator(identity, std::move(more));
  }
  void Apply(const std::string& json = kSet) { World().Kubectl({"apply", "-f", "-"}, json); }
  void Patch(const std::string& patch) {
    World().Kubectl({"-n", "shop", "patch", "shardset", "orders", "--type=merge", "-p", patch});
  }
  // As far as it can come without pods.
  testing::AssertionResult Settles();
  // Ready's or another condition's reason and words.
  testing::AssertionResult Tells(const std::string& type, const std::string& reason,
                                 const std::string& words, seconds limit = seconds(20));

  // What the StatefulSet controller does: pods and claims of every StatefulSet.
  void PlayPods();
  void RemovePods();
  // What the controller of volumes does once no pod uses a claim any more.
  void ReleaseClaims();

  std::unique_ptr<ChildProcess> operator_;
};

}  // namespace foreshard::api_tests
