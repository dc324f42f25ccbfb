#include "operator/certificates.h"

#include <gtest/gtest.h>

namespace foreshard::op {
namespace {

constexpr WallTime kNow{std::chrono::seconds(1'700'000'000)};

class CertificatesTest : public testing::Test {
 protected:
  const KeyPair authority = *MakeAuthority("orders CA", kNow);
  const CertificateRequest request{.common_name = "orders-router",
                                   .dns_names = {"orders-router", "orders-router.shop.svc"}};
};

TEST_F(CertificatesTest, NamesAndTimesAreAsAsked) {
  const Result<KeyPair> pair = IssueCertificate(authority, request, kNow);
  ASSERT_TRUE(pair.ok()) << pair.error().message;
  const Result<CertificateFacts> facts = ReadCertificate(pair->certificate_pem);
  ASSERT_TRUE(facts.ok());
  EXPECT_EQ(facts->common_name, "orders-router");
  EXPECT_EQ(facts->dns_names, request.dns_names);
  EXPECT_LE(facts->not_before, kNow);
  EXPECT_EQ(facts->not_after, kNow + kCertificateLifetime);
  EXPECT_NE(pair->key_pem.find("PRIVATE KEY"), std::string::npos);
}

TEST_F(CertificatesTest, IsCurrentUntilTwoThirdsOfItsLifeAreOver) {
  const std::string pem = IssueCertificate(authority, request, kNow)->certificate_pem;
  const std::string& ca = authority.certificate_pem;
  EXPECT_TRUE(IsCurrent(pem, ca, request, kNow));
  EXPECT_TRUE(IsCurrent(pem, ca, request, kNow + kCertificateLifetime / 2));
  EXPECT_FALSE(
      IsCurrent(pem, ca, request, kNow + kCertificateLifetime * 2 / 3 + std::chrono::hours(1)));
}

TEST_F(CertificatesTest, OtherNamesOrAnotherAuthorityMakeItOld) {
  const std::string pem = IssueCertificate(authority, request, kNow)->certificate_pem;
  CertificateRequest more = request;
  more.dns_names.push_back("orders-router.shop");
  EXPECT_FALSE(IsCurrent(pem, authority.certificate_pem, more, kNow));
  const KeyPair other = *MakeAuthority("orders CA", kNow);
  EXPECT_FALSE(IsCurrent(pem, other.certificate_pem, request, kNow));
  EXPECT_FALSE(IsCurrent("", authority.certificate_pem, request, kNow));
  EXPECT_FALSE(IsCurrent(pem, "garbage", request, kNow));
}

TEST_F(CertificatesTest, AKeyBelongsToItsOwnCertificateOnly) {
  const KeyPair one = *IssueCertificate(authority, request, kNow);
  const KeyPair two = *IssueCertificate(authority, request, kNow);
  EXPECT_TRUE(BelongTogether(one));
  EXPECT_FALSE(BelongTogether({one.certificate_pem, two.key_pem}));
  EXPECT_FALSE(BelongTogether({one.certificate_pem, ""}));
  EXPECT_FALSE(BelongTogether({"garbage", one.key_pem}));
}

TEST_F(CertificatesTest, ABrokenAuthorityIssuesNothing) {
  const Result<KeyPair> pair = IssueCertificate({"x", "y"}, request, kNow);
  ASSERT_FALSE(pair.ok());
  EXPECT_EQ(pair.error().reason, "CertificateError");
}

}  // namespace
}  // namespace foreshard::op
