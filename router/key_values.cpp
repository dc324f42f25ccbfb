#include "router/key_values.h"

#include <fmt/format.h>

#include <charconv>
#include <cstring>

#include "base/check.h"

namespace foreshard::router {

namespace {

using model::KeyType;

// Of pg_type.dat, stable since PostgreSQL 8.
constexpr std::uint32_t kInt8 = 20;
constexpr std::uint32_t kInt2 = 21;
constexpr std::uint32_t kInt4 = 23;
constexpr std::uint32_t kText = 25;
constexpr std::uint32_t kUnknown = 705;
constexpr std::uint32_t kName = 19;
constexpr std::uint32_t kVarchar = 1043;
constexpr std::uint32_t kUuid = 2950;

std::uint64_t BigEndian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

std::optional<std::int64_t> BinaryInteger(std::string_view bytes) {
  const std::uint64_t value = BigEndian(bytes);
  if (bytes.size() == 8) return static_cast<std::int64_t>(value);
  if (bytes.size() == 4) return static_cast<std::int32_t>(static_cast<std::uint32_t>(value));
  if (bytes.size() == 2) return static_cast<std::int16_t>(static_cast<std::uint16_t>(value));
  return std::nullopt;
}

bool MayBeKey(KeyType type, std::uint32_t oid) {
  if (oid == 0 || oid == kUnknown) return true;
  switch (type) {
    case KeyType::kBigint:
      return oid == kInt8 || oid == kInt4 || oid == kInt2;
    case KeyType::kText:
      return oid == kText || oid == kVarchar || oid == kName;
    case KeyType::kUuid:
      return oid == kUuid;
  }
  Unreachable(type);
}

Error WrongType(std::uint32_t oid) {
  return Error::GiveUp(
      fmt::format("a parameter of type {} cannot be read as the sharding key", oid), "", "22023");
}

Result<Key> BinaryKey(const model::KeySpace& space, std::string_view bytes) {
  switch (space.key_type) {
    case KeyType::kBigint: {
      const std::optional<std::int64_t> number = BinaryInteger(bytes);
      if (!number) return Error::GiveUp("incorrect binary data format", "", "22P03");
      return KeyOfNumber(space, *number);
    }
    case KeyType::kText:
      return KeyOfText(space, bytes);
    case KeyType::kUuid: {
      std::array<std::uint8_t, 16> uuid{};
      if (bytes.size() != uuid.size())
        return Error::GiveUp("incorrect binary data format", "", "22P03");
      std::memcpy(uuid.data(), bytes.data(), uuid.size());
      return KeyOfUuid(space, uuid);
    }
  }
  Unreachable(space.key_type);
}

Status AppendBinaryArray(const model::KeySpace& space, std::string_view bytes,
                         std::vector<Key>& keys) {
  const Error bad = Error::GiveUp("incorrect binary array", "", "22P03");
  const auto take = [&](std::size_t size) {
    const std::string_view taken = bytes.substr(0, size);
    bytes.remove_prefix(std::min(size, bytes.size()));
    return taken;
  };
  if (bytes.size() < 12) return bad;
  const std::uint64_t dimensions = BigEndian(take(4));
  take(4);
  const auto element_type = static_cast<std::uint32_t>(BigEndian(take(4)));
  if (dimensions == 0) return Ok();
  if (dimensions != 1 || bytes.size() < 8) return bad;
  if (!MayBeKey(space.key_type, element_type)) return WrongType(element_type);
  const std::uint64_t count = BigEndian(take(4));
  take(4);
  for (std::uint64_t i = 0; i < count; ++i) {
    if (bytes.size() < 4) return bad;
    const auto size = static_cast<std::int32_t>(static_cast<std::uint32_t>(BigEndian(take(4))));
    if (size < 0) continue;
    if (bytes.size() < static_cast<std::size_t>(size)) return bad;
    const Result<Key> key = BinaryKey(space, take(static_cast<std::size_t>(size)));
    if (!key) return key.error();
    keys.push_back(*key);
  }
  return Ok();
}

Status AppendTextArray(const model::KeySpace& space, std::string_view text,
                       std::vector<Key>& keys) {
  const Result<std::vector<std::string>> elements = ParseArray(text);
  if (!elements) return elements.error();
  for (const std::string& element : *elements) {
    Result<Key> key = ParseKey(space, element);
    if (!key) return key.error();
    keys.push_back(std::move(*key));
  }
  return Ok();
}

// A number or plain string as it stands, without a copy.
std::optional<std::string_view> PlainText(std::string_view text, const Literal& literal) {
  const std::string_view body = text.substr(literal.begin, literal.end - literal.begin);
  if (literal.kind == LiteralKind::kInteger || literal.kind == LiteralKind::kDecimal) return body;
  if (literal.kind != LiteralKind::kString) return std::nullopt;
  const std::string_view inside = body.substr(1, body.size() - 2);
  return inside.find('\'') == std::string_view::npos ? std::optional(inside) : std::nullopt;
}

// Of nearly every statement with a bigint key: no copy, no error.
std::optional<std::int64_t> LiteralNumber(const ValueSource& source, const ValueContext& context) {
  const Literal& literal = context.normalized.literals[source.index];
  if (context.space.key_type != KeyType::kBigint || literal.kind != LiteralKind::kInteger ||
      source.negative) {
    return std::nullopt;
  }
  return DigitsOnly(context.text.substr(literal.begin, literal.end - literal.begin));
}

Result<Key> LiteralKey(const ValueSource& source, const ValueContext& context) {
  const Literal& literal = context.normalized.literals[source.index];
  if (source.negative) return ParseKey(context.space, "-" + LiteralValue(context.text, literal));
  if (const std::optional<std::string_view> plain = PlainText(context.text, literal)) {
    return ParseKey(context.space, *plain);
  }
  if (literal.kind == LiteralKind::kBitString)
    return Error::GiveUp("a bit string is no key", "", "22023");
  return ParseKey(context.space, LiteralValue(context.text, literal));
}

}  // namespace

Result<Key> KeyOfParameter(const model::KeySpace& space, const ParameterValue& value) {
  if (value.is_null) return Error::GiveUp("null value", "", "22004");
  if (!MayBeKey(space.key_type, value.type_oid)) return WrongType(value.type_oid);
  return value.binary ? BinaryKey(space, value.bytes) : ParseKey(space, value.bytes);
}

Result<std::vector<std::string>> ParseArray(std::string_view text) {
  const Error bad = Error::GiveUp("malformed or nested array", "", "22P02");
  const auto blank = [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  if (text.size() < 2 || text.front() != '{' || text.back() != '}') return bad;
  text = text.substr(1, text.size() - 2);
  std::vector<std::string> elements;
  std::size_t at = 0;
  while (at < text.size() && blank(text[at])) ++at;
  if (at == text.size()) return elements;
  for (;; ++at) {
    std::string element;
    bool quoted = false;
    while (at < text.size() && blank(text[at])) ++at;
    if (at < text.size() && text[at] == '"') {
      quoted = true;
      for (++at; at < text.size() && text[at] != '"'; ++at) {
        if (text[at] == '\\' && ++at == text.size()) return bad;
        element += text[at];
      }
      if (at++ >= text.size()) return bad;
      while (at < text.size() && blank(text[at])) ++at;
    } else {
      for (; at < text.size() && text[at] != ','; ++at) {
        if (text[at] == '{' || text[at] == '}' || text[at] == '"') return bad;
        if (text[at] == '\\' && ++at == text.size()) return bad;
        element += text[at];
      }
      while (!element.empty() && blank(element.back())) element.pop_back();
      if (element.empty()) return bad;
    }
    const bool is_null = !quoted && element.size() == 4 && (element[0] | 32) == 'n' &&
                         (element[1] | 32) == 'u' && (element[2] | 32) == 'l' &&
                         (element[3] | 32) == 'l';
    if (!is_null) elements.push_back(std::move(element));
    if (at >= text.size()) return elements;
    if (text[at] != ',') return bad;
  }
}

Status AppendKeys(const ValueSource& source, const ValueContext& context, std::vector<Key>& keys,
                  bool* is_null) {
  const auto append = [&](Result<Key> key) -> Status {
    if (!key) return key.error();
    keys.push_back(std::move(*key));
    return Ok();
  };
  switch (source.from) {
    case ValueSource::From::kLiteral:
      if (const std::optional<std::int64_t> number = LiteralNumber(source, context)) {
        keys.push_back(KeyOfNumber(context.space, *number));
        return Ok();
      }
      return append(LiteralKey(source, context));
    case ValueSource::From::kConstant:
      return append(ParseKey(context.space, source.constant));
    case ValueSource::From::kLiteralArray:
      return AppendTextArray(context.space,
                             LiteralValue(context.text, context.normalized.literals[source.index]),
                             keys);
    case ValueSource::From::kParameter:
    case ValueSource::From::kParameterArray: {
      if (source.index == 0 || source.index > context.parameters.size()) {
        return Error::GiveUp(fmt::format("there is no parameter ${}", source.index), "", "42P02");
      }
      const ParameterValue& value = context.parameters[source.index - 1];
      if (value.is_null) {
        *is_null = true;
        return Ok();
      }
      if (source.from == ValueSource::From::kParameter)
        return append(KeyOfParameter(context.space, value));
      return value.binary ? AppendBinaryArray(context.space, value.bytes, keys)
                          : AppendTextArray(context.space, value.bytes, keys);
    }
    case ValueSource::From::kNull:
      *is_null = true;
      return Ok();
    case ValueSource::From::kDefault:
    case ValueSource::From::kUnknown:
      return Error::GiveUp("its value is not known to the router", "", "22023");
  }
  Unreachable(source.from);
}

Result<std::optional<std::int64_t>> CountValue(const ValueSource& source,
                                               const ValueContext& context) {
  const Error bad = Error::GiveUp("LIMIT or OFFSET is not a whole number", "", "22023");
  std::string_view text;
  if (source.from == ValueSource::From::kNull) return std::optional<std::int64_t>();
  if (source.from == ValueSource::From::kParameter) {
    if (source.index == 0 || source.index > context.parameters.size()) return bad;
    const ParameterValue& value = context.parameters[source.index - 1];
    if (value.is_null) return std::optional<std::int64_t>();
    if (value.binary) {
      const std::optional<std::int64_t> number = BinaryInteger(value.bytes);
      return number ? Result<std::optional<std::int64_t>>(number) : bad;
    }
    text = value.bytes;
  } else if (source.from == ValueSource::From::kLiteral) {
    const Literal& literal = context.normalized.literals[source.index];
    text = context.text.substr(literal.begin, literal.end - literal.begin);
  }
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return bad;
  return std::optional<std::int64_t>(source.negative ? -number : number);
}

}  // namespace foreshard::router
