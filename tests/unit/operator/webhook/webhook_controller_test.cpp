#include "operator/webhook/webhook_controller.h"

#include <gtest/gtest.h>

#include <mutex>
#include <thread>

#include "base/log.h"
#include "kube/kinds.h"
#include "operator/api/value.h"
#include "operator/cached_api.h"
#include "operator/scram_verifier.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_kube_api.h"
#include "tests/support/wait.h"

namespace foreshard::op {
namespace {

using std::chrono::milliseconds;
using support::Good;

constexpr const char* kConfiguration = R"({"apiVersion":"admissionregistration.k8s.io/v1",
  "kind":"ValidatingWebhookConfiguration","metadata":{"name":"foreshard-webhook"},"webhooks":[
  {"name":"validate.foreshard.dev","failurePolicy":"Ignore","timeoutSeconds":3,"clientConfig":{
    "service":{"name":"foreshard-webhook","namespace":"system","path":"/validate"}}},
  {"name":"second.foreshard.dev","clientConfig":{"url":"https://localhost/validate"}}]})";

class WebhookControllerTest : public testing::Test {
 protected:
  void SetUp() override {
    log::SetSink([](std::string_view) {});
  }
  void TearDown() override { log::SetSink({}); }

  Deadline Soon() { return Deadline::After(clock, std::chrono::seconds(10)); }
  void Configure() {
    ASSERT_TRUE(Good(fake.Create(kube::kValidatingWebhookConfigurations, {"", ref.name},
                                 kConfiguration, Soon())));
  }
  // Passes until nothing is left to do now; the number of writes.
  std::int64_t Settle() {
    const std::int64_t before = fake.write_calls();
    for (int pass = 0; pass < 10; ++pass) {
      const Result<Outcome> outcome = controller.Reconcile(ref, Soon());
      EXPECT_TRUE(Good(outcome));
      if (!outcome || outcome->look_again_after > milliseconds(1)) break;
    }
    return fake.write_calls() - before;
  }
  Value Get(const kube::ResourceKind& kind) {
    const auto object = fake.Get(kind, {kind.namespaced ? ref.name_space : "", ref.name}, Soon());
    return object && *object ? *ParseJson((*object)->json) : Value();
  }
  std::string Text(const char* key) {
    return DecodeBase64(Get(kube::kSecrets)["data"][key].Text());
  }
  std::string Bundle(std::size_t webhook) {
    return DecodeBase64(Get(kube::kValidatingWebhookConfigurations)["webhooks"]
                            .Items()
                            .at(webhook)
                            .At("clientConfig.caBundle")
                            .Text());
  }

  const kube::ObjectRef ref{"system", "foreshard-webhook"};
  fakes::FakeClock clock;
  fakes::FakeKubeApi fake{clock};
  WebhookController controller{fake, clock};
};

// behaviour-06
TEST_F(WebhookControllerTest, MakesACertificateAndTellsTheApiServerWhoSignedIt) {
  Configure();
  EXPECT_EQ(Settle(), 3);
  EXPECT_TRUE(IsCurrent(Text("tls.crt"), Text("ca.crt"), WebhookCertificate(ref), clock.Wall()));
  EXPECT_TRUE(BelongTogether({Text("tls.crt"), Text("tls.key")}));
  EXPECT_EQ(Bundle(0), Text("ca.crt"));
  EXPECT_EQ(Bundle(1), Text("ca.crt"));
  const auto facts = ReadCertificate(Text("tls.crt"));
  ASSERT_TRUE(Good(facts));
  EXPECT_NE(std::ranges::find(facts->dns_names, "foreshard-webhook.system.svc"),
            facts->dns_names.end());
  EXPECT_EQ(Settle(), 0) << "nothing to do: no write";
}

TEST_F(WebhookControllerTest, LeavesAllOtherFieldsOfTheConfigurationAlone) {
  Configure();
  Settle();
  const Value webhook = Get(kube::kValidatingWebhookConfigurations)["webhooks"].Items().at(0);
  EXPECT_EQ(webhook["failurePolicy"].Text(), "Ignore");
  EXPECT_EQ(webhook["timeoutSeconds"].Int(), 3);
  EXPECT_EQ(webhook.At("clientConfig.service.path").Text(), "/validate");
}

