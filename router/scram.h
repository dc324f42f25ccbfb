#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

// SCRAM-SHA-256 (RFC 5802, RFC 7677) on both sides of the router, without a password anywhere.
//
// A client proves that it knows its password. The proof, taken together with the verifier's
// StoredKey, gives the ClientKey. Every shard stores the same verifier, so with this key the router
// can prove itself to any shard as that client. The key lives only as long as the process; a new
// password makes it worthless.
//
// OpenSSL's hash functions are used in scram.cpp only.

namespace foreshard::router {

using ScramKey = std::array<std::uint8_t, 32>;

// "SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>", as PostgreSQL keeps it in pg_authid.
struct ScramVerifier {
  int iterations = 0;
  std::string salt_base64;
  ScramKey stored_key{};
  ScramKey server_key{};
  bool operator==(const ScramVerifier&) const = default;
};

// Errors: kGiveUp; the text of the verifier is never part of the message.
Result<ScramVerifier> ParseScramVerifier(std::string_view text);

// What a password gives; `salt` as raw bytes. REQUIRES: a password of ASCII characters (no SASLprep
// is done).
struct ScramIdentity;
ScramIdentity DeriveScramIdentity(std::string_view password, std::string_view salt, int iterations);

// For tests and tools that make a users file. REQUIRES: a password of ASCII characters (no SASLprep
// is done).
std::string MakeScramVerifier(std::string_view password, std::string_view salt, int iterations);

// A verifier that nobody can satisfy, the same for the same name, so that an unknown user cannot be
// told from a known one.
ScramVerifier MockScramVerifier(std::string_view user, const ScramKey& secret);

// The first half of a keyed hash (HMAC-SHA-256) in hexadecimal digits: the same for the same text,
// and telling nothing of it to who has not the secret.
std::string Pseudonym(std::string_view text, const ScramKey& secret);

ScramKey RandomScramKey();
std::string RandomNonce();  // 18 random bytes in base64

// What logs the router in on a shard as the client.
struct ScramIdentity {
  ScramKey client_key{};
  ScramKey server_key{};
};

// The router's side towards a client. One exchange, then thrown away.
class ScramServer {
 public:
  // `channel_binding`: the hash of our certificate when the client speaks TLS, else empty (then
  // PLUS was not offered).
  ScramServer(ScramVerifier verifier, bool known_user, std::string nonce,
              std::string channel_binding);

  // mechanism "SCRAM-SHA-256" or "SCRAM-SHA-256-PLUS". Gives server-first-message.
  // Errors: kGiveUp with code 08P01 (not SCRAM), 28000 or 28P01.
  Result<std::string> First(std::string_view mechanism, std::string_view client_first);
  // Gives server-final-message; then identity() is there.
  Result<std::string> Final(std::string_view client_final);

  const ScramIdentity& identity() const { return identity_; }

 private:
  ScramVerifier verifier_;
  bool known_user_;
  std::string nonce_;
  std::string channel_binding_;
  std::string gs2_header_;
  bool uses_binding_ = false;
  std::string client_first_bare_;
  std::string server_first_;
  ScramIdentity identity_;
};

// The router's side towards a shard.
class ScramClient {
 public:
  // `channel_binding`: the hash of the shard's certificate when TLS and PLUS are in use, else
  // empty.
  ScramClient(const ScramIdentity& identity, std::string nonce, std::string channel_binding);

  std::string First();
  Result<std::string> Final(std::string_view server_first);
  Status Verify(std::string_view server_final) const;

 private:
  ScramIdentity identity_;
  std::string nonce_;
  std::string channel_binding_;
  std::string client_first_bare_;
  std::string auth_message_;
};

}  // namespace foreshard::router
