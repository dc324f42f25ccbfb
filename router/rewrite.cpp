#include "router/rewrite.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "router/lexer.h"

namespace foreshard::router {

namespace {

std::string QuoteName(const std::string& name) {
  std::string quoted = "\"";
  for (const char c : name) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

std::vector<Token> StatementTokens(std::string_view text) {
  std::vector<Token> tokens = Tokenize(text);
  std::erase_if(tokens, [&](const Token& token) {
    return token.kind == TokenKind::kPunctuation && text[token.begin] == ';';
  });
  return tokens;
}

std::string_view SpanText(std::string_view text, const std::vector<Token>& tokens,
                          const TokenSpan& span) {
  if (span.count == 0 || span.first + span.count > tokens.size()) return {};
  const std::uint32_t begin = tokens[span.first].begin;
  return text.substr(begin, tokens[span.first + span.count - 1].end - begin);
}

std::uint32_t ParameterNumber(std::string_view token) {
  std::uint32_t number = 0;
  std::from_chars(token.data() + 1, token.data() + token.size(), number);
  return number;
}

std::uint32_t HighestParameter(std::string_view text) {
  std::uint32_t highest = 0;
  for (const Token& token : Tokenize(text)) {
    if (token.kind == TokenKind::kParameter)
      highest = std::max(highest, ParameterNumber(TextOf(text, token)));
  }
  return highest;
}

}  // namespace

std::string ApplyEdits(std::string_view text, std::span<const TextEdit> edits) {
  const std::vector<Token> tokens = StatementTokens(text);
  std::vector<const TextEdit*> ordered;
  for (const TextEdit& edit : edits) ordered.push_back(&edit);
  std::stable_sort(ordered.begin(), ordered.end(), [](const TextEdit* a, const TextEdit* b) {
    // At one place insertions come before the replacement.
    return std::pair(a->span.first, a->span.count) < std::pair(b->span.first, b->span.count);
  });
  const auto begin_of = [&](std::uint32_t token) {
    if (token < tokens.size()) return tokens[token].begin;
    // Not behind a comment or a semicolon.
    return tokens.empty() ? static_cast<std::uint32_t>(text.size()) : tokens.back().end;
  };
  std::string out;
  std::size_t done = 0;
  for (const TextEdit* edit : ordered) {
    const std::size_t begin = begin_of(edit->span.first);
    if (begin > done) {
      out += text.substr(done, begin - done);
      done = begin;
    }
    out += ' ';
    out += edit->before;
    if (edit->copy) out += SpanText(text, tokens, *edit->copy);
    out += edit->after;
    out += ' ';
    if (edit->span.count > 0) done = tokens[edit->span.first + edit->span.count - 1].end;
  }
  out += text.substr(done);
  return out;
}

std::string_view TextFromToken(std::string_view text, std::uint32_t token) {
  const std::vector<Token> tokens = StatementTokens(text);
  return token < tokens.size() ? text.substr(tokens[token].begin) : std::string_view();
}

bool RenumberParameters(std::string& text, std::uint32_t highest,
                        std::vector<std::uint32_t>& numbers) {
  const std::vector<Token> tokens = Tokenize(text);
  std::set<std::uint32_t> used;
  for (const Token& token : tokens) {
    if (token.kind == TokenKind::kParameter) used.insert(ParameterNumber(TextOf(text, token)));
  }
  numbers.assign(used.begin(), used.end());
  if (used.empty() || *used.rbegin() == used.size()) return used.size() != highest;
  std::string out;
  std::size_t done = 0;
  for (const Token& token : tokens) {
    if (token.kind != TokenKind::kParameter) continue;
    out.append(text, done, token.begin - done);
    const std::uint32_t old = ParameterNumber(TextOf(text, token));
    const auto at = std::lower_bound(numbers.begin(), numbers.end(), old);
    out += fmt::format("${}", at - numbers.begin() + 1);
    done = token.end;
  }
  out.append(text, done);
  text = std::move(out);
  return true;
}

void RewriteRows(std::string_view text, const Statement& statement, RoutePart& part) {
  const InsertRows& insert = *statement.insert;
  const std::vector<Token> tokens = StatementTokens(text);
  const TokenSpan& first = insert.rows.front();
  const TokenSpan& last = insert.rows.back();
  std::string out(text.substr(0, tokens[first.first].begin));
  if (statement.names_columns) {
    out.insert(tokens[statement.names_columns->span.first].begin,
               statement.names_columns->before + " ");
  }
  for (std::size_t i = 0; i < part.rows.size(); ++i) {
    out += i == 0 ? "" : ", ";
    out += SpanText(text, tokens, insert.rows[part.rows[i]]);
  }
  out += text.substr(tokens[last.first + last.count - 1].end);
  part.text = std::move(out);
  part.renumbered = RenumberParameters(part.text, HighestParameter(text), part.parameters);
}

void RewriteForShard(const ShardText& request, RoutePart& part) {
  const Statement& statement = request.statement;
  std::vector<TextEdit> edits;
  if (statement.names_columns) edits.push_back(*statement.names_columns);
  if (statement.merge) {
    const MergeRecipe& recipe = *statement.merge;
    edits = recipe.edits;
    for (const TokenSpan& span : recipe.limits) edits.push_back({span, "", std::nullopt, ""});
    if (request.limit && !recipe.grouped) {
      edits.push_back(
          {{recipe.limit_at, 0}, fmt::format("LIMIT {}", *request.limit), std::nullopt, ""});
    }
  }
  if (!request.table.table().moving.empty()) {
    for (const TableSpot& spot : statement.table_spots) {
      const std::string foreign = request.table.ForeignRows(part.shard, QuoteName(spot.column));
      if (foreign.empty()) continue;
      edits.push_back({spot.name,
                       fmt::format("(SELECT * FROM {}{} WHERE NOT ({})){}",
                                   spot.only ? "ONLY " : "", spot.qualified, foreign,
                                   spot.alias.empty() ? "" : " AS " + QuoteName(spot.alias)),
                       std::nullopt, ""});
    }
    for (const WhereSpot& spot : statement.where_spots) {
      const std::string foreign =
          request.table.ForeignRows(part.shard, spot.target + "." + QuoteName(spot.column));
      if (foreign.empty()) continue;
      if (spot.condition) edits.push_back({{spot.condition->first, 0}, "(", std::nullopt, ""});
      edits.push_back({{spot.insert_at, 0},
                       fmt::format("{} NOT ({})", spot.condition ? ") AND" : "WHERE", foreign),
                       std::nullopt,
                       ""});
    }
  }
  if (edits.empty()) return;
  part.text = ApplyEdits(request.text, edits);
  part.renumbered = RenumberParameters(part.text, HighestParameter(request.text), part.parameters);
}

}  // namespace foreshard::router
