#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

// What PostgreSQL stores instead of a password:
// SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey> (RFC 5802, 7677). One string for all
// shards, so that a router can log in everywhere with the client key it recovered from the client.

namespace foreshard::op {

inline constexpr int kScramIterations = 4096;  // PostgreSQL's own

// REQUIRES: the password is ASCII (ours are), so that SASLprep changes nothing. `salt`: 16 bytes.
std::string MakeScramVerifier(std::string_view password, std::string_view salt,
                              int iterations = kScramIterations);

// With a random salt.
Result<std::string> NewScramVerifier(std::string_view password);

// False for what is no verifier.
bool MatchesScramVerifier(std::string_view password, std::string_view verifier);

std::string Sha256Hex(std::string_view text);

// Standard base64 with padding; Decode gives nothing useful ("") for what is no base64.
std::string EncodeBase64(std::string_view bytes);
std::string DecodeBase64(std::string_view text);

}  // namespace foreshard::op
