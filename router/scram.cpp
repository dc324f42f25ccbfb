#include "router/scram.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <charconv>
#include <cstring>

#include "base/check.h"

namespace foreshard::router {
namespace {

constexpr std::string_view kPrefix = "SCRAM-SHA-256$";
constexpr std::string_view kBindingHeader = "p=tls-server-end-point,,";

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

ScramKey Hmac(const ScramKey& key, std::string_view text) {
  ScramKey out{};
  unsigned length = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), Bytes(text), text.size(), out.data(),
       &length);
  return out;
}

ScramKey Hash(const ScramKey& key) {
  ScramKey out{};
  SHA256(key.data(), key.size(), out.data());
  return out;
}

ScramKey Xor(const ScramKey& a, const ScramKey& b) {
  ScramKey out{};
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::uint8_t>(a[i] ^ b[i]);
  return out;
}

bool Same(const ScramKey& a, const ScramKey& b) {
  return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string Base64(const void* data, std::size_t size) {
  std::string out(4 * ((size + 2) / 3) + 1, '\0');
  const int length =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                      static_cast<const unsigned char*>(data), static_cast<int>(size));
  out.resize(static_cast<std::size_t>(length));
  return out;
}

std::optional<std::string> Unbase64(std::string_view text) {
  if (text.size() % 4 != 0 || text.size() > 4096) return std::nullopt;
  std::string out(text.size() / 4 * 3 + 1, '\0');
  const int length = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()), Bytes(text),
                                     static_cast<int>(text.size()));
  if (length < 0) return std::nullopt;
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with("=") ? 1 : 0;
  if (static_cast<std::size_t>(length) < padding) return std::nullopt;
  out.resize(static_cast<std::size_t>(length) - padding);
  return out;
}

std::optional<ScramKey> UnbaseKey(std::string_view text) {
  const std::optional<std::string> bytes = Unbase64(text);
  if (!bytes || bytes->size() != ScramKey().size()) return std::nullopt;
  ScramKey key;
  std::memcpy(key.data(), bytes->data(), key.size());
  return key;
}

// "r=abc,s=def" and 'r' gives "abc".
std::optional<std::string_view> Attribute(std::string_view message, char name) {
  while (!message.empty()) {
    const std::size_t comma = message.find(',');
    const std::string_view field = message.substr(0, comma);
    if (field.size() >= 2 && field[0] == name && field[1] == '=') return field.substr(2);
    if (comma == std::string_view::npos) break;
    message.remove_prefix(comma + 1);
  }
  return std::nullopt;
}

Error Malformed(std::string_view what) {
  return Error::GiveUp(fmt::format("malformed SCRAM message: {}", what), "", "08P01");
}

}  // namespace

Result<ScramVerifier> ParseScramVerifier(std::string_view text) {
  const Error bad = Error::GiveUp("not a SCRAM-SHA-256 verifier", "BadVerifier");
  if (!text.starts_with(kPrefix)) return bad;
  text.remove_prefix(kPrefix.size());
  const std::size_t colon = text.find(':');
  const std::size_t dollar = text.find('$');
  const std::size_t second = text.rfind(':');
  if (colon == std::string_view::npos || dollar == std::string_view::npos || colon > dollar ||
      second < dollar)
    return bad;
  ScramVerifier verifier;
  const std::string_view count = text.substr(0, colon);
  const auto [end, error] =
      std::from_chars(count.data(), count.data() + count.size(), verifier.iterations);
  if (error != std::errc() || end != count.data() + count.size() || verifier.iterations < 1)
    return bad;
  verifier.salt_base64 = std::string(text.substr(colon + 1, dollar - colon - 1));
  const std::optional<ScramKey> stored = UnbaseKey(text.substr(dollar + 1, second - dollar - 1));
  const std::optional<ScramKey> server = UnbaseKey(text.substr(second + 1));
  if (!stored || !server || !Unbase64(verifier.salt_base64)) return bad;
  verifier.stored_key = *stored;
  verifier.server_key = *server;
  return verifier;
}

ScramIdentity DeriveScramIdentity(std::string_view password, std::string_view salt,
                                  int iterations) {
  ScramKey salted{};
  const int done = PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()),
                                     Bytes(salt), static_cast<int>(salt.size()), iterations,
                                     EVP_sha256(), static_cast<int>(salted.size()), salted.data());
  CHECK(done == 1, "PBKDF2 failed");
  return {.client_key = Hmac(salted, "Client Key"), .server_key = Hmac(salted, "Server Key")};
}

std::string MakeScramVerifier(std::string_view password, std::string_view salt, int iterations) {
  const ScramIdentity identity = DeriveScramIdentity(password, salt, iterations);
  const ScramKey stored = Hash(identity.client_key);
  return fmt::format("{}{}:{}${}:{}", kPrefix, iterations, Base64(salt.data(), salt.size()),
                     Base64(stored.data(), stored.size()),
                     Base64(identity.server_key.data(), identity.server_key.size()));
}

ScramVerifier MockScramVerifier(std::string_view user, const ScramKey& secret) {
  const ScramKey salt = Hmac(secret, user);
  ScramVerifier verifier;
  verifier.iterations = 4096;
  verifier.salt_base64 = Base64(salt.data(), 16);
  verifier.stored_key = Hmac(salt, "stored");
  verifier.server_key = Hmac(salt, "server");
  return verifier;
}

std::string Pseudonym(std::string_view text, const ScramKey& secret) {
  const ScramKey hash = Hmac(secret, text);
  std::string digits;
  for (std::size_t i = 0; i < 8; ++i) digits += fmt::format("{:02x}", hash[i]);
  return digits;
}

