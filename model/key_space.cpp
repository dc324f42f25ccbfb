#include "model/key_space.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "base/check.h"
#include "model/hash.h"

namespace foreshard::model {

namespace {

constexpr std::string_view kLowestUuid = "00000000-0000-0000-0000-000000000000";

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool IsBlank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// As PostgreSQL's int8in: blanks around, one sign, digits.
std::optional<std::int64_t> ParseBigint(std::string_view text) {
  while (!text.empty() && IsBlank(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsBlank(text.back())) text.remove_suffix(1);
  if (text.starts_with('+')) {
    text.remove_prefix(1);
    if (text.starts_with('-')) return std::nullopt;
  }
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// As PostgreSQL's uuid_in: 32 digits, a dash allowed after each group of four, braces around
// allowed.
std::optional<std::array<std::uint8_t, 16>> ParseUuid(std::string_view text) {
  if (text.starts_with('{')) {
    if (!text.ends_with('}')) return std::nullopt;
    text = text.substr(1, text.size() - 2);
  }
  std::array<std::uint8_t, 16> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (text.size() < 2) return std::nullopt;
    const int high = HexDigit(text[0]);
    const int low = HexDigit(text[1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes[i] = static_cast<std::uint8_t>(high * 16 + low);
    text.remove_prefix(2);
    if (i % 2 == 1 && i < 15 && text.starts_with('-')) text.remove_prefix(1);
  }
  if (!text.empty()) return std::nullopt;
  return bytes;
}

std::string FormatUuid(const std::array<std::uint8_t, 16>& bytes) {
  std::string text;
  text.reserve(36);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += "0123456789abcdef"[bytes[i] >> 4];
    text += "0123456789abcdef"[bytes[i] & 15];
  }
  return text;
}

// Order of two lower bounds, where "" is below everything.
int CompareFrom(const KeySpace& space, std::string_view a, std::string_view b) {
  if (a.empty() || b.empty()) return static_cast<int>(b.empty()) - static_cast<int>(a.empty());
  return CompareBounds(space, a, b);
}

// Order of two upper bounds, where "" is above everything.
int CompareTo(const KeySpace& space, std::string_view a, std::string_view b) {
  if (a.empty() || b.empty()) return static_cast<int>(a.empty()) - static_cast<int>(b.empty());
  return CompareBounds(space, a, b);
}

// Nothing lies below this upper bound.
bool IsLowest(const KeySpace& space, std::string_view to) {
  if (space.strategy == Strategy::kHash) return false;
  switch (space.key_type) {
    case KeyType::kBigint:
      return ParseBigint(to) == std::numeric_limits<std::int64_t>::min();
    case KeyType::kUuid:
      return to == kLowestUuid;
    case KeyType::kText:
      return false;
  }
  Unreachable(space.key_type);
}

std::int64_t HashOfKey(KeyType type, std::string_view canonical_key) {
  switch (type) {
    case KeyType::kBigint: {
      const auto value = ParseBigint(canonical_key);
      CHECK(value.has_value(), "key is not canonical", canonical_key);
      return HashInt8Extended(*value, 0);
    }
    case KeyType::kText:
      return HashTextExtended(canonical_key, 0);
    case KeyType::kUuid: {
      const auto bytes = ParseUuid(canonical_key);
      CHECK(bytes.has_value(), "key is not canonical", canonical_key);
      return HashUuidExtended(*bytes, 0);
    }
  }
  Unreachable(type);
}

}  // namespace

std::string FormatPosition(Position position) {
  std::string text = fmt::format("{:016x}", position);
  while (text.ends_with("00")) text.resize(text.size() - 2);
  return text;
}

Result<Position> ParsePosition(std::string_view text) {
  if (text.size() > 16 || text.size() % 2 != 0) {
    return Error::GiveUp(
        fmt::format("position '{}': accepted are 0 to 16 hex digits, even in number", text));
  }
  Position position = 0;
  for (const char c : text) {
    const int digit = HexDigit(c);
    if (digit < 0) return Error::GiveUp(fmt::format("position '{}': not a hex number", text));
    position = position << 4 | static_cast<Position>(digit);
  }
  return text.empty() ? Position{0} : position << (4 * (16 - text.size()));
}

std::string ToString(const KeyRange& range) { return range.from + "-" + range.to; }

Result<std::string> CanonicalBound(const KeySpace& space, std::string_view text) {
  if (text.empty()) return std::string();
  if (space.strategy == Strategy::kRange) return CanonicalKey(space.key_type, text);
  const Result<Position> position = ParsePosition(text);
  if (!position) return position.error();
  // As an upper bound "" means the highest, so zero has one spelling only.
  if (*position == 0) {
    return Error::GiveUp(
        fmt::format("position '{}': the lowest is written as the empty text", text));
  }
  return FormatPosition(*position);
}

Result<std::string> CanonicalKey(KeyType type, std::string_view text) {
  switch (type) {
    case KeyType::kBigint: {
      const auto value = ParseBigint(text);
      if (!value) return Error::GiveUp(fmt::format("key '{}': not a bigint", text));
      return fmt::format("{}", *value);
    }
    case KeyType::kText:
      return std::string(text);
    case KeyType::kUuid: {
      const auto bytes = ParseUuid(text);
      if (!bytes) return Error::GiveUp(fmt::format("key '{}': not a uuid", text));
      return FormatUuid(*bytes);
    }
  }
  Unreachable(type);
}

int CompareBounds(const KeySpace& space, std::string_view a, std::string_view b) {
  if (space.strategy == Strategy::kRange && space.key_type == KeyType::kBigint) {
    const auto x = ParseBigint(a);
    const auto y = ParseBigint(b);
    CHECK(x && y, "bound is not canonical", a, b);
    return static_cast<int>(*x > *y) - static_cast<int>(*x < *y);
  }
  // Left-aligned hex, lower-case uuids and text under COLLATE "C" all order as their bytes do.
  const int order = a.compare(b);
  return static_cast<int>(order > 0) - static_cast<int>(order < 0);
}

bool IsEmpty(const KeySpace& space, const KeyRange& range) {
  if (range.to.empty()) return false;
  if (range.from.empty()) return IsLowest(space, range.to);
  return CompareBounds(space, range.from, range.to) >= 0;
}

bool Contains(const KeySpace& space, const KeyRange& outer, const KeyRange& inner) {
  return CompareFrom(space, outer.from, inner.from) <= 0 &&
         CompareTo(space, inner.to, outer.to) <= 0;
}

bool Overlap(const KeySpace& space, const KeyRange& a, const KeyRange& b) {
  return Intersect(space, a, b).has_value();
}

std::optional<KeyRange> Intersect(const KeySpace& space, const KeyRange& a, const KeyRange& b) {
  const KeyRange common{.from = CompareFrom(space, a.from, b.from) >= 0 ? a.from : b.from,
                        .to = CompareTo(space, a.to, b.to) <= 0 ? a.to : b.to};
  if (IsEmpty(space, common) || IsEmpty(space, a) || IsEmpty(space, b)) return std::nullopt;
  return common;
}

std::string BoundOfKey(const KeySpace& space, std::string_view canonical_key) {
  if (space.strategy == Strategy::kRange) return std::string(canonical_key);
  return FormatPosition(PositionOfHash(HashOfKey(space.key_type, canonical_key)));
}

bool ContainsKey(const KeySpace& space, const KeyRange& range, std::string_view canonical_key) {
  const std::string bound = BoundOfKey(space, canonical_key);
  if (CompareFrom(space, range.from, bound) > 0) return false;
  if (range.to.empty() || bound.empty()) return true;
  return CompareBounds(space, bound, range.to) < 0;
}

}  // namespace foreshard::model
