#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "operator/builders/names.h"
#include "tests/unit/operator/controllers/shardset_world.h"

namespace foreshard::op {

// A set of two shards with two members each whose pods' template changes, pod by pod. The test
// plays the StatefulSet controller (revisions) and Patroni (who leads).
class RollingWorld : public testing::Test {
 protected:
  void SetUp() override {
    for (int i = 0; i < 3; ++i) {
      world.Settle();
      world.StartPods();
      PlayRevisions();
    }
    world.Settle();
    ASSERT_EQ(world.Condition("Ready"), "True") << world.ConditionMessage("Ready");
    for (const Value& pod : world.All(kube::kPods)) all_.insert(pod.At("metadata.name").Text());
    ASSERT_EQ(all_.size(), 4U);
  }

  void WantCpu(const std::string& cpu) {
    std::string spec = kQuickSpec;
    spec.replace(spec.find("1000m"), 5, cpu);
    world.Write(spec);
  }

  // The StatefulSets know their newest template; pods without a revision were just made of it.
  void PlayRevisions() {
    for (const Value& set : world.All(kube::kStatefulSets)) {
      const std::string name = set.At("metadata.name").Text();
      const std::string revision = name + "-" + HashText(ToJson(set.At("spec.template")));
      world.Patch(kube::kStatefulSets, name,
                  R"({"status":{"updateRevision":")" + revision + R"(","observedGeneration":)" +
                      ToJson(set.At("metadata.generation")) + "}}",
                  "status");
      for (const Value& pod : world.All(kube::kPods)) {
        const std::string pod_name = pod.At("metadata.name").Text();
        if (!pod_name.starts_with(name) ||
            !pod["metadata"]["labels"]["controller-revision-hash"].is_null())
          continue;
        world.Patch(kube::kPods, pod_name,
                    R"({"metadata":{"labels":{"controller-revision-hash":")" + revision + "\"}}}");
      }
      world.Patch(kube::kPodDisruptionBudgets, name, R"({"status":{"disruptionsAllowed":1}})",
                  "status");
    }
  }

  std::set<std::string> Missing() {
    std::set<std::string> missing = all_;
    for (const Value& pod : world.All(kube::kPods)) missing.erase(pod.At("metadata.name").Text());
    return missing;
  }
  // Who is asked to lead instead of whom; nothing: nobody.
  std::optional<std::pair<std::string, std::string>> Asked(const std::string& shard) {
    const Value asked = world.Get(kube::kEndpoints, shard + "-failover")["metadata"]["annotations"];
    if (asked["member"].is_null()) return std::nullopt;
    return std::pair(asked["leader"].Text(), asked["member"].Text());
  }
  // Patroni does what it was asked, and forgets it.
  void PlaySwitchovers() {
    for (const std::string& id : world.Shards()) {
      const std::string shard = "orders-" + id;
      const auto asked = Asked(shard);
      if (!asked) continue;
      handed_over_.push_back(asked->first);
      EXPECT_EQ(Leader(shard), asked->first);
      EXPECT_TRUE(world.Exists(kube::kPods, asked->first)) << "it goes after it has handed over";
      Forget(shard);
      SetLeader(shard, asked->second);
    }
  }
  void Forget(const std::string& shard) {
    world.Patch(kube::kEndpoints, shard + "-failover",
                R"({"metadata":{"annotations":{"leader":null,"member":null}}})");
  }
  // The pod that was taken since; "" for none. Fails if there is more than one.
  std::string Taken() {
    world.Settle();
    PlaySwitchovers();
    world.Settle();
    const std::set<std::string> missing = Missing();
    EXPECT_LE(missing.size(), 1U);
    return missing.empty() ? "" : *missing.begin();
  }
  void SetLeader(const std::string& shard, const std::string& pod) {
    world.Patch(kube::kEndpoints, shard,
                R"({"metadata":{"annotations":{"leader":")" + pod + "\"}}}");
    SetInSync(shard, pod, pod.ends_with("-0") ? shard + "-1" : shard + "-0");
  }
  void SetInSync(const std::string& shard, const std::string& leader, const std::string& members) {
    world.Patch(kube::kEndpoints, shard + "-sync",
                R"({"metadata":{"annotations":{"leader":")" + leader + R"(","sync_standby":")" +
                    members + "\"}}}");
  }
  std::string Leader(const std::string& shard) {
    return world.Get(kube::kEndpoints, shard).At("metadata.annotations.leader").Text();
  }
  // The replica of the first shard has the newest template, its primary has not.
  std::string UntilThePrimaryIsLeft() {
    WantCpu("2000m");
    world.Settle();
    PlayRevisions();
    EXPECT_EQ(Taken().back(), '1');
    ComesBack();
    world.Settle();
    for (const std::string& id : world.Shards())
      if (Asked("orders-" + id)) return "orders-" + id;
    return {};
  }
  // A migration `move` of the set is in that phase. `spec`, `status`: more of their fields.
  void Moves(const std::string& phase, const std::string& spec = R"("source":"s-else")",
             const std::string& status = {}) {
    if (!world.Exists(kube::kShardMigrations, "move")) {
      world.Create(kube::kShardMigrations, "move",
                   R"({"apiVersion":"foreshard.dev/v1alpha1","kind":"ShardMigration",
      "metadata":{"name":"move","namespace":"shop"},
      "spec":{"shardSetName":"orders","type":"Move",)" +
                       spec + "}}");
    }
    world.Patch(kube::kShardMigrations, "move",
                R"({"status":{"phase":")" + phase + "\"" + status + "}}", "status");
  }
  // The missing pod comes back with the newest template.
  void ComesBack() {
    world.StartPods();
    PlayRevisions();
  }

  ShardSetWorld world;
  std::set<std::string> all_;
  std::vector<std::string> handed_over_;  // pods that led
};

}  // namespace foreshard::op
