#include "migration/predicate.h"

#include <fmt/format.h>

#include "pg/statement.h"

namespace foreshard::migration {

namespace {

using model::KeyType;

std::string Literal(KeyType type, std::string_view value) {
  const std::string text = pg::QuoteLiteral(value);
  switch (type) {
    case KeyType::kBigint:
      return text + "::bigint";
    case KeyType::kText:
      return text + "::text";
    case KeyType::kUuid:
      return text + "::uuid";
  }
  Unreachable(type);
}

// "C" so that PostgreSQL compares bytes, as C++ does.
std::string Comparable(KeyType type, std::string_view column) {
  return type == KeyType::kText ? fmt::format("{} COLLATE \"C\"", column) : std::string(column);
}

std::string HashBound(std::string_view position) {
  const Result<model::Position> parsed = model::ParsePosition(position);
  CHECK(parsed.ok(), "the bound is not canonical", position);
  return fmt::format("'{}'::bigint", model::HashOfPosition(*parsed));
}

std::string InList(const std::vector<std::string>& keys, KeyType type) {
  std::string list;
  for (const std::string& key : keys) {
    if (!list.empty()) list += ", ";
    list += Literal(type, key);
  }
  return list;
}

void AddTerm(std::string& text, const std::string& term) {
  if (!text.empty()) text += " AND ";
  text += term;
}

}  // namespace

std::string HashSql(KeyType type, std::string_view column, int seed) {
  switch (type) {
    case KeyType::kBigint:
      return fmt::format("hashint8extended({}, {})", column, seed);
    case KeyType::kText:
      return fmt::format("hashtextextended({}, {})", column, seed);
    case KeyType::kUuid:
      return fmt::format("uuid_hash_extended({}, {})", column, seed);
  }
  Unreachable(type);
}

std::string PredicateSql(const MigrationSpec& spec, std::string_view column) {
  const KeyType type = spec.key_space.key_type;
  if (!spec.keys.empty()) return fmt::format("{} IN ({})", column, InList(spec.keys, type));

  std::string text;
  switch (spec.key_space.strategy) {
    case model::Strategy::kHash: {
      const std::string hash = HashSql(type, column, 0);
      if (!spec.range.from.empty())
        AddTerm(text, fmt::format("{} >= {}", hash, HashBound(spec.range.from)));
      if (!spec.range.to.empty())
        AddTerm(text, fmt::format("{} < {}", hash, HashBound(spec.range.to)));
      break;
    }
    case model::Strategy::kRange: {
      const std::string key = Comparable(type, column);
      if (!spec.range.from.empty())
        AddTerm(text, fmt::format("{} >= {}", key, Literal(type, spec.range.from)));
      if (!spec.range.to.empty())
        AddTerm(text, fmt::format("{} < {}", key, Literal(type, spec.range.to)));
      break;
    }
  }
  if (!spec.excluded_keys.empty()) {
    AddTerm(text, fmt::format("{} NOT IN ({})", column, InList(spec.excluded_keys, type)));
  }
  // The whole key space: a term over the column keeps the text usable where an expression must name
  // one.
  if (text.empty()) text = fmt::format("{} IS NOT NULL", column);
  return text;
}

RangeRowValues RangeRowOf(const MigrationSpec& spec) {
  if (!spec.keys.empty()) return {"keys", {}, {}, pg::ArrayLiteral(spec.keys)};
  const auto bound = [](const std::string& text) {
    return text.empty() ? std::nullopt : std::optional<std::string>(text);
  };
  const bool hash = spec.key_space.strategy == model::Strategy::kHash;
  return {hash ? "hash" : "value", bound(spec.range.from), bound(spec.range.to),
          pg::ArrayLiteral(spec.excluded_keys)};
}

}  // namespace foreshard::migration
