#include "operator/wiring.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/log.h"
#include "kube/kinds.h"
#include "operator/api/value.h"
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

  std::unique_ptr<Wiring> Make(const std::string& identity, Exporter& exporter) {
    OperatorOptions options;
    options.temporary_directory = directory.path().string();
    options.lease.lease = {"system", "foreshard-operator"};
    options.lease.identity = identity;
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
