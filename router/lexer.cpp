#include "router/lexer.h"

namespace foreshard::router {

namespace {

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

}  // namespace

TokenKind Lexer::Other() {
  const char c = text_[at_];
  if (IsByte(c, kWordStartByte)) return Word();
  if (IsByte(c, kDigitByte) || (c == '.' && IsByte(At(at_ + 1), kDigitByte))) return Number();
  if (c == '\'') return Quoted('\'', false, TokenKind::kString);
  if (c == '"') return Quoted('"', false, TokenKind::kQuotedName);
  if (c == '$') return Dollar();
  return IsByte(c, kOperatorByte) ? Operator() : Punctuation();
}

void Lexer::SkipBlanksAndComments() {
  while (at_ < text_.size()) {
    const char c = text_[at_];
    if (IsByte(c, kBlankByte)) {
      ++at_;
    } else if (c == '-' && At(at_ + 1) == '-') {
      while (at_ < text_.size() && text_[at_] != '\n' && text_[at_] != '\r') ++at_;
    } else if (c == '/' && At(at_ + 1) == '*') {
      SkipBlockComment();
    } else {
      return;
    }
  }
}

void Lexer::SkipBlockComment() {
  const std::size_t begin = at_;
  int depth = 0;
  while (at_ < text_.size()) {
    if (text_[at_] == '/' && At(at_ + 1) == '*') {
      ++depth;
      at_ += 2;
    } else if (text_[at_] == '*' && At(at_ + 1) == '/') {
      at_ += 2;
      if (--depth == 0) {
        LookForHint(text_.substr(begin + 2, at_ - begin - 4));
        return;
      }
    } else {
      ++at_;
    }
  }
  complete_ = false;
}

// foreshard.shard_key = 'value', quotes optional, a plus sign as in /*+ … */ allowed.
void Lexer::LookForHint(std::string_view comment) {
  const auto trim = [](std::string_view text) {
    while (!text.empty() && IsByte(text.front(), kBlankByte)) text.remove_prefix(1);
    while (!text.empty() && IsByte(text.back(), kBlankByte)) text.remove_suffix(1);
    return text;
  };
  comment = trim(comment);
  if (comment.starts_with('+')) comment = trim(comment.substr(1));
  constexpr std::string_view kName = "foreshard.shard_key";
  if (!comment.starts_with(kName)) return;
  comment = trim(comment.substr(kName.size()));
  if (!comment.starts_with('=')) return;
  comment = trim(comment.substr(1));
  if (comment.size() >= 2 && comment.front() == '\'' && comment.back() == '\'') {
    comment = comment.substr(1, comment.size() - 2);
  }
  hint_ = comment;
}

TokenKind Lexer::Word() {
  const char c = Lower(text_[at_]);
  const char next = At(at_ + 1);
  if (next == '\'') {
    if (c == 'e') return ++at_, Quoted('\'', true, TokenKind::kEscapeString);
    if (c == 'b' || c == 'x') return ++at_, Quoted('\'', false, TokenKind::kBitString);
  }
  if (c == 'u' && next == '&' && (At(at_ + 2) == '\'' || At(at_ + 2) == '"')) {
    at_ += 2;
    return Quoted(text_[at_], false, TokenKind::kOpaque);
  }
  while (at_ < text_.size() && IsByte(text_[at_], kWordByte)) ++at_;
  return TokenKind::kWord;
}

TokenKind Lexer::Number() {
  const auto digits = [this] {
    while (at_ < text_.size() && IsByte(text_[at_], kDigitByte)) ++at_;
  };
  TokenKind kind = TokenKind::kInteger;
  digits();
  if (At(at_) == '.' && At(at_ + 1) != '.') {
    kind = TokenKind::kDecimal;
    ++at_;
    digits();
  }
  if (Lower(At(at_)) == 'e') {
    const std::size_t sign = At(at_ + 1) == '+' || At(at_ + 1) == '-' ? 1 : 0;
    if (IsByte(At(at_ + 1 + sign), kDigitByte)) {
      kind = TokenKind::kDecimal;
      at_ += 1 + sign;
      digits();
    }
  }
  if (at_ < text_.size() && IsByte(text_[at_], kWordStartByte)) {
    while (at_ < text_.size() && IsByte(text_[at_], kWordByte)) ++at_;
    return TokenKind::kOpaque;
  }
  return kind;
}

TokenKind Lexer::Quoted(char quote, bool backslashes, TokenKind kind) {
  for (;;) {
    ++at_;  // the opening quote
    bool closed = false;
    while (at_ < text_.size()) {
      if (backslashes && text_[at_] == '\\') {
        at_ += 2;
      } else if (text_[at_] == quote && At(at_ + 1) == quote) {
        at_ += 2;
      } else if (text_[at_] == quote) {
        ++at_;
        closed = true;
        break;
      } else {
        ++at_;
      }
    }
    if (!closed) {
      at_ = text_.size();
      complete_ = false;
      return TokenKind::kOpaque;
    }
    if (quote == '"') return kind;
    // 'a' <newline> 'b' is one string.
    const std::size_t end = at_;
    SkipBlanksAndComments();
    const bool continued = At(at_) == '\'' && text_.substr(end, at_ - end).find_first_of("\n\r") !=
                                                  std::string_view::npos;
    if (!continued) {
      at_ = end;
      return kind;
    }
    kind = TokenKind::kOpaque;
  }
}

TokenKind Lexer::Dollar() {
  if (IsByte(At(at_ + 1), kDigitByte)) {
    ++at_;
    while (at_ < text_.size() && IsByte(text_[at_], kDigitByte)) ++at_;
    return TokenKind::kParameter;
  }
  std::size_t tag_end = at_ + 1;
  if (IsByte(At(tag_end), kWordStartByte)) {
    while (tag_end < text_.size() && text_[tag_end] != '$' && IsByte(text_[tag_end], kWordByte))
      ++tag_end;
  }
  if (At(tag_end) != '$') {
    ++at_;
    return TokenKind::kPunctuation;
  }
  const std::string_view tag = text_.substr(at_, tag_end + 1 - at_);
  const std::size_t close = text_.find(tag, tag_end + 1);
  if (close == std::string_view::npos) {
    at_ = text_.size();
    complete_ = false;
    return TokenKind::kOpaque;
  }
  at_ = close + tag.size();
  return TokenKind::kDollarString;
}

TokenKind Lexer::Operator() {
  do {
    ++at_;
    if (At(at_) == '-' && At(at_ + 1) == '-') break;
    if (At(at_) == '/' && At(at_ + 1) == '*') break;
  } while (at_ < text_.size() && IsByte(text_[at_], kOperatorByte));
  return TokenKind::kOperator;
}

TokenKind Lexer::Punctuation() {
  const char c = text_[at_++];
  if (c == ':' && (At(at_) == ':' || At(at_) == '=')) ++at_;
  if (c == '.' && At(at_) == '.') ++at_;
  return TokenKind::kPunctuation;
}

std::vector<Token> Tokenize(std::string_view text) {
  std::vector<Token> tokens;
  Lexer lexer(text);
  Token token{};
  while (lexer.Next(token)) tokens.push_back(token);
  return tokens;
}

bool IsWord(std::string_view text, const Token& token, std::string_view lower) {
  if (token.kind != TokenKind::kWord || token.end - token.begin != lower.size()) return false;
  for (std::size_t i = 0; i < lower.size(); ++i) {
    if (Lower(text[token.begin + i]) != lower[i]) return false;
  }
  return true;
}

bool StatementBoundary::Matters(std::string_view text, const Token& token) {
  if (token.kind == TokenKind::kPunctuation) {
    const char c = text[token.begin];
    if (c == '(') ++parentheses_;
    if (c == ')') --parentheses_;
    if (c != ';' || parentheses_ > 0 || nested_ > 0) return false;
    *this = StatementBoundary();
    return true;
  }
  if (token.kind != TokenKind::kWord) return false;
  if (first_) create_ = IsWord(text, token, "create");
  first_ = false;
  if (!create_) return false;
  if (nested_ > 0 && IsWord(text, token, "case")) ++nested_;
  if (nested_ > 0 && IsWord(text, token, "end")) --nested_;
  if (begin_ && IsWord(text, token, "atomic")) ++nested_;
  begin_ = IsWord(text, token, "begin");
  return false;
}

}  // namespace foreshard::router
