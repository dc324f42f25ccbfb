#include "migration/digest.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "migration/predicate.h"
#include "migration/shard_objects.h"
#include "pg/statement.h"

namespace foreshard::migration {

namespace {

// The whole row as text; generated columns too: both sides compute them.
std::string RowText(const TableInfo& table) {
  std::string list;
  for (const Column& column : table.columns) {
    if (!list.empty()) list += ", ";
    list += pg::QuoteIdentifier(column.name);
  }
  return fmt::format("ROW({})::text", list);
}

std::string HashOfRow(const TableInfo& table) {
  return fmt::format("hashtextextended({}, 0)", RowText(table));
}

std::string BucketOf(const MigrationSpec& spec, const TableInfo& table) {
  const std::string hash =
      table.column.empty() ? fmt::format("hashtextextended({}, 1)", RowText(table))
                           : HashSql(spec.key_space.key_type, pg::QuoteIdentifier(table.column), 1);
  return fmt::format("({} & {})", hash, kBuckets - 1);
}

std::string KeyText(const TableInfo& table) {
  std::string list;
  for (const std::string& column : table.primary_key) {
    if (!list.empty()) list += ", ";
    list += pg::QuoteIdentifier(column) + "::text";
  }
  return fmt::format("ARRAY[{}]::text", list);
}

std::string TypeOf(const TableInfo& table, const std::string& column) {
  const auto found =
      std::find_if(table.columns.begin(), table.columns.end(),
                   [&](const Column& candidate) { return candidate.name == column; });
  CHECK(found != table.columns.end(), "a primary key's column is missing", table.name, column);
  return found->type;
}

}  // namespace

std::string BucketSql(const MigrationSpec& spec, const TableInfo& table, const std::string& pages) {
  return fmt::format("SELECT {} AS bucket, count(*), sum({})::text FROM {} WHERE ({}){} GROUP BY 1",
                     BucketOf(spec, table), HashOfRow(table), QuoteTable(table.name),
                     MovingRowsSql(spec, table), pages);
}

void AddBucket(Buckets& buckets, std::int64_t bucket, std::int64_t rows, std::string_view digest) {
  const bool negative = !digest.empty() && digest.front() == '-';
  std::uint64_t value = 0;
  for (const char digit : digest.substr(negative ? 1 : 0)) {
    CHECK(digit >= '0' && digit <= '9', "a sum of whole numbers is a whole number");
    value = value * 10 + static_cast<std::uint64_t>(digit - '0');
  }
  Bucket& sum = buckets[bucket];
  sum.rows += rows;
  sum.digest += negative ? 0 - value : value;
}

std::string RowHashSql(const MigrationSpec& spec, const TableInfo& table,
                       const std::vector<std::int64_t>& buckets, const std::string& pages,
                       bool ordered) {
  return fmt::format(
      "SELECT {} COLLATE \"C\", {} FROM {} WHERE ({}){} AND {} = ANY ('{}'::bigint[]){}",
      KeyText(table), HashOfRow(table), QuoteTable(table.name), MovingRowsSql(spec, table), pages,
      BucketOf(spec, table), pg::ArrayLiteral(buckets), ordered ? " ORDER BY 1" : "");
}

std::string RowsByKeySql(const MigrationSpec& spec, const TableInfo& table,
                         const std::vector<std::string>& keys, bool lock) {
  std::string columns;
  for (const std::string& column : table.primary_key) {
    if (!columns.empty()) columns += ", ";
    columns += pg::QuoteIdentifier(column);
  }
  std::string list;
  for (const std::string& key : keys) {
    const std::vector<std::string> values = pg::ParseArray(key);
    CHECK(values.size() == table.primary_key.size(), "a key has a value a column", table.name);
    std::string row;
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (!row.empty()) row += ", ";
      row +=
          fmt::format("{}::{}", pg::QuoteLiteral(values[i]), TypeOf(table, table.primary_key[i]));
    }
    if (!list.empty()) list += ", ";
    list += fmt::format("({})", row);
  }
  return fmt::format("SELECT {}, {} FROM {} WHERE ({}) AND ({}) IN ({}){}", KeyText(table),
                     HashOfRow(table), QuoteTable(table.name), MovingRowsSql(spec, table), columns,
                     list, lock ? " FOR SHARE" : "");
}

std::vector<std::int64_t> UnequalBuckets(const Buckets& publisher, const Buckets& subscriber) {
  std::vector<std::int64_t> unequal;
  for (std::int64_t bucket = 0; bucket < kBuckets; ++bucket) {
    const auto left = publisher.find(bucket);
    const auto right = subscriber.find(bucket);
    const Bucket a = left == publisher.end() ? Bucket{} : left->second;
    const Bucket b = right == subscriber.end() ? Bucket{} : right->second;
    if (!(a == b)) unequal.push_back(bucket);
  }
  return unequal;
}

RowHash ParseRowHash(std::string_view line) {
  if (!line.empty() && line.back() == '\n') line.remove_suffix(1);
  const std::size_t tab = line.rfind('\t');  // the hash is a number; a tab in a key is escaped
  CHECK(tab != std::string_view::npos, "a row of COPY has two columns");
  RowHash row;
  row.hash = line.substr(tab + 1);
  for (std::size_t i = 0; i < tab; ++i) {
    if (line[i] != '\\' || i + 1 >= tab) {
      row.key += line[i];
      continue;
    }
    ++i;
    switch (line[i]) {
      case 'b':
        row.key += '\b';
        break;
      case 'f':
        row.key += '\f';
        break;
      case 'n':
        row.key += '\n';
        break;
      case 'r':
        row.key += '\r';
        break;
      case 't':
        row.key += '\t';
        break;
      case 'v':
        row.key += '\v';
        break;
      default:
        row.key += line[i];
        break;  // a backslash
    }
  }
  return row;
}

}  // namespace foreshard::migration
