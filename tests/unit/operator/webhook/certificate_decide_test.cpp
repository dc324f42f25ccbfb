#include "operator/webhook/certificate_decide.h"

#include <gtest/gtest.h>

namespace foreshard::op {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

// Does what is decided, as the controller does it, to a Secret and a configuration in memory.
class CertificateDecideTest : public testing::Test {
 protected:
  WebhookDecision Step() {
    const WebhookDecision decision = DecideWebhook(seen);
    const std::string bundle = JoinCertificates(decision.authorities);
    if (decision.step == WebhookStep::kMakeAuthority) {
      const KeyPair made = *MakeAuthority("CA", seen.now);
      seen.secret["ca.crt"] = made.certificate_pem + bundle;
      seen.secret["ca.key"] = made.key_pem;
    } else if (decision.step == WebhookStep::kIssue) {
      const KeyPair issued = *IssueCertificate(
          {decision.authorities.front(), seen.secret.at("ca.key")}, seen.request, seen.now);
      seen.secret["tls.crt"] = issued.certificate_pem;
      seen.secret["tls.key"] = issued.key_pem;
    } else if (decision.step == WebhookStep::kInject) {
      seen.bundles.assign(seen.bundles.size(), bundle);
    } else if (decision.step == WebhookStep::kForgetOldAuthority) {
      seen.secret["ca.crt"] = bundle;
    }
    return decision;
  }
  // The steps until nothing is left to do now.
  std::vector<WebhookStep> Settle() {
    std::vector<WebhookStep> steps;
    for (;;) {
      const WebhookDecision decision = Step();
      if (decision.step == WebhookStep::kNothing) {
        again = decision.look_again;
        return steps;
      }
      steps.push_back(decision.step);
      if (steps.size() > 9) return steps;
      ExpectServedIsKnown();
    }
  }
  // What a replica serves, the API server must be able to check.
  void ExpectServedIsKnown() {
    if (!watch_for_gaps || !seen.secret.contains("tls.crt")) return;
    bool known = false;
    for (const std::string& authority : SplitCertificates(seen.bundles.front()))
      known = known || IsCurrent(seen.secret["tls.crt"], authority, seen.request, seen.now);
    EXPECT_TRUE(known) << "the certificate that is served is of no authority in the bundle";
  }
  std::size_t Authorities() { return SplitCertificates(seen.secret["ca.crt"]).size(); }

