#include "operator/wiring.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/log.h"
#include "kube/kinds.h"
#include "operator/api/value.h"
#include "operator/webhook/review_server.h"
#include "tests/fakes/fake_kube_api.h"
#include "tests/support/await.h"
#include "tests/support/temporary_directory.h"

namespace foreshard::op {
namespace {

constexpr const char* kSet = R"({"apiVersion":"foreshard.dev/v1alpha1","kind":"ShardSet",
  "metadata":{"name":"orders","namespace":"shop"},"spec":{
  "sharding":{"tables":[{"name":"public.orders","column":"id"}],"initialShards":1},
  "shardTemplate":{"storage":{"size":"1Gi"}},"scaling":{"mode":"Off"}}})";

class WiringTest : public testing::Test {
 protected:
  void SetUp() override {
    log::SetSink([](std::string_view) {});
    fake.SetAfterDrain(fakes::FakeKubeApi::AfterDrain::kBlock);
    ASSERT_TRUE(fake.Create(kube::kShardSets, {"shop", "orders"}, kSet, Soon()).ok());
  }
  void TearDown() override { log::SetSink({}); }

  std::unique_ptr<Wiring> Make(const std::string& identity, Exporter& exporter,
                               ReviewServer* webhook = nullptr) {
    OperatorOptions options;
    options.temporary_directory = directory.path().string();
    options.lease.lease = {"system", "foreshard-operator"};
    options.lease.identity = identity;
    options.webhook.server = webhook;
    return std::make_unique<Wiring>(fake, clock, options, exporter);
  }
  Deadline Soon() { return Deadline::After(clock, std::chrono::seconds(10)); }
  bool Exists(const kube::ResourceKind& kind, const std::string& name) {
    const auto object = fake.Get(kind, {"shop", name}, Soon());
    return object.ok() && object->has_value();
  }
  std::string Holder() {
    const auto lease = fake.Get(kube::kLeases, {"system", "foreshard-operator"}, Soon());
    if (!lease.ok() || !*lease) return "nobody";
    return ParseJson((*lease)->json)->At("spec.holderIdentity").Text();
  }
  void ExpectSoon(const char* claim, const std::function<bool()>& holds) {
    EXPECT_TRUE(
        support::Await(claim, std::chrono::seconds(20), [&] { return support::Seen(holds()); })
            .ok())
        << claim;
  }

  const SystemClock clock;
  support::TemporaryDirectory directory{"wiring"};
  fakes::FakeKubeApi fake{clock};
};

TEST_F(WiringTest, TakesTheLeaseMakesTheSetAndGivesTheLeaseBack) {
  Exporter exporter;
  const auto wiring = Make("one", exporter);
  std::jthread thread([&](std::stop_token stop) { wiring->Run(stop); });
  ExpectSoon("the routers' Deployment is there",
             [&] { return Exists(kube::kDeployments, "orders-router"); });
  EXPECT_EQ(Holder(), "one");
  ASSERT_TRUE(fake.Delete(kube::kDeployments, {"shop", "orders-router"}, {}, Soon()).ok());
  ExpectSoon("what was deleted is made again, since its end was watched",
             [&] { return Exists(kube::kDeployments, "orders-router"); });
  thread.request_stop();
  thread.join();
  EXPECT_EQ(Holder(), "");
  EXPECT_NE(exporter.Text().find("leader_election_master_status{name=\"foreshard-operator\"} 0"),
            std::string::npos);
}

// behaviour-22
TEST_F(WiringTest, ShowsWhenTheCertificatesItIssuedExpire) {
  Exporter exporter;
  const auto wiring = Make("one", exporter);
  std::jthread thread([&](std::stop_token stop) { wiring->Run(stop); });
  const auto shows = [&](const std::string& secret) {
    return exporter.Text().find(
               "foreshard_certificate_expiry_timestamp_seconds{namespace=\"shop\",secret=\"" +
               secret + "\",shardset=\"orders\"} ") != std::string::npos;
  };
  for (const char* secret :
       {"orders-ca", "orders-shard-tls", "orders-router-tls", "orders-operator-tls"}) {
    ExpectSoon(secret, [&] { return shows(secret); });
  }
  ASSERT_TRUE(fake.Delete(kube::kSecrets, {"shop", "orders-router-tls"}, {}, Soon()).ok());
  ExpectSoon("what is deleted is issued again", [&] {
    return Exists(kube::kSecrets, "orders-router-tls") && shows("orders-router-tls");
  });
}

