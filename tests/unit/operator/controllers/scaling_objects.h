#pragma once

#include <gtest/gtest.h>

#include "kube/kinds.h"
#include "operator/api/shard_set_json.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_kube_api.h"
#include "tests/support/wait.h"

// The objects that the scaling controller reads and writes, in an API server in memory.

namespace foreshard::op {

class ScalingObjects {
 public:
  static constexpr const char* kSet = R"({"apiVersion":"foreshard.dev/v1alpha1","kind":"ShardSet",
    "metadata":{"name":"orders","namespace":"shop"},"spec":{
    "sharding":{"tables":[{"name":"public.orders","column":"id"}]},
    "shardTemplate":{"storage":{"size":"1Gi"}},
    "scaling":{"mode":"Recommend","bin":"5m"},"metrics":{"history":"2h"}}})";
  static constexpr const char* kTable = R"({"apiVersion":"foreshard.dev/v1alpha1",
    "kind":"RoutingTable","metadata":{"name":"orders","namespace":"shop"},"spec":{
    "shardSetName":"orders","epoch":1,"ranges":[{"from":"","to":"","shard":"s-a"}],
    "shards":[{"id":"s-a","primaryService":"a","replicaService":"b"}]}})";

  void Create(const kube::ResourceKind& kind, const std::string& json,
              const std::string& name = "orders") {
    ASSERT_TRUE(support::Good(kube.Create(kind, {"shop", name}, json, Soon())));
  }
  void CreateMigration(const std::string& name, const std::string& of_set) {
    Create(
        kube::kShardMigrations,
        R"({"apiVersion":"foreshard.dev/v1alpha1","kind":"ShardMigration","metadata":{"name":")" +
            name + R"(","namespace":"shop"},"spec":{"shardSetName":")" + of_set +
            R"(","type":"Split","source":"s-a","range":{"from":"","to":"40"}}})",
        name);
  }
  model::ShardSet Set() { return *ParseShardSet((*kube.Get(kube::kShardSets, ref, Soon()))->json); }
  Deadline Soon() { return Deadline::After(clock, std::chrono::seconds(10)); }

  const kube::ObjectRef ref{"shop", "orders"};
  fakes::FakeClock clock;
  fakes::FakeKubeApi kube{clock};
};

}  // namespace foreshard::op
