#include "tests/api/shardset_fixture.h"

// What a platform team fears of an operator: that it takes what is not its own, that it removes too
// much or too early, that it hangs without a word.

namespace foreshard::api_tests {
namespace {

using support::Good;

constexpr const char* kOfTheSet = "foreshard.dev/shardset=orders";

std::string Retaining() {
  std::string set = kSet;
  const std::string policy = R"("deletionPolicy":"Delete")";
  set.replace(set.find(policy), policy.size(), R"("deletionPolicy":"Retain")");
  return set;
}

const std::vector<kube::ResourceKind>& OwnedKinds() {
  static const std::vector<kube::ResourceKind> kinds = {
      kube::kStatefulSets, kube::kDeployments,  kube::kServices,
      kube::kSecrets,      kube::kConfigMaps,   kube::kPodDisruptionBudgets,
      kube::kRoles,        kube::kRoleBindings, kube::kServiceAccounts};
  return kinds;
}

// kind/name -> what its owner wished, without what the server or time adds.
std::map<std::string, Value> Wishes() {
  std::map<std::string, Value> wishes;
  for (const kube::ResourceKind& kind : OwnedKinds()) {
    for (const Value& object : World().All(kind, kOfTheSet)) {
      Value wish = Value::Object();
      for (const char* part : {"spec", "rules", "subjects", "roleRef"})
        if (!object[part].is_null()) wish.Set(part, object[part]);
      if (kind == kube::kConfigMaps) wish.Set("data", object["data"]);
      wishes.emplace(kind.plural + "/" + object.At("metadata.name").Text(), std::move(wish));
    }
  }
  return wishes;
}

// behaviour-09
TEST_F(ShardSetTest, DeletionGoesInOrderAndSaysWhatItWaitsFor) {
  Start();
  Apply();
  ASSERT_TRUE(Settles());
  PlayPods();
  World().Kubectl({"-n", "shop", "delete", "shardset", "orders", "--wait=false"});
  EXPECT_TRUE(Tells("Ready", "Deleting", "is stopping"));
  EXPECT_EQ(World().Count(kube::kDeployments), 0U) << "routers first";
  EXPECT_EQ(World().Count(kube::kStatefulSets), 0U);
  EXPECT_EQ(World().Count(kube::kServices), 7U) << "who still runs is still found";
  for (const Value& claim : World().All(kube::kPersistentVolumeClaims))
    EXPECT_TRUE(claim.At("metadata.deletionTimestamp").is_null()) << "a pod may still write there";
  RemovePods();
  // The claims keep the finalizer that nobody takes away here: it waits, and says for what.
  EXPECT_TRUE(Tells("Ready", "Deleting", "PersistentVolumeClaim data-orders-"));
  EXPECT_FALSE(World().Set("orders").is_null());
  EXPECT_EQ(World().Count(kube::kSecrets, kOfTheSet), 7U);
  ReleaseClaims();
  EXPECT_TRUE(WaitFor("the set is gone", seconds(40), [this] {
    ReleaseClaims();
    return Seen(World().Set("orders").is_null(), World().Condition("orders", "Ready", "message"));
  }));
  for (const kube::ResourceKind& kind : OwnedKinds())
    EXPECT_EQ(World().Count(kind, kOfTheSet), 0U) << kind.plural;
  EXPECT_EQ(World().Count(kube::kPersistentVolumeClaims), 0U);
}

// behaviour-09
TEST_F(ShardSetTest, RetainedClaimsAndTheirPasswordsOutliveTheSet) {
  Start();
  Apply(Retaining());
  ASSERT_TRUE(Settles());
  PlayPods();
  World().Kubectl({"-n", "shop", "delete", "shardset", "orders", "--wait=false"});
  EXPECT_TRUE(Tells("Ready", "Deleting", "is stopping"));
  RemovePods();
  ASSERT_TRUE(WaitFor("the set is gone", seconds(40),
                      [] { return Seen(World().Set("orders").is_null()); }));
  const std::vector<Value> claims = World().All(kube::kPersistentVolumeClaims);
  EXPECT_EQ(claims.size(), 4U);
  for (const Value& claim : claims)
    EXPECT_TRUE(claim.At("metadata.deletionTimestamp").is_null()) << op::ToJson(claim);
  const std::vector<Value> secrets = World().All(kube::kSecrets, kOfTheSet);
  ASSERT_EQ(secrets.size(), 1U);
  EXPECT_EQ(secrets[0].At("metadata.name").Text(), "orders-internal");
  EXPECT_TRUE(secrets[0].At("metadata.ownerReferences").Items().empty())
      << "the garbage collector must not take it along";
  World().Kubectl({"-n", "shop", "delete", "secret", "orders-internal"});
  World().Kubectl({"-n", "shop", "delete", "pvc", "--all", "--wait=false"});
  ReleaseClaims();
}

// behaviour-08
TEST_F(ShardSetTest, AnObjectOfSomebodyElseIsLeftAloneUnlessItIsOffered) {
  World().Kubectl({"apply", "-f", "-"}, R"({"apiVersion":"v1","kind":"Service",
      "metadata":{"name":"orders-router","namespace":"shop","labels":{"team":"payments"}},
      "spec":{"selector":{"app":"old"},"ports":[{"port":80}]}})");
  Start();
  Apply();
  EXPECT_TRUE(Tells("Ready", "NameTaken",
                    "Service orders-router: it is there already and does not belong to this "
                    "ShardSet; rename or delete it, or let it be taken over: kubectl -n shop "
                    "annotate services orders-router foreshard.dev/adopt=orders"));
  Value service = World().Get(kube::kServices, "orders-router");
  EXPECT_EQ(service.At("spec.selector.app").Text(), "old");
  EXPECT_EQ(service.At("spec.ports").Items().at(0)["port"].Int(), 80);
  World().Kubectl(
      {"-n", "shop", "annotate", "service", "orders-router", "foreshard.dev/adopt=orders"});
  // A change of the set: without one it looks again after a minute.
  Patch(R"({"spec":{"router":{"replicas":2}}})");
  ASSERT_TRUE(Settles());
  service = World().Get(kube::kServices, "orders-router");
  EXPECT_EQ(service.At("metadata.labels.team").Text(), "payments");
  EXPECT_TRUE(service.At("spec.selector.app").is_null()) << "it would send nobody anywhere";
  EXPECT_EQ(service["metadata"]["labels"]["foreshard.dev/shardset"].Text(), "orders");
  ASSERT_EQ(service.At("spec.ports").Items().size(), 1U);
  EXPECT_EQ(service.At("spec.ports").Items()[0]["port"].Int(), 5432);
}

// behaviour-08
TEST_F(ShardSetTest, EveryObjectThatIsRemovedComesBack) {
  Start();
  Apply();
  ASSERT_TRUE(Settles());
  const std::map<std::string, Value> before = Wishes();
  ASSERT_EQ(before.size(), 29U);
  World().Kubectl({"-n", "shop", "delete",
                   "statefulsets,deployments,services,secrets,configmaps,pdb,roles,rolebindings,"
                   "serviceaccounts",
                   "-l", kOfTheSet, "--wait=false"});
  EXPECT_TRUE(WaitFor("all is there again", seconds(40), [&before] {
    const std::map<std::string, Value> now = Wishes();
    std::string missing;
    for (const auto& [name, wish] : before)
      if (!now.contains(name)) missing += name + " ";
    return Seen(missing.empty() && now.size() == before.size(), missing);
  }));
}

// behaviour-08
TEST_F(ShardSetTest, EveryEditOfWhatIsOursIsUndone) {
  Start();
  Apply();
  ASSERT_TRUE(Settles());
  const std::map<std::string, Value> before = Wishes();
  const std::map<std::string, std::string> edits = {
      // The strategy is that of an earlier release: an upgrade must get past it.
      {"statefulsets", R"({"spec":{"replicas":7,"updateStrategy":{"type":"RollingUpdate",
                           "rollingUpdate":{"partition":0}}}})"},
      {"deployments", R"({"spec":{"replicas":9}})"},
      {"services", R"({"spec":{"selector":{"foreshard.dev/shardset":"others"}}})"},
      {"configmaps", R"({"data":{"patroni.yml":"{}","router.json":"{}"}})"},
      {"poddisruptionbudgets", R"({"spec":{"maxUnavailable":5}})"},
      {"roles", R"({"rules":[]})"},
      {"rolebindings", R"({"subjects":[]})"}};
  for (const auto& [name, wish] : before) {
    const auto edit = edits.find(name.substr(0, name.find('/')));
    if (edit == edits.end()) continue;
    World().Kubectl({"-n", "shop", "patch", name, "--type=merge", "-p", edit->second});
  }
  EXPECT_TRUE(WaitFor("every wish is as it was", seconds(40), [&before] {
    std::string other;
    const std::map<std::string, Value> now = Wishes();
    for (const auto& [name, wish] : before) {
      const auto found = now.find(name);
      // A ConfigMap keeps a key that is none of ours.
      if (found == now.end() || !op::Covers(found->second, wish)) other += name + " ";
    }
    return Seen(other.empty(), other);
  }));
}

