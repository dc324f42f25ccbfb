#pragma once

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

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  bool Next(Token& token);  // false: no more

  bool complete() const {
    return complete_;
  }  // false: an unfinished string, comment or quoted name
  std::string_view shard_key_hint() const { return hint_; }

 private:
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

std::vector<Token> Tokenize(std::string_view text);

inline std::string_view TextOf(std::string_view text, const Token& token) {
  return text.substr(token.begin, token.end - token.begin);
}

// Case-insensitive for ASCII; `lower` is lower case.
bool IsWord(std::string_view text, const Token& token, std::string_view lower);

// Where one statement ends: a semicolon outside parentheses and outside BEGIN ATOMIC … END.
class StatementBoundary {
 public:
  bool Ends(std::string_view text, const Token& token);  // true: this semicolon ends a statement

 private:
  int parentheses_ = 0;
  int nested_ = 0;  // BEGIN ATOMIC, and CASE inside it
  bool create_ = false;
  bool begin_ = false;  // the last word was BEGIN
  bool first_ = true;
};

}  // namespace foreshard::router
