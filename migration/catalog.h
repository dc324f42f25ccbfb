#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "migration/spec.h"
#include "pg/connection.h"

// What a shard's own catalogue says about the tables that move, read once and kept as values.

namespace foreshard::migration {

struct Column {
  std::string name;
  std::string type;  // as format_type() writes it
  bool generated = false;
  bool not_null = false;
};

struct TableInfo {
  std::string name = {};    // as the spec writes it: "public.orders"
  std::string column = {};  // the sharding key; "" for a reference table
  std::int64_t oid = 0;
  std::string kind = {};         // relkind
  std::string persistence = {};  // relpersistence
  std::vector<Column> columns = {};
  std::vector<std::string> primary_key = {};  // column names
  std::int64_t bytes = 0;                // with indexes and TOAST
  double rows = 0;                       // the planner's estimate
};

// No value: no such table.
Result<std::optional<TableInfo>> ReadTable(pg::Connection& connection, std::string_view name,
                                           std::string_view column, Deadline deadline);
// All tables of the group, then reference tables where they travel along (a new destination); of a partitioned one its leaves.
// Errors: kGiveUp (TableMissing).
Result<std::vector<TableInfo>> ReadTables(pg::Connection& connection, const MigrationSpec& spec,
                                          Deadline deadline);

// Every ordinary table of the database that is neither PostgreSQL's nor ours, as "schema.table".
Result<std::vector<std::string>> ReadUserTables(pg::Connection& connection, Deadline deadline);

// Which rows of the table move: K, or everything of a reference table.
std::string MovingRowsSql(const MigrationSpec& spec, const TableInfo& table);
// "a", "b" without generated columns: what can be copied.
std::string ColumnList(const TableInfo& table);

// One thing of a table's definition: kind ("column", "index", "constraint", "foreign key",
// "trigger", "policy", ...), its table and name, and the text that makes or describes it.
struct Definition {
  std::string kind;
  std::string table;
  std::string name;
  std::string text;
  auto operator<=>(const Definition&) const = default;
};

// Everything that defines the given tables and is not ours, ordered. Texts of indexes, constraints,
// triggers, rules, policies are statements that make them on a server that has the table.
Result<std::vector<Definition>> ReadDefinitions(pg::Connection& connection,
                                                const std::vector<std::string>& tables,
                                                Deadline deadline);

// First difference for people; no value: alike.
std::optional<std::string> FirstDifference(const std::vector<Definition>& source,
                                           const std::vector<Definition>& destination);

}  // namespace foreshard::migration
