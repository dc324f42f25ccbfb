#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

// The certificates of one set: a CA of its own (ECDSA P-256) and what it signs. OpenSSL stays in
// the source file.

namespace foreshard::op {

struct KeyPair {
  std::string certificate_pem;
  std::string key_pem;  // PKCS #8
};

struct CertificateRequest {
  std::string common_name;
  std::vector<std::string> dns_names;
  bool server = true;  // extended key usage
  bool client = false;
};

// A certificate is valid so much before it is made: clocks of other machines may be behind.
inline constexpr std::chrono::minutes kCertificateClockSkew{5};
inline constexpr std::chrono::hours kAuthorityLifetime{24 * 3650};
inline constexpr std::chrono::hours kCertificateLifetime{24 * 365};

Result<KeyPair> MakeAuthority(std::string_view common_name, WallTime now,
                              std::chrono::hours lifetime = kAuthorityLifetime);

// Errors: kGiveUp if the authority cannot be read.
Result<KeyPair> IssueCertificate(const KeyPair& authority, const CertificateRequest& request,
                                 WallTime now, std::chrono::hours lifetime = kCertificateLifetime);

struct CertificateFacts {
  WallTime not_before;
  WallTime not_after;
  std::string common_name;
  std::vector<std::string> dns_names;  // ordered

  WallTime made_at() const { return not_before + kCertificateClockSkew; }
  // When two thirds of its life are over.
  WallTime renew_at() const { return not_before + (not_after - not_before) * 2 / 3; }
};
Result<CertificateFacts> ReadCertificate(std::string_view pem);

// The certificates in a text, each as PEM of its own; what is between them is dropped.
std::vector<std::string> SplitCertificates(std::string_view pem);
std::string JoinCertificates(const std::vector<std::string>& certificates);

// The key is that of the certificate. False for what cannot be read.
bool BelongTogether(const KeyPair& pair);

// What it says, if this authority signed it. Costs about a millisecond; the answer never changes.
std::optional<CertificateFacts> ReadSigned(std::string_view certificate_pem,
                                           std::string_view authority_pem);
// For these names, with a life that is not yet two thirds over.
bool IsCurrent(const CertificateFacts& facts, const CertificateRequest& request, WallTime now);

// Both at once.
bool IsCurrent(std::string_view certificate_pem, std::string_view authority_pem,
               const CertificateRequest& request, WallTime now);

}  // namespace foreshard::op