TEST_F(WebhookControllerTest, ASecretThatIsDeletedOrABundleThatIsLostComesBack) {
  Configure();
  Settle();
  const std::string before = Text("ca.crt");
  ASSERT_TRUE(fake.Delete(kube::kSecrets, ref, {}, Soon()).ok());
  EXPECT_EQ(Settle(), 3);
  EXPECT_NE(Text("ca.crt"), before);
  EXPECT_EQ(Bundle(0), Text("ca.crt"));
  ASSERT_TRUE(fake.Delete(kube::kValidatingWebhookConfigurations, {"", ref.name}, {}, Soon()).ok());
  EXPECT_EQ(Settle(), 0);
  Configure();
  EXPECT_EQ(Settle(), 1);
  EXPECT_EQ(Bundle(0), Text("ca.crt"));
}

TEST_F(WebhookControllerTest, AnotherAuthorityIsKnownBeforeItIsUsed) {
  Configure();
  Settle();
  const std::string old = Text("ca.crt");
  const std::string served = Text("tls.crt");
  ASSERT_TRUE(Good(fake.Patch(kube::kSecrets, ref, R"({"data":{"ca.key":null}})", {}, Soon())));
  EXPECT_EQ(Settle(), 2);
  EXPECT_EQ(Bundle(0), Text("ca.crt"));
  EXPECT_NE(Bundle(0).find(old), std::string::npos);
  EXPECT_EQ(Text("tls.crt"), served);
  clock.Advance(kBundleSettles);
  EXPECT_EQ(Settle(), 1);
  EXPECT_NE(Text("tls.crt"), served);
  clock.Advance(kOldAuthorityKept);
  EXPECT_EQ(Settle(), 2);
  EXPECT_EQ(Bundle(0).find(old), std::string::npos);
}

TEST_F(WebhookControllerTest, WhatSomebodyWroteMeanwhileIsNotOverwritten) {
  Settle();
  ASSERT_TRUE(Good(fake.Patch(kube::kSecrets, ref, R"({"data":{"ca.key":null}})", {}, Soon())));
  const KeyPair by_hand = *MakeAuthority("by hand", clock.Wall());
  const Value patch =
      Value::Object({{"data", Value::Object({{"ca.crt", EncodeBase64(by_hand.certificate_pem)},
                                             {"ca.key", EncodeBase64(by_hand.key_pem)}})}});
  ASSERT_TRUE(Good(fake.Patch(kube::kSecrets, ref, ToJson(patch), {}, Soon())));
  fake.SetReadLag(1);  // it still sees the Secret without a key
  const Result<Outcome> outcome = controller.Reconcile(ref, Soon());
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.error().kind, Error::Kind::kReobserve);
  fake.SetReadLag(0);
  EXPECT_EQ(Text("ca.crt"), by_hand.certificate_pem);
}

TEST_F(WebhookControllerTest, WhoDoesNotLeadWritesNothing) {
  Configure();
  CachedApi follower(
      fake, clock, {.name_space = {}, .kinds = {}, .note = {}, .may_write = [] { return false; }});
  const std::int64_t before = fake.write_calls();
  const Result<Outcome> outcome = WebhookController(follower, clock).Reconcile(ref, Soon());
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.error().kind, Error::Kind::kFenced);
  EXPECT_EQ(fake.write_calls(), before);
}

TEST_F(WebhookControllerTest, EveryReplicaHearsOfEachCertificate) {
  fake.SetAfterDrain(fakes::FakeKubeApi::AfterDrain::kBlock);
  Configure();
  std::mutex mutex;
  std::vector<std::string> heard;
  int changes = 0;
  const SystemClock real;
  WebhookWatch watch(fake, real, ref,
                     {.certificate =
                          [&](const KeyPair& pair) {
                            const std::scoped_lock lock(mutex);
                            heard.push_back(pair.certificate_pem);
                          },
                      .change =
                          [&] {
                            const std::scoped_lock lock(mutex);
                            ++changes;
                          }});
  std::jthread thread([&](std::stop_token stop) { watch.Run(stop); });
  Settle();
  const auto hears = [&](const char* claim) {
    return support::WaitFor(claim, std::chrono::seconds(20), [&] {
      const std::scoped_lock lock(mutex);
      return support::Seen(!heard.empty() && heard.back() == Text("tls.crt"));
    });
  };
  EXPECT_TRUE(hears("the first certificate"));
  ASSERT_TRUE(Good(fake.Patch(kube::kSecrets, ref, R"({"data":{"tls.key":null}})", {}, Soon())));
  Settle();
  EXPECT_TRUE(hears("the one that was issued after it"));
  const std::scoped_lock lock(mutex);
  EXPECT_GE(changes, 3);
}

}  // namespace
}  // namespace foreshard::op
