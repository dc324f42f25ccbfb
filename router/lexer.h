#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

// The tokens of a statement, as PostgreSQL 15's scanner would cut them where it matters: what is a
// string, a comment, a quoted name, a number, a parameter. Runs of operator characters stay one
// token; PostgreSQL's own cut of a run depends on the run alone. standard_conforming_strings is on
// (the router refuses to turn it off).
//
// Threads: pure.

namespace foreshard::router {

enum class TokenKind : std::uint8_t {
  kWord,          // name or key word without quotes
  kQuotedName,    // "…"
  kInteger,       // digits
  kDecimal,       // 1.5, .5, 1e9
  kString,        // '…'
  kEscapeString,  // E'…'
  kDollarString,  // $tag$…$tag$
  kBitString,     // B'…', X'…'
  kOpaque,  // a literal we do not lift: U&'…', U&"…", a string continued on another line, 1abc
  kParameter,    // $1
  kOperator,     // a run of operator characters
  kPunctuation,  // ( ) [ ] , . ; : :: :=
};

struct Token {
  TokenKind kind;
  std::uint32_t begin;  // bytes
  std::uint32_t end;
};

// Kinds of bytes, as PostgreSQL's scanner sees them.
enum : std::uint8_t {
  kBlankByte = 1,
  kWordStartByte = 2,
  kDigitByte = 4,
  kOperatorByte = 8,
  kWordByte = 16
};

constexpr std::array<std::uint8_t, 256> MakeByteKinds() {
  std::array<std::uint8_t, 256> kinds{};
  for (const char c : std::string_view(" \t\n\r\f\v"))
    kinds[static_cast<unsigned char>(c)] |= kBlankByte;
  for (const char c : std::string_view("~!@#^&|`?+-*/%<>="))
    kinds[static_cast<unsigned char>(c)] |= kOperatorByte;
  for (unsigned c = '0'; c <= '9'; ++c) kinds[c] |= kDigitByte | kWordByte;
  for (unsigned c = 'a'; c <= 'z'; ++c) kinds[c] |= kWordStartByte | kWordByte;
  for (unsigned c = 'A'; c <= 'Z'; ++c) kinds[c] |= kWordStartByte | kWordByte;
  for (unsigned c = 128; c < 256; ++c) kinds[c] |= kWordStartByte | kWordByte;
  kinds['_'] |= kWordStartByte | kWordByte;
  kinds['$'] |= kWordByte;
  return kinds;
}

inline constexpr std::array<std::uint8_t, 256> kByteKinds = MakeByteKinds();

inline bool IsByte(char c, std::uint8_t kinds) {
  return (kByteKinds[static_cast<unsigned char>(c)] & kinds) != 0;
}

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  bool Next(Token& token);  // false: no more

  bool complete() const {
    return complete_;
  }  // false: an unfinished string, comment or quoted name
  std::string_view shard_key_hint() const { return hint_; }

 private:
  TokenKind Other();  // any token but a plain word
  void SkipBlanksAndComments();
  void SkipBlockComment();
  void LookForHint(std::string_view comment);
  TokenKind Word();
  TokenKind Number();
  TokenKind Quoted(char quote, bool backslashes, TokenKind kind);
  TokenKind Dollar();
  TokenKind Operator();
  TokenKind Punctuation();
  char At(std::size_t i) const { return i < text_.size() ? text_[i] : '\0'; }

  std::string_view text_;
  std::size_t at_ = 0;
  bool complete_ = true;
  std::string_view hint_;
};

// Words and blanks, most of every statement, are handled here; the rest is not inline.
inline bool Lexer::Next(Token& token) {
  while (at_ < text_.size() && IsByte(text_[at_], kBlankByte)) ++at_;
  if (At(at_) == '-' || At(at_) == '/') SkipBlanksAndComments();
  if (at_ >= text_.size()) return false;
  token.begin = static_cast<std::uint32_t>(at_);
  const char next = At(at_ + 1);
  if (IsByte(text_[at_], kWordStartByte) && next != '\'' && next != '&') {
    do ++at_;
    while (at_ < text_.size() && IsByte(text_[at_], kWordByte));
    token.kind = TokenKind::kWord;
  } else {
    token.kind = Other();
  }
  token.end = static_cast<std::uint32_t>(at_);
  return true;
}

std::vector<Token> Tokenize(std::string_view text);

inline std::string_view TextOf(std::string_view text, const Token& token) {
  return text.substr(token.begin, token.end - token.begin);
}

// Case-insensitive for ASCII; `lower` is lower case.
bool IsWord(std::string_view text, const Token& token, std::string_view lower);

// Where one statement ends: a semicolon outside parentheses and outside BEGIN ATOMIC … END.
class StatementBoundary {
 public:
  // True: this semicolon ends a statement.
  bool Ends(std::string_view text, const Token& token) {
    const bool word = token.kind == TokenKind::kWord && (first_ || create_);
    return (word || token.kind == TokenKind::kPunctuation) && Matters(text, token);
  }

 private:
  bool Matters(std::string_view text, const Token& token);

  int parentheses_ = 0;
  int nested_ = 0;  // BEGIN ATOMIC, and CASE inside it
  bool create_ = false;
  bool begin_ = false;  // the last word was BEGIN
  bool first_ = true;
};

}  // namespace foreshard::router
