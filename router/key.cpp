#include "router/key.h"

#include <fmt/format.h>

#include <charconv>

#include "base/check.h"
#include "model/hash.h"

namespace foreshard::router {

namespace {

using model::KeyType;
using model::Strategy;

constexpr std::uint64_t kSignBit = std::uint64_t{1} << 63;

// The first 8 bytes, most significant first, so that unsigned order agrees with the order of bytes
// as far as it goes.
std::uint64_t Prefix(const std::uint8_t* bytes, std::size_t size) {
  std::uint64_t prefix = 0;
  for (std::size_t i = 0; i < 8; ++i) prefix = prefix << 8 | (i < size ? bytes[i] : 0);
  return prefix;
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

Result<Key> ParseNumber(const model::KeySpace& space, std::string_view text) {
  std::int64_t number = 0;
  if (const auto digits = DigitsOnly(text)) return KeyOfNumber(space, *digits);
  const char* const end = text.data() + text.size();
  auto [stopped, error] = std::from_chars(text.data(), end, number);
  if (error == std::errc() && stopped == end && !text.empty()) return KeyOfNumber(space, number);
  const Result<std::string> canonical = model::CanonicalKey(KeyType::kBigint, text);
  if (canonical) {
    std::from_chars(canonical->data(), canonical->data() + canonical->size(), number);
    return KeyOfNumber(space, number);
  }
  if (error == std::errc::result_out_of_range && stopped == end) {
    return Error::GiveUp("value is out of range for type bigint", "", "22003");
  }
  return Error::GiveUp("value is not a bigint", "", "22P02");
}

}  // namespace

Result<Key> ParseKey(const model::KeySpace& space, std::string_view text) {
  switch (space.key_type) {
    case KeyType::kBigint:
      return ParseNumber(space, text);
    case KeyType::kText:
      return KeyOfText(space, text);
    case KeyType::kUuid: {
      const Result<std::string> canonical = model::CanonicalKey(KeyType::kUuid, text);
      if (!canonical) return Error::GiveUp("value is not a uuid", "", "22P02");
      std::array<std::uint8_t, 16> bytes{};
      std::size_t at = 0;
      for (std::uint8_t& byte : bytes) {
        if ((*canonical)[at] == '-') ++at;
        byte = static_cast<std::uint8_t>(HexDigit((*canonical)[at]) * 16 +
                                         HexDigit((*canonical)[at + 1]));
        at += 2;
      }
      return KeyOfUuid(space, bytes);
    }
  }
  Unreachable(space.key_type);
}

std::optional<std::int64_t> DigitsOnly(std::string_view text) {
  if (text.empty() || text.size() > 18) return std::nullopt;
  std::int64_t value = 0;
  for (const char c : text) {
    const auto digit = static_cast<unsigned char>(c - '0');
    if (digit > 9) return std::nullopt;
    value = value * 10 + digit;
  }
  return value;
}

Key KeyOfNumber(const model::KeySpace& space, std::int64_t number) {
  Key key;
  key.number = number;
  key.position = space.strategy == Strategy::kHash
                     ? model::PositionOfHash(model::HashInt8Extended(number, 0))
                     : static_cast<std::uint64_t>(number) ^ kSignBit;
  return key;
}

Key KeyOfText(const model::KeySpace& space, std::string_view text) {
  Key key;
  key.text = text;
  key.position = space.strategy == Strategy::kHash
                     ? model::PositionOfHash(model::HashTextExtended(text, 0))
                     : Prefix(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
  return key;
}

Key KeyOfUuid(const model::KeySpace& space, const std::array<std::uint8_t, 16>& uuid) {
  Key key;
  key.uuid = uuid;
  key.position = space.strategy == Strategy::kHash
                     ? model::PositionOfHash(model::HashUuidExtended(uuid, 0))
                     : Prefix(uuid.data(), uuid.size());
  return key;
}

std::string CanonicalText(KeyType type, const Key& key) {
  switch (type) {
    case KeyType::kBigint:
      return fmt::format("{}", key.number);
    case KeyType::kText:
      return key.text;
    case KeyType::kUuid: {
      std::string text;
      for (std::size_t i = 0; i < key.uuid.size(); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
        text += fmt::format("{:02x}", key.uuid[i]);
      }
      return text;
    }
  }
  Unreachable(type);
}

int ComparePlaces(const model::KeySpace& space, const Key& a, const Key& b) {
  if (a.position != b.position) return a.position < b.position ? -1 : 1;
  if (space.strategy == Strategy::kHash) return 0;
  switch (space.key_type) {
    case KeyType::kBigint:
      return 0;
    case KeyType::kText:
      return a.text.compare(b.text);
    case KeyType::kUuid:
      return a.uuid < b.uuid ? -1 : static_cast<int>(b.uuid < a.uuid);
  }
  Unreachable(space.key_type);
}

}  // namespace foreshard::router