TEST_F(WiringTest, ShowsAPageOfWhatItKnowsAlsoWhileAnotherLeads) {
  Exporter exporter;
  const auto wiring = Make("one", exporter);
  EXPECT_NE(wiring->Page("/")->find("has not read the first lists"), std::string::npos);
  ASSERT_TRUE(fake.Create(kube::kShardSets, {"shop", "broken"},
                          R"({"apiVersion":"foreshard.dev/v1alpha1","kind":"ShardSet",
                              "metadata":{"name":"broken","namespace":"shop"},"spec":{}})",
                          Soon())
                  .ok());
  ASSERT_TRUE(fake.Create(kube::kRoutingTables, {"shop", "orders"},
                          R"({"apiVersion":"foreshard.dev/v1alpha1","kind":"RoutingTable",
                              "metadata":{"name":"orders","namespace":"shop"},"spec":{
                              "shardSetName":"orders","epoch":3,
                              "ranges":[{"from":"","to":"","shard":"s-4kq7"}],
                              "shards":[{"id":"s-4kq7","primaryService":"orders-s-4kq7"}]}})",
                          Soon())
                  .ok());
  ASSERT_TRUE(fake.Create(kube::kShardMigrations, {"shop", "by-hand"},
                          R"({"apiVersion":"foreshard.dev/v1alpha1","kind":"ShardMigration",
                              "metadata":{"name":"by-hand","namespace":"shop"},"spec":{
                              "shardSetName":"orders","type":"Split","source":"s-4kq7",
                              "range":{"from":"40","to":""},"approved":false}})",
                          Soon())
                  .ok());
  std::jthread thread([&](std::stop_token stop) { wiring->Run(stop); });
  const auto shows = [&](const std::string& path, const std::string& text) {
    const std::optional<std::string> page = wiring->Page(path);
    return page && page->find(text) != std::string::npos;
  };
  ExpectSoon("both sets are listed", [&] { return shows("/", "<h1>2 ShardSets</h1>"); });
  ExpectSoon("the condition of the one that is refused",
             [&] { return shows("/sets/shop/broken", "InvalidSpec"); });
  ExpectSoon("the owners of the keys",
             [&] { return shows("/live/sets/shop/orders", "1 range on 1 shard."); });
  ExpectSoon("its migration", [&] {
    return shows("/sets/shop/orders", "kubectl foreshard -n shop approve by-hand");
  });
  EXPECT_FALSE(shows("/sets/shop/broken", "by-hand"));
  EXPECT_FALSE(wiring->Page("/sets/shop/nobody").has_value());
  EXPECT_FALSE(wiring->Page("/metrics").has_value());

  Exporter second_exporter;
  const auto second = Make("two", second_exporter);
  std::jthread second_thread([&](std::stop_token stop) { second->Run(stop); });
  ExpectSoon("who follows knows the sets too", [&] {
    const std::optional<std::string> page = second->Page("/");
    return page && page->find("<h1>2 ShardSets</h1>") != std::string::npos;
  });
}

TEST_F(WiringTest, EveryReplicaServesTheWebhooksCertificateAndTheLeaderTellsWhoSignedIt) {
  ASSERT_TRUE(fake.Create(kube::kValidatingWebhookConfigurations, {"", "foreshard-webhook"},
                          R"({"apiVersion":"admissionregistration.k8s.io/v1",
                              "kind":"ValidatingWebhookConfiguration",
                              "metadata":{"name":"foreshard-webhook"},
                              "webhooks":[{"name":"validate.foreshard.dev","clientConfig":{}}]})",
                          Soon())
                  .ok());
  const auto first_server = *ReviewServer::Listen("127.0.0.1:0", {.clock = clock});
  const auto second_server = *ReviewServer::Listen("127.0.0.1:0", {.clock = clock});
  Exporter first_exporter;
  Exporter second_exporter;
  const auto first = Make("one", first_exporter, first_server.get());
  std::jthread first_thread([&](std::stop_token stop) { first->Run(stop); });
  ExpectSoon("one leads", [&] { return Holder() == "one"; });
  const auto second = Make("two", second_exporter, second_server.get());
  std::jthread second_thread([&](std::stop_token stop) { second->Run(stop); });
  for (Exporter* exporter : {&first_exporter, &second_exporter}) {
    ExpectSoon("it serves a certificate", [&] {
      return exporter->Text().find(
                 "foreshard_certificate_expiry_timestamp_seconds{namespace=\"system\",secret="
                 "\"foreshard-webhook\",shardset=\"\"} ") != std::string::npos;
    });
  }
  const auto configuration =
      fake.Get(kube::kValidatingWebhookConfigurations, {"", "foreshard-webhook"}, Soon());
  ASSERT_TRUE(configuration.ok() && configuration->has_value());
  const Value webhook = ParseJson((*configuration)->json)->At("webhooks").Items().at(0);
  EXPECT_NE(webhook.At("clientConfig.caBundle").Text(), "");
}

TEST_F(WiringTest, TheSecondWaitsAndGoesOnWhenTheFirstEnds) {
  Exporter first_exporter;
  Exporter second_exporter;
  const auto first = Make("one", first_exporter);
  std::jthread first_thread([&](std::stop_token stop) { first->Run(stop); });
  ExpectSoon("one leads", [&] { return Holder() == "one"; });
  const auto second = Make("two", second_exporter);
  std::jthread second_thread([&](std::stop_token stop) { second->Run(stop); });
  ExpectSoon("the second is ready to take over", [&] { return second->Synced(); });
  EXPECT_EQ(Holder(), "one");
  first_thread.request_stop();
  first_thread.join();
  ExpectSoon("two leads", [&] { return Holder() == "two"; });
  ASSERT_TRUE(fake.Delete(kube::kServices, {"shop", "orders-router"}, {}, Soon()).ok());
  ExpectSoon("two works", [&] { return Exists(kube::kServices, "orders-router"); });
}

}  // namespace
}  // namespace foreshard::op
