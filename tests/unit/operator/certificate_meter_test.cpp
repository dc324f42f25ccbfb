#include "operator/certificate_meter.h"

#include <gtest/gtest.h>

#include "operator/builders/secrets.h"
#include "operator/certificates.h"

namespace foreshard::op {
namespace {

constexpr WallTime kNow{std::chrono::seconds(1'700'000'000)};

class CertificateMeterTest : public testing::Test {
 protected:
  kube::Object Secret(const std::string& name, const std::map<std::string, std::string>& data) {
    kube::Object object;
    object.metadata.name_space = "shop";
    object.metadata.name = name;
    object.json = ToJson(BuildSecret({"shop", "orders", ""}, name, Component::kRouter, data));
    return object;
  }
  std::string Issued(WallTime at) {
    return IssueCertificate(authority, {.common_name = "orders-router", .dns_names = {}}, at)
        ->certificate_pem;
  }
  // "" where there is no such series.
  std::string Shown(const std::string& secret) {
    const std::string text = exporter.Text();
    const std::string series =
        "\nforeshard_certificate_expiry_timestamp_seconds{namespace=\"shop\",secret=\"" + secret +
        "\",shardset=\"orders\"} ";
    const std::size_t at = text.find(series);
    if (at == std::string::npos) return "";
    const std::size_t begin = at + series.size();
    return text.substr(begin, text.find('\n', begin) - begin);
  }

  Exporter exporter;
  CertificateMeter meter{exporter};
  const KeyPair authority = *MakeAuthority("orders CA", kNow);
};

TEST_F(CertificateMeterTest, ShowsWhenACertificateExpiresAndFollowsItsRenewal) {
  meter.Look("orders", Secret("orders-router-tls",
                              {{"ca.crt", authority.certificate_pem}, {"tls.crt", Issued(kNow)}}));
  EXPECT_EQ(Shown("orders-router-tls"), "1731536000");  // 365 days later
  meter.Look("orders",
             Secret("orders-router-tls", {{"ca.crt", authority.certificate_pem},
                                          {"tls.crt", Issued(kNow + std::chrono::hours(24))}}));
  EXPECT_EQ(Shown("orders-router-tls"), "1731622400");
}

TEST_F(CertificateMeterTest, ShowsTheAuthoritysOwn) {
  meter.Look("orders", Secret("orders-ca", {{"ca.crt", authority.certificate_pem},
                                            {"ca.key", authority.key_pem}}));
  EXPECT_EQ(Shown("orders-ca"), "2015360000");  // 3,650 days later
}

TEST_F(CertificateMeterTest, ASecretThatIsGoneOrHoldsNoneAnyMoreLeavesNoSeries) {
  const kube::Object secret = Secret("orders-router-tls", {{"tls.crt", Issued(kNow)}});
  meter.Look("orders", secret);
  kube::Object gone = secret;
  gone.json = "";
  meter.Look("orders", gone);
  EXPECT_EQ(Shown("orders-router-tls"), "");
  meter.Look("orders", secret);
  meter.Look("orders", Secret("orders-router-tls", {{"tls.crt", "no certificate"}}));
  EXPECT_EQ(Shown("orders-router-tls"), "");
}

TEST_F(CertificateMeterTest, OtherSecretsShowNothing) {
  meter.Look("orders", Secret("orders-app", {{"password", "x"}}));
  EXPECT_EQ(exporter.Text().find("orders-app"), std::string::npos);
}

}  // namespace
}  // namespace foreshard::op
