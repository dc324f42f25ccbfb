#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/api/shardset_fixture.h"

// The operator's program on a real API server: what it makes of a ShardSet, what it leaves alone,
// how it ends and comes back.

namespace foreshard::api_tests {
namespace {

// behaviour-04
TEST_F(ShardSetTest, BecomesObjectsAndAStatusThatSaysWhatIsMissing) {
  Start();
  Apply();
  ASSERT_TRUE(Settles());
  EXPECT_EQ(World().Count(kube::kSecrets), 7U);
  EXPECT_EQ(World().Count(kube::kServices), 7U);
  EXPECT_EQ(World().Count(kube::kPodDisruptionBudgets), 3U);
  EXPECT_EQ(World().Count(kube::kRoutingTables), 0U) << "no shard is up";
  EXPECT_EQ(World().Condition("orders", "Ready"), "False");
  EXPECT_EQ(World().Condition("orders", "Ready", "reason"), "ShardNotReady");
  const Value set = World().Set("orders");
  for (const Value& shard : set.At("status.shardStatuses").Items()) {
    const std::string id = shard["id"].Text();
    EXPECT_NE(World().Condition("orders", "Ready", "message").find(id), std::string::npos);
    EXPECT_FALSE(World().Get(kube::kStatefulSets, "orders-" + id).is_null());
  }
  EXPECT_EQ(set.At("status.routerSelector").Text(),
            "foreshard.dev/shardset=orders,foreshard.dev/component=router");
}

// behaviour-01
TEST_F(ShardSetTest, ASettledSetIsNotWritten) {
  Start();
  Apply();
  ASSERT_TRUE(Settles());
  const auto renewals = [] { return World().Renewed(); };
  std::size_t before = 0;
  ASSERT_TRUE(WaitFor("the last write is over", seconds(30), [&] {
    const std::size_t now = World().Writes();
    const bool same = now == before;
    before = now;
    return Seen(same, fmt::format("{} writes", now));
  }));
  // Its own heartbeat is the clock: six renewals are twelve seconds in which it looked at the set
  // several times.
  std::set<std::string> seen;
  ASSERT_TRUE(WaitFor("the lease is renewed six times", seconds(60), [&] {
    seen.insert(renewals());
    return Seen(seen.size() > 6, fmt::format("{} renewals", seen.size()));
  }));
  EXPECT_EQ(World().Writes(), before);
}

// behaviour-03
TEST_F(ShardSetTest, FollowsAnEditWithinTenSeconds) {
  Start();
  Apply();
  ASSERT_TRUE(Settles());
  Patch(R"({"spec":{"router":{"replicas":3}}})");
  EXPECT_TRUE(WaitFor("three routers are wanted and told", seconds(10), [] {
    const Value set = World().Set("orders");
    const bool told =
        set.At("status.observedGeneration").Int() == set.At("metadata.generation").Int();
    const Value deployment = World().Get(kube::kDeployments, "orders-router");
    return Seen(told && deployment.At("spec.replicas").Int() == 3, op::ToJson(set["status"]));
  }));
}

// behaviour-08
TEST_F(ShardSetTest, WhatIsNotOursStaysAndWhatIsOursComesBack) {
  Start();
  Apply();
  ASSERT_TRUE(Settles());
  World().Kubectl({"-n", "shop", "annotate", "service", "orders-router", "team=payments"});
  World().Kubectl({"-n", "shop", "patch", "service", "orders-router", "--type=json", "-p",
                   R"([{"op":"replace","path":"/spec/ports/0/port","value":6000}])"});
  World().Kubectl({"-n", "shop", "delete", "deployment", "orders-router"});
  EXPECT_TRUE(WaitFor("port and Deployment are back", seconds(10), [] {
    const Value service = World().Get(kube::kServices, "orders-router");
    const bool port = service.At("spec.ports").Items().size() == 1 &&
                      service.At("spec.ports").Items()[0]["port"].Int() == 5432;
    return Seen(port && !World().Get(kube::kDeployments, "orders-router").is_null(),
                op::ToJson(service["spec"]));
  }));
  EXPECT_EQ(World().Get(kube::kServices, "orders-router").At("metadata.annotations.team").Text(),
            "payments");
}

// behaviour-02
TEST_F(ShardSetTest, KilledAtAnyTimeItGoesOnToTheSameEnd) {
  // Killed when so many Secrets, StatefulSets, … are there; each time another one goes on.
  const std::pair<kube::ResourceKind, std::size_t> moments[] = {
      {kube::kSecrets, 1}, {kube::kSecrets, 5}, {kube::kStatefulSets, 1}, {kube::kDeployments, 1}};
  Apply();
  for (const auto& [kind, count] : moments) {
    Start(fmt::format("{}-{}", kind.plural, count));
    EXPECT_TRUE(WaitFor("it came so far", seconds(40), [&kind = kind, &count = count] {
      return Seen(World().Count(kind) >= count);
    }));
    operator_->Signal(SIGKILL);
    EXPECT_TRUE(operator_->Wait(seconds(5)).ok());
  }
  Start("last");
  ASSERT_TRUE(Settles());
  EXPECT_EQ(World().Count(kube::kSecrets), 7U);
  EXPECT_EQ(World().Count(kube::kStatefulSets), 2U) << "no restart made another shard";
}

// behaviour-07
TEST_F(ShardSetTest, AnotherLeadsWithinTwoSecondsOfACleanEndAndFifteenOfAKill) {
  const SystemClock clock;
  Start("one");
  ASSERT_TRUE(WaitFor("one leads", seconds(30),
                      [] { return Seen(World().Holder() == "one", World().Holder()); }));
  std::unique_ptr<ChildProcess> two = World().StartOperator("two");
  std::unique_ptr<ChildProcess> three;
  const auto leads_within = [&](const char* who, seconds limit) {
    const MonotonicTime start = clock.Monotonic();
    const auto done = WaitFor(std::string(who) + " leads", limit,
                              [who] { return Seen(World().Holder() == who, World().Holder()); });
    RecordProperty(
        who, fmt::format("{} ms", (clock.Monotonic() - start) / std::chrono::milliseconds(1)));
    return done;
  };
  ASSERT_TRUE(WaitFor("two watches", seconds(20), [&] {
    return Seen(two->ErrorOutput().find("\"listening\"") != std::string::npos);
  }));
  operator_->Signal(SIGTERM);
  EXPECT_TRUE(operator_->Wait(seconds(20)).ok());
  EXPECT_TRUE(leads_within("two", seconds(2)));
  three = World().StartOperator("three");
  two->Signal(SIGKILL);
  EXPECT_TRUE(leads_within("three", seconds(15)));
  operator_ = std::move(three);
}

// behaviour-09
TEST_F(ShardSetTest, DeletedItLeavesNothing) {
  Start();
  Apply();
  ASSERT_TRUE(Settles());
  World().Kubectl({"-n", "shop", "delete", "shardset", "orders", "--timeout=60s"});
  for (const kube::ResourceKind& kind :
       {kube::kStatefulSets, kube::kDeployments, kube::kServices, kube::kSecrets, kube::kConfigMaps,
        kube::kServiceAccounts, kube::kPodDisruptionBudgets, kube::kRoles, kube::kRoleBindings,
        kube::kRoutingTables, kube::kEndpoints}) {
    EXPECT_EQ(World().Count(kind, "foreshard.dev/shardset=orders"), 0U) << kind.plural;
  }
}

// behaviour-06
TEST_F(ShardSetTest, AnInvalidOneIsToldByFieldAlsoWhereAdmissionLetItIn) {
  Start();
  std::string bad = kSet;
  // Only the operator knows that one member has nobody to be in sync with.
  bad.replace(bad.find("\"members\":2"), 11, "\"members\":1");
  Apply(bad);
  EXPECT_TRUE(WaitFor("Ready is False with reason InvalidSpec", seconds(20), [] {
    return Seen(World().Condition("orders", "Ready", "reason") == "InvalidSpec",
                World().Condition("orders", "Ready", "message"));
  }));
  EXPECT_NE(World()
                .Condition("orders", "Ready", "message")
                .find("spec.shardTemplate.synchronousReplication"),
            std::string::npos);
  EXPECT_EQ(World().Count(kube::kStatefulSets), 0U);
}

}  // namespace
}  // namespace foreshard::api_tests
