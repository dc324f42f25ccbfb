#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

// The key space of a ShardSet: which keys exist, how they are ordered, how a range is written.

namespace foreshard::model {

enum class Strategy { kHash, kRange };
enum class KeyType { kBigint, kText, kUuid };

struct KeySpace {
  Strategy strategy = Strategy::kHash;
  KeyType key_type = KeyType::kBigint;
  bool operator==(const KeySpace&) const = default;
};

// A place in the hash space: hash + 2^63 modulo 2^64, so that unsigned order is the order of signed
// hashes.
using Position = std::uint64_t;

constexpr Position PositionOfHash(std::int64_t hash) {
  return static_cast<std::uint64_t>(hash) ^ (std::uint64_t{1} << 63);
}
constexpr std::int64_t HashOfPosition(Position position) {
  return static_cast<std::int64_t>(position ^ (std::uint64_t{1} << 63));
}

// Lower-case hex of the 8 bytes with trailing zero bytes trimmed, as Vitess writes it: 2^62 is
// "40", 0 is "".
std::string FormatPosition(Position position);
// Accepts 0 to 16 hex digits, even in number. Errors: kGiveUp names what is wrong.
Result<Position> ParsePosition(std::string_view text);

// Half-open [from, to) in canonical text: hex positions for Hash, key values for Range. "" as
// `from`: from the lowest;
// "" as `to`: to the highest. (The empty text key lies in the first range either way.)
struct KeyRange {
  std::string from;
  std::string to;
  bool operator==(const KeyRange&) const = default;
};

// "-40", "40-80", "80-", "-": for people.
std::string ToString(const KeyRange& range);

// Canonical text of a bound or key: bigint without plus sign or leading zeros, uuid lower case with
// dashes, hex lower case with trailing zero bytes trimmed; text unchanged. Errors: kGiveUp with the
// value.
Result<std::string> CanonicalBound(const KeySpace& space, std::string_view text);
Result<std::string> CanonicalKey(KeyType type, std::string_view text);

// Order of two canonical, non-empty bounds: < 0, 0, > 0. Text compares by bytes (COLLATE "C").
int CompareBounds(const KeySpace& space, std::string_view a, std::string_view b);

bool IsEmpty(const KeySpace& space, const KeyRange& range);  // from >= to
bool Contains(const KeySpace& space, const KeyRange& outer, const KeyRange& inner);
bool Overlap(const KeySpace& space, const KeyRange& a, const KeyRange& b);
std::optional<KeyRange> Intersect(const KeySpace& space, const KeyRange& a, const KeyRange& b);

// Where a canonical key lies: its own text for Range, FormatPosition(PositionOfHash(hash)) for
// Hash.
std::string BoundOfKey(const KeySpace& space, std::string_view canonical_key);
bool ContainsKey(const KeySpace& space, const KeyRange& range, std::string_view canonical_key);

}  // namespace foreshard::model
