#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// Which statement is this? One pass over the text that lifts literals out of it and gives a cache
// key. Two texts with the same key have the same tokens in the same order but for the values of
// their lifted literals, so what `classify` said of one (in numbers of tokens and literals, never
// in bytes) holds for the other.
//
// Lifted: numbers and strings ('', E'', $$, B'', X''). Every literal is lifted, also in LIMIT,
// ORDER BY 1 or SET: a classification that looked at a literal's value says so
// (Statement::looked_at) and the plan cache adds that value to the key. Not lifted, so part of the
// key: U&'' strings, strings continued on the next line, numbers with junk after them; keys are
// constants of the statement then. Words are folded to lower case as PostgreSQL does (ASCII);
// comments and white space count as nothing.
//
// Threads: pure. Cost: no allocation once `Normalized` is warm.

namespace foreshard::router {

enum class LiteralKind : std::uint8_t {
  kInteger,
  kDecimal,
  kString,
  kEscapeString,
  kDollarString,
  kBitString
};

struct Literal {
  LiteralKind kind;
  std::uint32_t begin;  // bytes of the text, quotes included
  std::uint32_t end;
  std::uint32_t token;  // which token of the statement
};

struct CacheKey {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  bool operator==(const CacheKey&) const = default;
};

struct Normalized {
  CacheKey key;           // hash of `canonical`
  std::string canonical;  // the tokens with marks for literals; equal if and only if the statements
                          // are the same but for those
  std::vector<Literal> literals;
  std::uint32_t tokens = 0;          // without semicolons
  std::uint32_t parameters_max = 0;  // the highest $n
  std::uint32_t statements =
      0;  // non-empty ones, separated by `;`. More than one: SplitStatements() first
  bool complete =
      true;  // false: an unfinished string, comment or quoted name; let PostgreSQL say so
  bool recalled = false;  // by ShapeMemo: without `key` and `canonical`
  std::string_view
      shard_key_hint;  // the value in /* foreshard.shard_key='…' */, without quotes; empty: none
};

// `out` is overwritten; its buffers are reused.
void Normalize(std::string_view text, Normalized& out);

CacheKey HashBytes(std::string_view bytes);

// The decoded value of a literal; what PostgreSQL would take it for (bit strings: as written,
// without the quotes).
std::string LiteralValue(std::string_view text, const Literal& literal);

// The statements of a simple query, without the semicolons, empty ones left out. SQL-standard
// function bodies (BEGIN ATOMIC) stay whole.
std::vector<std::string_view> SplitStatements(std::string_view text);

}  // namespace foreshard::router
