#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/key_space.h"

// The value of a sharding column in one statement, ready to be looked up, held, counted and
// sampled.

namespace foreshard::router {

struct Key {
  // Hash: where its hash falls. Range of bigint: the value with its sign bit turned, so that
  // unsigned order is the keys' order. Range of text and uuid: the first 8 bytes; `text` decides.
  model::Position position = 0;
  std::int64_t number = 0;              // bigint
  std::array<std::uint8_t, 16> uuid{};  // uuid
  std::string text;                     // text

  bool operator==(const Key&) const = default;
  auto operator<=>(const Key&) const = default;  // any order, for containers
};

// From canonical or uncanonical text, as a client writes it. Errors: kGiveUp with code 22P02 (22003
// for a number that is too large); never contains the value.
Result<Key> ParseKey(const model::KeySpace& space, std::string_view text);

// The number that 1 to 18 digits are, which is nearly every bigint that is written; nothing else.
std::optional<std::int64_t> DigitsOnly(std::string_view text);

Key KeyOfNumber(const model::KeySpace& space, std::int64_t number);
Key KeyOfText(const model::KeySpace& space, std::string_view text);
Key KeyOfUuid(const model::KeySpace& space, const std::array<std::uint8_t, 16>& uuid);

// Canonical text, for samples and messages to the operator.
std::string CanonicalText(model::KeyType type, const Key& key);

// Order in the key space (of positions for Hash, of keys for Range): < 0, 0, > 0.
int ComparePlaces(const model::KeySpace& space, const Key& a, const Key& b);

}  // namespace foreshard::router