TEST_F(ShardSetTest, APauseHoldsEverythingButTheStatus) {
  Start();
  Apply();
  ASSERT_TRUE(Settles());
  World().Kubectl({"-n", "shop", "annotate", "shardset", "orders", "foreshard.dev/pause=true"});
  ASSERT_TRUE(Tells("Paused", "AskedFor",
                    "nothing is changed; to go on: kubectl -n shop annotate shardset orders "
                    "foreshard.dev/pause-"));
  World().Kubectl({"-n", "shop", "delete", "deployment", "orders-router"});
  Patch(R"({"spec":{"router":{"replicas":3}}})");
  std::set<std::string> renewals;
  ASSERT_TRUE(WaitFor("the lease is renewed three times", seconds(30), [&renewals] {
    renewals.insert(World().Renewed());
    return Seen(renewals.size() > 3);
  }));
  EXPECT_EQ(World().Count(kube::kDeployments), 0U);
  World().Kubectl({"-n", "shop", "annotate", "shardset", "orders", "foreshard.dev/pause-"});
  ASSERT_TRUE(Settles());
  EXPECT_EQ(World().Get(kube::kDeployments, "orders-router").At("spec.replicas").Int(), 3);
  EXPECT_EQ(World().Condition("orders", "Paused"), "");
}

