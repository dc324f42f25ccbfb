#include "model/hash.h"

#include <bit>
#include <cstddef>
#include <cstring>

// Bob Jenkins' lookup3 (public domain) as PostgreSQL documents and uses it: three 32-bit lanes, 12
// bytes a round, the length in the start value, the last two lanes as the 64-bit result.

namespace foreshard::model {

namespace {

// golden ratio plus PostgreSQL's own constant; the length of the key is added to it.
constexpr std::uint32_t kStart = 0x9e3779b9U + 3923095U;

struct Lanes {
  std::uint32_t a;
  std::uint32_t b;
  std::uint32_t c;

  Lanes(std::size_t length, std::uint64_t seed)
      : a(kStart + static_cast<std::uint32_t>(length)), b(a), c(a) {
    if (seed == 0) return;
    a += static_cast<std::uint32_t>(seed >> 32);
    b += static_cast<std::uint32_t>(seed);
    Mix();
  }

  void Mix() {
    a -= c, a ^= std::rotl(c, 4), c += b;
    b -= a, b ^= std::rotl(a, 6), a += c;
    c -= b, c ^= std::rotl(b, 8), b += a;
    a -= c, a ^= std::rotl(c, 16), c += b;
    b -= a, b ^= std::rotl(a, 19), a += c;
    c -= b, c ^= std::rotl(b, 4), b += a;
  }

  std::int64_t Final() {
    c ^= b, c -= std::rotl(b, 14);
    a ^= c, a -= std::rotl(c, 11);
    b ^= a, b -= std::rotl(a, 25);
    c ^= b, c -= std::rotl(b, 16);
    a ^= c, a -= std::rotl(c, 4);
    b ^= a, b -= std::rotl(a, 14);
    c ^= b, c -= std::rotl(b, 24);
    return static_cast<std::int64_t>(std::uint64_t{b} << 32 | c);
  }
};

std::uint32_t Load32(const std::uint8_t* bytes) {
  std::uint32_t word = 0;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

}  // namespace

static_assert(std::endian::native == std::endian::little,
              "hashes are those of little-endian PostgreSQL");

std::int64_t HashBytesExtended(std::span<const std::uint8_t> bytes, std::uint64_t seed) {
  Lanes lanes(bytes.size(), seed);
  const std::uint8_t* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 12; left -= 12, at += 12) {
    lanes.a += Load32(at);
    lanes.b += Load32(at + 4);
    lanes.c += Load32(at + 8);
    lanes.Mix();
  }
  // The tail, byte by byte; the lowest byte of c stays free because the length is already in the
  // start value.
  for (std::size_t i = 0; i < left; ++i) {
    const std::uint32_t byte = at[i];
    if (i < 4) lanes.a += byte << (8 * i);
    if (i >= 4 && i < 8) lanes.b += byte << (8 * (i - 4));
    if (i >= 8) lanes.c += byte << (8 * (i - 8) + 8);
  }
  return lanes.Final();
}

std::int64_t HashInt8Extended(std::int64_t key, std::uint64_t seed) {
  // Both halves folded so that an int8 hashes as the int4 of the same value.
  const auto low = static_cast<std::uint32_t>(static_cast<std::uint64_t>(key));
  const auto high = static_cast<std::uint32_t>(static_cast<std::uint64_t>(key) >> 32);
  Lanes lanes(sizeof(std::uint32_t), seed);
  lanes.a += low ^ (key >= 0 ? high : ~high);
  return lanes.Final();
}

std::int64_t HashTextExtended(std::string_view key, std::uint64_t seed) {
  return HashBytesExtended({reinterpret_cast<const std::uint8_t*>(key.data()), key.size()}, seed);
}

std::int64_t HashUuidExtended(const std::array<std::uint8_t, 16>& key, std::uint64_t seed) {
  return HashBytesExtended(key, seed);
}

}  // namespace foreshard::model
