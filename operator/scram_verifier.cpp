#include "operator/scram_verifier.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include <array>
#include <charconv>

#include "operator/random_secret.h"

namespace foreshard::op {
namespace {

using Digest = std::array<unsigned char, SHA256_DIGEST_LENGTH>;

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string_view View(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

Digest Hmac(const Digest& key, std::string_view text) {
  Digest digest{};
  unsigned int length = 0;
  const bool done = HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), Bytes(text),
                         text.size(), digest.data(), &length) != nullptr;
  CHECK(done && length == digest.size(), "HMAC failed");
  return digest;
}

}  // namespace

std::string EncodeBase64(std::string_view bytes) {
  std::string text((bytes.size() + 2) / 3 * 4, '\0');
  if (bytes.empty()) return text;
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), Bytes(bytes),
                  static_cast<int>(bytes.size()));
  return text;
}

std::string DecodeBase64(std::string_view text) {
  if (text.empty() || text.size() % 4 != 0) return {};
  std::string bytes(text.size() / 4 * 3, '\0');
  const int length = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()), Bytes(text),
                                     static_cast<int>(text.size()));
  if (length < 0) return {};
  std::size_t padding = 0;
  while (padding < 2 && text[text.size() - 1 - padding] == '=') ++padding;
  bytes.resize(static_cast<std::size_t>(length) - padding);
  return bytes;
}

std::string Sha256Hex(std::string_view text) {
  Digest digest{};
  SHA256(Bytes(text), text.size(), digest.data());
  std::string hex;
  for (const unsigned char byte : digest) hex += fmt::format("{:02x}", byte);
  return hex;
}

std::string MakeScramVerifier(std::string_view password, std::string_view salt, int iterations) {
  Digest salted{};
  const int done = PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()),
                                     Bytes(salt), static_cast<int>(salt.size()), iterations,
                                     EVP_sha256(), static_cast<int>(salted.size()), salted.data());
  CHECK(done == 1, "PBKDF2 failed");
  const Digest client_key = Hmac(salted, "Client Key");
  const Digest server_key = Hmac(salted, "Server Key");
  Digest stored_key{};
  SHA256(client_key.data(), client_key.size(), stored_key.data());
  return fmt::format("SCRAM-SHA-256${}:{}${}:{}", iterations, EncodeBase64(salt),
                     EncodeBase64(View(stored_key)), EncodeBase64(View(server_key)));
}

Result<std::string> NewScramVerifier(std::string_view password) {
  const Result<std::string> salt = RandomBytes(16);
  if (!salt) return salt.error();
  return MakeScramVerifier(password, *salt);
}

bool MatchesScramVerifier(std::string_view password, std::string_view verifier) {
  constexpr std::string_view kPrefix = "SCRAM-SHA-256$";
  if (!verifier.starts_with(kPrefix)) return false;
  const std::string_view rest = verifier.substr(kPrefix.size());
  const std::size_t colon = rest.find(':');
  const std::size_t dollar = rest.find('$');
  if (colon == std::string_view::npos || dollar == std::string_view::npos || dollar < colon)
    return false;
  int iterations = 0;
  const auto read = std::from_chars(rest.data(), rest.data() + colon, iterations);
  if (read.ec != std::errc() || iterations < 1 || iterations > 1'000'000) return false;
  const std::string salt = DecodeBase64(rest.substr(colon + 1, dollar - colon - 1));
  return !salt.empty() && MakeScramVerifier(password, salt, iterations) == verifier;
}

}  // namespace foreshard::op