TEST_F(ShardSetTest, ANewPasswordReachesRoutersAndTheUriWithinAMinute) {
  Start();
  Apply();
  ASSERT_TRUE(Settles());
  const std::string users =
      World().Get(kube::kSecrets, "orders-router-users")["data"]["users"].Text();
  World().Kubectl({"-n", "shop", "patch", "secret", "orders-app", "--type=merge", "-p",
                   R"({"stringData":{"password":"correct-horse"}})"});
  EXPECT_TRUE(WaitFor("the verifier is another one", seconds(60), [&users] {
    const std::string now =
        World().Get(kube::kSecrets, "orders-router-users")["data"]["users"].Text();
    return Seen(!now.empty() && now != users);
  }));
  const std::string uri = World().Kubectl(
      {"-n", "shop", "get", "secret", "orders-app", "--template={{.data.uri | base64decode}}"});
  EXPECT_EQ(uri, "postgresql://app:correct-horse@orders-router.shop.svc:5432/app");
  EXPECT_EQ(operator_->ErrorOutput().find("correct-horse"), std::string::npos);
  EXPECT_EQ(operator_->Output().find("correct-horse"), std::string::npos);
  const std::string told =
      op::ToJson(World().Set("orders")["status"]) +
      World().Kubectl({"-n", "shop", "get", "events,configmaps,statefulsets", "-o", "json"});
  EXPECT_EQ(told.find("correct-horse"), std::string::npos);
}

// behaviour-21
TEST_F(ShardSetTest, WhatAnAutoscalerAsksForIsDone) {
  Start();
  Apply();
  ASSERT_TRUE(Settles());
  World().Kubectl({"-n", "shop", "scale", "shardset/orders", "--replicas=4"});
  EXPECT_TRUE(WaitFor("four routers are wanted", seconds(10), [] {
    const Value deployment = World().Get(kube::kDeployments, "orders-router");
    return Seen(deployment.At("spec.replicas").Int() == 4, op::ToJson(deployment["spec"]));
  }));
}

}  // namespace
}  // namespace foreshard::api_tests
