#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// What goes into a statement and what comes out, as values. No libpq here.

namespace foreshard::pg {

// One parameter in text form; the server infers its type unless the statement casts it. No value:
// NULL.
struct Parameter {
  std::optional<std::string> text;

  Parameter(std::nullopt_t) {}
  Parameter(std::string value) : text(std::move(value)) {}
  Parameter(std::string_view value) : text(value) {}
  Parameter(const char* value) : text(value) {}
  Parameter(std::optional<std::string> value) : text(std::move(value)) {}
  template <typename Value>
  requires std::same_as<Value, bool> Parameter(Value value) : text(value ? "true" : "false") {}
  template <typename Value>
  requires(std::integral<Value> && !std::same_as<Value, bool>) Parameter(Value value)
      : text(std::to_string(value)) {}
};

using Parameters = std::vector<Parameter>;

// The rows of one statement, as text.
class Rows {
 public:
  Rows() = default;
  Rows(std::size_t columns, std::vector<std::optional<std::string>> cells, std::int64_t affected)
      : columns_(columns), cells_(std::move(cells)), affected_(affected) {}

  std::size_t size() const { return columns_ == 0 ? 0 : cells_.size() / columns_; }
  bool empty() const { return size() == 0; }
  std::size_t columns() const { return columns_; }
  // Rows that INSERT, UPDATE, DELETE, COPY changed; 0 for others.
  std::int64_t affected() const { return affected_; }

  // REQUIRES: row < size(), column < columns().
  const std::optional<std::string>& Cell(std::size_t row, std::size_t column) const;
  bool IsNull(std::size_t row, std::size_t column) const { return !Cell(row, column).has_value(); }
  // REQUIRES: not NULL and of that form: what a column holds is a promise of our own statement.
  const std::string& Text(std::size_t row, std::size_t column) const;
  std::int64_t Int(std::size_t row, std::size_t column) const;
  double Real(std::size_t row, std::size_t column) const;
  bool Bool(std::size_t row, std::size_t column) const;

 private:
  std::size_t columns_ = 0;
  std::vector<std::optional<std::string>> cells_;
  std::int64_t affected_ = 0;
};

// "a""b" and 'it''s' (E'..' where a backslash occurs). For names and texts that cannot be
// parameters, as in DDL.
std::string QuoteIdentifier(std::string_view name);
std::string QuoteLiteral(std::string_view text);

// {1,2} and {"a","b"} as array literals for parameters.
std::string ArrayLiteral(const std::vector<std::int64_t>& values);
std::string ArrayLiteral(const std::vector<std::string>& values);
// One-dimensional array as PostgreSQL prints it; NULL elements become "".
std::vector<std::string> ParseArray(std::string_view text);

}  // namespace foreshard::pg