  using Steps = std::vector<WebhookStep>;
  WebhookSeen seen{.secret = {},
                   .bundles = {"", ""},
                   .request = {.common_name = "webhook", .dns_names = {"webhook.system.svc"}},
                   .now = WallTime(seconds(1'700'000'000))};
  std::chrono::milliseconds again{0};
  bool watch_for_gaps = true;
};

TEST_F(CertificateDecideTest, FromNothingToACertificateThatIsKnown) {
  EXPECT_EQ(Settle(),
            (Steps{WebhookStep::kMakeAuthority, WebhookStep::kInject, WebhookStep::kIssue}));
  EXPECT_EQ(seen.bundles[1], seen.secret["ca.crt"]);
  EXPECT_EQ(Authorities(), 1U);
  EXPECT_EQ(again, hours(12)) << "looks now and then, since a clock may have jumped";
  EXPECT_EQ(Settle(), Steps{}) << "nothing to do: no write";
}

TEST_F(CertificateDecideTest, WithoutAConfigurationNothingIsInjected) {
  seen.bundles.clear();
  watch_for_gaps = false;
  EXPECT_EQ(Settle(), (Steps{WebhookStep::kMakeAuthority, WebhookStep::kIssue}));
}

// behaviour-06
TEST_F(CertificateDecideTest, TheAuthorityIsReplacedWithoutAMomentInWhichNobodyIsBelieved) {
  Settle();
  const std::string old = seen.secret["ca.crt"];
  const std::string served = seen.secret["tls.crt"];
  seen.secret.erase("ca.key");  // how a person asks for another authority
  EXPECT_EQ(Settle(), (Steps{WebhookStep::kMakeAuthority, WebhookStep::kInject}));
  EXPECT_EQ(Authorities(), 2U);
  EXPECT_EQ(seen.bundles[0], seen.secret["ca.crt"]);
  EXPECT_EQ(SplitCertificates(seen.bundles[0])[1], old);
  EXPECT_EQ(seen.secret["tls.crt"], served) << "the new one waits until the bundle was heard of";
  EXPECT_LE(again, kBundleSettles);
  seen.now += kBundleSettles;
  EXPECT_EQ(Settle(), Steps{WebhookStep::kIssue});
  EXPECT_NE(seen.secret["tls.crt"], served);
  seen.now += kOldAuthorityKept - seconds(1);
  EXPECT_EQ(Settle(), Steps{});
  EXPECT_EQ(again, seconds(1));
  seen.now += seconds(1);
  EXPECT_EQ(Settle(), (Steps{WebhookStep::kForgetOldAuthority, WebhookStep::kInject}));
  EXPECT_EQ(Authorities(), 1U);
  EXPECT_EQ(seen.bundles[0].find(old), std::string::npos);
}

TEST_F(CertificateDecideTest, BothAreRenewedWhenTwoThirdsOfTheirLifeAreOver) {
  Settle();
  seen.now += kCertificateLifetime * 2 / 3 + hours(1);
  EXPECT_EQ(Settle(), Steps{WebhookStep::kIssue});
  watch_for_gaps = false;  // nobody renewed it for years
  seen.now += kAuthorityLifetime * 2 / 3;
  const Steps steps = Settle();
  ASSERT_FALSE(steps.empty());
  EXPECT_EQ(steps.front(), WebhookStep::kMakeAuthority);
}

TEST_F(CertificateDecideTest, WhatIsBrokenOrOfSomebodyElseIsMadeAgain) {
  Settle();
  const WebhookSeen good = seen;
  watch_for_gaps = false;  // of what nobody can read
  seen.secret["tls.key"] = "garbage";
  EXPECT_EQ(Settle(), Steps{WebhookStep::kIssue});
  seen = good;
  seen.bundles[1] = "somebody's";
  EXPECT_EQ(Settle(), Steps{WebhookStep::kInject});
  seen = good;
  seen.request.dns_names = {"webhook.elsewhere.svc"};
  EXPECT_EQ(Settle(), Steps{WebhookStep::kIssue});
  seen = good;
  seen.secret["ca.crt"] = "garbage";
  EXPECT_EQ(Settle(),
            (Steps{WebhookStep::kMakeAuthority, WebhookStep::kInject, WebhookStep::kIssue}));
  EXPECT_EQ(Authorities(), 1U);
  seen = good;
  seen.secret["ca.key"] = MakeAuthority("other", seen.now)->key_pem;
  EXPECT_EQ(Settle().front(), WebhookStep::kMakeAuthority);
  seen = good;
  seen.secret.clear();  // deleted
  EXPECT_EQ(Settle(),
            (Steps{WebhookStep::kMakeAuthority, WebhookStep::kInject, WebhookStep::kIssue}));
}

TEST_F(CertificateDecideTest, NoMoreThanTwoAuthoritiesAreEverTrusted) {
  for (int i = 0; i < 5; ++i) {
    Settle();
    seen.secret.erase("ca.key");
  }
  Settle();
  EXPECT_EQ(Authorities(), 2U);
  EXPECT_EQ(SplitCertificates(seen.bundles[0]).size(), 2U);
  seen.secret["ca.crt"] += MakeAuthority("stranger", seen.now)->certificate_pem;
  EXPECT_EQ(Settle(), Steps{});
  EXPECT_EQ(SplitCertificates(seen.bundles[0]).size(), 2U);
}

}  // namespace
}  // namespace foreshard::op
