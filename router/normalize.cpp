#include "router/normalize.h"

#include <charconv>
#include <cstring>
#include <optional>

#include "base/check.h"
#include "router/lexer.h"

namespace foreshard::router {

namespace {

std::uint64_t Load(const char* bytes) {
  std::uint64_t word = 0;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

std::uint64_t MultiplyMix(std::uint64_t a, std::uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

constexpr std::uint64_t kA = 0xa0761d6478bd642fULL;
constexpr std::uint64_t kB = 0xe7037ed1a0b428dbULL;
constexpr std::uint64_t kC = 0x8ebc6af09c88c6e3ULL;

// Marks cannot stand in a token: control characters are neither words nor operators, and quoted
// things carry their length.
constexpr char kEndOfToken = '\x01';
constexpr char kLiteralMark = '\x02';
constexpr char kOpaqueMark = '\x03';

std::optional<LiteralKind> LiteralKindOf(TokenKind kind) {
  switch (kind) {
    case TokenKind::kInteger:
      return LiteralKind::kInteger;
    case TokenKind::kDecimal:
      return LiteralKind::kDecimal;
    case TokenKind::kString:
      return LiteralKind::kString;
    case TokenKind::kEscapeString:
      return LiteralKind::kEscapeString;
    case TokenKind::kDollarString:
      return LiteralKind::kDollarString;
    case TokenKind::kBitString:
      return LiteralKind::kBitString;
    case TokenKind::kWord:
    case TokenKind::kQuotedName:
    case TokenKind::kOpaque:
    case TokenKind::kParameter:
    case TokenKind::kOperator:
    case TokenKind::kPunctuation:
      return std::nullopt;
  }
  Unreachable(kind);
}

// Writes tokens into a string whose size is only set at the end.
class CanonicalWriter {
 public:
  CanonicalWriter(std::string& out, std::size_t expected) : out_(out) { out_.resize(expected); }
  ~CanonicalWriter() { out_.resize(at_); }
  CanonicalWriter(const CanonicalWriter&) = delete;
  CanonicalWriter& operator=(const CanonicalWriter&) = delete;

  void Lower(std::string_view word) {
    char* to = Room(word.size());
    for (const char c : word) {
      const bool upper = c >= 'A' && c <= 'Z';
      *to++ = static_cast<char>(c | (upper ? 0x20 : 0));
    }
    Ended(to);
  }
  void AsItIs(std::string_view token) {
    char* to = Room(token.size());
    for (const char c : token) *to++ = c;
    Ended(to);
  }
  void Literal(LiteralKind kind) {
    char* to = Room(2);
    *to++ = kLiteralMark;
    *to++ = static_cast<char>('0' + static_cast<int>(kind));
    Ended(to);
  }
  void Exact(std::string_view token) {
    const auto length = static_cast<std::uint32_t>(token.size());
    char* to = Room(token.size() + 1 + sizeof length);
    *to++ = kOpaqueMark;
    std::memcpy(to, &length, sizeof length);
    std::memcpy(to + sizeof length, token.data(), token.size());
    Ended(to + sizeof length + token.size());
  }

 private:
  char* Room(std::size_t bytes) {
    if (out_.size() - at_ < bytes + 1) out_.resize(2 * out_.size() + bytes + 1);
    return out_.data() + at_;
  }
  void Ended(char* end) {
    *end++ = kEndOfToken;
    at_ = static_cast<std::size_t>(end - out_.data());
  }

  std::string& out_;
  std::size_t at_ = 0;
};

std::uint32_t NumberOf(std::string_view parameter) {
  std::uint32_t number = 0;
  std::from_chars(parameter.data() + 1, parameter.data() + parameter.size(), number);
  return number;
}

std::string DecodeDoubled(std::string_view body) {
  std::string value;
  for (std::size_t i = 0; i < body.size(); ++i) {
    value += body[i];
    if (body[i] == '\'' && i + 1 < body.size() && body[i + 1] == '\'') ++i;
  }
  return value;
}

void AppendUtf8(std::string& out, std::uint32_t point) {
  if (point < 0x80) {
    out += static_cast<char>(point);
  } else if (point < 0x800) {
    out += static_cast<char>(0xc0 | point >> 6);
    out += static_cast<char>(0x80 | (point & 0x3f));
  } else if (point < 0x10000) {
    out += static_cast<char>(0xe0 | point >> 12);
    out += static_cast<char>(0x80 | (point >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (point & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | point >> 18);
    out += static_cast<char>(0x80 | (point >> 12 & 0x3f));
    out += static_cast<char>(0x80 | (point >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (point & 0x3f));
  }
}

// Up to `digits_max` digits of `base` from `at`; advances.
std::uint32_t DecodeNumber(std::string_view body, std::size_t& at, int base,
                           std::size_t digits_max) {
  std::uint32_t value = 0;
  const std::size_t limit = std::min(body.size(), at + digits_max);
  const auto [end, error] = std::from_chars(body.data() + at, body.data() + limit, value, base);
  if (error == std::errc()) at = static_cast<std::size_t>(end - body.data());
  return value;
}

std::string DecodeEscapes(std::string_view body) {
  std::string value;
  std::uint32_t high_surrogate = 0;
  for (std::size_t i = 0; i < body.size();) {
    const char c = body[i++];
    if (c == '\'' && i < body.size() && body[i] == '\'') ++i;
    if (c != '\\' || i >= body.size()) {
      value += c;
      continue;
    }
    const char escaped = body[i];
    if (escaped >= '0' && escaped <= '7') {
      value += static_cast<char>(DecodeNumber(body, i, 8, 3));
      continue;
    }
    ++i;
    if (escaped == 'x' && i < body.size() &&
        std::strchr("0123456789abcdefABCDEF", body[i]) != nullptr) {
      value += static_cast<char>(DecodeNumber(body, i, 16, 2));
    } else if (escaped == 'u' || escaped == 'U') {
      std::uint32_t point = DecodeNumber(body, i, 16, escaped == 'u' ? 4 : 8);
      if (point >= 0xd800 && point < 0xdc00) {
        high_surrogate = point;
        continue;
      }
      if (point >= 0xdc00 && point < 0xe000)
        point = 0x10000 + ((high_surrogate - 0xd800) << 10) + (point - 0xdc00);
      AppendUtf8(value, point);
    } else if (const char* at = std::strchr("b\bf\fn\nr\rt\t", escaped);
               at != nullptr && escaped >= 'a' && escaped <= 'z') {
      value += at[1];
    } else {
      value += escaped;
    }
  }
  return value;
}

}  // namespace

CacheKey HashBytes(std::string_view bytes) {
  std::uint64_t low = kA ^ bytes.size();
  std::uint64_t high = kB;
  const char* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 16; left -= 16, at += 16) {
    low = MultiplyMix(Load(at) ^ low, Load(at + 8) ^ kB);
    high = MultiplyMix(Load(at + 8) ^ high, Load(at) ^ kC);
  }
  char tail[16] = {};
  if (left > 0) std::memcpy(tail, at, left);
  low = MultiplyMix(Load(tail) ^ low, Load(tail + 8) ^ kC);
  high = MultiplyMix(Load(tail + 8) ^ high, Load(tail) ^ kA);
  return {.high = MultiplyMix(high ^ kA, low ^ kB), .low = MultiplyMix(low ^ kC, high ^ kA)};
}

void Normalize(std::string_view text, Normalized& out) {
  out.literals.clear();
  out.recalled = false;
  out.tokens = 0;
  out.parameters_max = 0;
  out.statements = 0;
  Lexer lexer(text);
  {
    CanonicalWriter canonical(out.canonical, 2 * text.size() + 64);
    StatementBoundary boundary;
    Token token{};
    bool inside = false;
    while (lexer.Next(token)) {
      if (boundary.Ends(text, token)) {
        inside = false;
        continue;
      }
      out.statements += inside ? 0 : 1;
      inside = true;
      const std::string_view piece = TextOf(text, token);
      if (token.kind == TokenKind::kWord) {
        canonical.Lower(piece);
      } else if (const std::optional<LiteralKind> kind = LiteralKindOf(token.kind)) {
        out.literals.push_back({*kind, token.begin, token.end, out.tokens});
        canonical.Literal(*kind);
      } else if (token.kind == TokenKind::kQuotedName || token.kind == TokenKind::kOpaque) {
        canonical.Exact(piece);
      } else {
        if (token.kind == TokenKind::kParameter)
          out.parameters_max = std::max(out.parameters_max, NumberOf(piece));
        canonical.AsItIs(piece);
      }
      ++out.tokens;
    }
  }
  out.complete = lexer.complete();
  out.shard_key_hint = lexer.shard_key_hint();
  out.key = HashBytes(out.canonical);
}

std::string LiteralValue(std::string_view text, const Literal& literal) {
  std::string_view body = text.substr(literal.begin, literal.end - literal.begin);
  switch (literal.kind) {
    case LiteralKind::kInteger:
    case LiteralKind::kDecimal:
      return std::string(body);
    case LiteralKind::kString:
      return DecodeDoubled(body.substr(1, body.size() - 2));
    case LiteralKind::kEscapeString:
      return DecodeEscapes(body.substr(2, body.size() - 3));
    case LiteralKind::kBitString:
      return std::string(body.substr(2, body.size() - 3));
    case LiteralKind::kDollarString: {
      const std::size_t tag = body.find('$', 1) + 1;
      return std::string(body.substr(tag, body.size() - 2 * tag));
    }
  }
  Unreachable(literal.kind);
}

std::vector<std::string_view> SplitStatements(std::string_view text) {
  std::vector<std::string_view> statements;
  Lexer lexer(text);
  StatementBoundary boundary;
  Token token{};
  std::size_t begin = 0;
  bool empty = true;
  while (lexer.Next(token)) {
    if (!boundary.Ends(text, token)) {
      empty = false;
      continue;
    }
    if (!empty) statements.push_back(text.substr(begin, token.begin - begin));
    begin = token.end;
    empty = true;
  }
  if (!empty) statements.push_back(text.substr(begin));
  return statements;
}

}  // namespace foreshard::router
