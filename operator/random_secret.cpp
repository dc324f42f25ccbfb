#include "operator/random_secret.h"

#include <openssl/rand.h>

#include <string_view>

namespace foreshard::op {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
// Larger bytes are thrown away: a plain modulo would prefer the first characters.
constexpr std::size_t kFairBytes = 256 / kAlphabet.size() * kAlphabet.size();

}  // namespace

Result<std::string> RandomBytes(std::size_t count) {
  std::string bytes(count, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count)) != 1) {
    return Error::Retry("the random generator has no entropy", "NoEntropy");
  }
  return bytes;
}

Result<std::string> RandomSecret(std::size_t length) {
  std::string secret;
  while (secret.size() < length) {
    const Result<std::string> bytes = RandomBytes(length);
    if (!bytes) return bytes.error();
    for (const char byte : *bytes) {
      const std::size_t number = static_cast<unsigned char>(byte);
      if (number < kFairBytes && secret.size() < length)
        secret += kAlphabet[number % kAlphabet.size()];
    }
  }
  return secret;
}

}  // namespace foreshard::op