ScramKey RandomScramKey() {
  ScramKey key;
  CHECK(RAND_bytes(key.data(), static_cast<int>(key.size())) == 1, "no random bytes");
  return key;
}

std::string RandomNonce() {
  const ScramKey key = RandomScramKey();
  return Base64(key.data(), 18);
}

ScramServer::ScramServer(ScramVerifier verifier, bool known_user, std::string nonce,
                         std::string channel_binding)
    : verifier_(std::move(verifier)),
      known_user_(known_user),
      nonce_(std::move(nonce)),
      channel_binding_(std::move(channel_binding)) {}

Result<std::string> ScramServer::First(std::string_view mechanism, std::string_view client_first) {
  uses_binding_ = mechanism == "SCRAM-SHA-256-PLUS";
  if (!uses_binding_ && mechanism != "SCRAM-SHA-256") {
    return Error::GiveUp("client selected an invalid SASL authentication mechanism", "", "08P01");
  }
  if (uses_binding_ && channel_binding_.empty()) return Malformed("channel binding without TLS");
  if (uses_binding_ && !client_first.starts_with(kBindingHeader))
    return Malformed("unsupported channel binding");
  if (!uses_binding_ && !client_first.starts_with("n,,") && !client_first.starts_with("y,,")) {
    return Malformed("unsupported GS2 header");
  }
  if (client_first.starts_with("y,,") && !channel_binding_.empty()) {
    return Error::GiveUp("SCRAM channel binding negotiation error", "",
                         "28000");  // Somebody removed PLUS from our offer.
  }
  const std::size_t header = uses_binding_ ? kBindingHeader.size() : 3;
  gs2_header_ = std::string(client_first.substr(0, header));
  client_first_bare_ = std::string(client_first.substr(header));
  const std::optional<std::string_view> nonce = Attribute(client_first_bare_, 'r');
  if (!client_first_bare_.starts_with("n=") || !nonce || nonce->empty())
    return Malformed("nonce expected");
  nonce_ = std::string(*nonce) + nonce_;
  server_first_ =
      fmt::format("r={},s={},i={}", nonce_, verifier_.salt_base64, verifier_.iterations);
  return server_first_;
}

Result<std::string> ScramServer::Final(std::string_view client_final) {
  const std::size_t proof_at = client_final.rfind(",p=");
  if (proof_at == std::string_view::npos) return Malformed("proof expected");
  const std::string_view without_proof = client_final.substr(0, proof_at);
  const std::optional<ScramKey> proof = UnbaseKey(client_final.substr(proof_at + 3));
  const std::optional<std::string_view> binding = Attribute(without_proof, 'c');
  if (!proof || !binding) return Malformed("proof or channel binding");
  const std::string bound = uses_binding_ ? gs2_header_ + channel_binding_ : gs2_header_;
  if (*binding != Base64(bound.data(), bound.size())) {
    return Error::GiveUp("SCRAM channel binding check failed", "", "28000");
  }
  if (Attribute(without_proof, 'r') != nonce_) return Malformed("nonce does not match");
  const std::string auth =
      fmt::format("{},{},{}", client_first_bare_, server_first_, without_proof);
  identity_.client_key = Xor(*proof, Hmac(verifier_.stored_key, auth));
  identity_.server_key = verifier_.server_key;
  if (!Same(Hash(identity_.client_key), verifier_.stored_key) || !known_user_) {
    identity_ = {};
    return Error::GiveUp("password authentication failed", "", "28P01");
  }
  const ScramKey signature = Hmac(verifier_.server_key, auth);
  return "v=" + Base64(signature.data(), signature.size());
}

ScramClient::ScramClient(const ScramIdentity& identity, std::string nonce,
                         std::string channel_binding)
    : identity_(identity), nonce_(std::move(nonce)), channel_binding_(std::move(channel_binding)) {}

std::string ScramClient::First() {
  client_first_bare_ = "n=,r=" + nonce_;  // PostgreSQL takes the user from the startup packet.
  return (channel_binding_.empty() ? std::string("n,,") : std::string(kBindingHeader)) +
         client_first_bare_;
}

Result<std::string> ScramClient::Final(std::string_view server_first) {
  const std::optional<std::string_view> nonce = Attribute(server_first, 'r');
  if (!nonce || !nonce->starts_with(nonce_) || nonce->size() == nonce_.size())
    return Malformed("nonce of the server");
  const std::string bound =
      channel_binding_.empty() ? "n,," : std::string(kBindingHeader) + channel_binding_;
  const std::string without_proof =
      fmt::format("c={},r={}", Base64(bound.data(), bound.size()), *nonce);
  auth_message_ = fmt::format("{},{},{}", client_first_bare_, server_first, without_proof);
  const ScramKey proof = Xor(identity_.client_key, Hmac(Hash(identity_.client_key), auth_message_));
  return fmt::format("{},p={}", without_proof, Base64(proof.data(), proof.size()));
}

Status ScramClient::Verify(std::string_view server_final) const {
  const std::optional<std::string_view> given = Attribute(server_final, 'v');
  const std::optional<ScramKey> signature = given ? UnbaseKey(*given) : std::nullopt;
  if (!signature || !Same(*signature, Hmac(identity_.server_key, auth_message_))) {
    return Error::GiveUp("the shard could not prove that it knows the user", "BadServerSignature",
                         "28000");
  }
  return Ok();
}

}  // namespace foreshard::router
