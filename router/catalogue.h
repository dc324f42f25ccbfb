#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/key_space.h"

// What the router knows of tables: which are sharded and by which column, which are the same on
// every shard. An immutable snapshot, swapped when the configuration changes or a table's columns
// were learned.

namespace foreshard::router {

struct CatalogueTable {
  std::string name;    // "public.orders", quoted where SQL needs it
  std::string column;  // the sharding column; empty for a reference table
  std::vector<std::string>
      columns;  // in order, without dropped and generated ones; empty: not learned yet
};

struct CatalogueSpec {
  model::KeySpace key_space;
  std::vector<CatalogueTable> tables;
  std::vector<std::string> reference_tables;
};

enum class TableClass {
  kSharded,
  kReference,
  kSystem,   // pg_catalog, information_schema: every shard answers for itself
  kUnknown,  // in neither list
};

struct TableInfo {
  TableClass table_class = TableClass::kUnknown;
  std::string schema;
  std::string name;
  std::string column;
  std::vector<std::string> columns;
  std::string qualified() const;  // "public.orders", quoted where SQL needs it
};

// What pg_proc says of all functions of one name.
struct FunctionFacts {
  bool aggregate = false;  // one of them is an aggregate
  bool unseen = false;     // one was made by a user, reads or writes what we cannot see
  bool operator==(const FunctionFacts&) const = default;
};
using Functions = std::map<std::string, FunctionFacts, std::less<>>;

class Catalogue {
 public:
  // Errors: kGiveUp naming a table without schema, one listed twice or in both lists, a sharded
  // table without column.
  static Result<std::shared_ptr<const Catalogue>> Make(CatalogueSpec spec);

  // The same with the columns of one table learned. REQUIRES: the table is listed.
  std::shared_ptr<const Catalogue> WithColumns(const std::string& qualified,
                                               std::vector<std::string> columns) const;

  // The same with these functions learned too.
  std::shared_ptr<const Catalogue> WithFunctions(const Functions& learned) const;
  // Null: nothing is known of a function of this name.
  const FunctionFacts* FindFunction(std::string_view name) const;

  // `schema` empty: system tables first, then the schemas of `search_path` in order, as PostgreSQL
  // does.
  TableInfo Find(std::string_view schema, std::string_view name,
                 const std::vector<std::string>& search_path) const;

  const model::KeySpace& key_space() const { return spec_.key_space; }
  const CatalogueSpec& spec() const { return spec_; }
  // Differs between snapshots that say different things. Part of the plan cache's context.
  std::uint64_t fingerprint() const { return fingerprint_; }

 private:
  explicit Catalogue(CatalogueSpec spec);

  CatalogueSpec spec_;
  std::map<std::pair<std::string, std::string>, TableInfo> tables_;
  Functions functions_;
  std::uint64_t fingerprint_ = 0;
};

// The session's search path as a list: `"$user", public` -> the user's schema, public. Default:
// {user, "public"}.
std::vector<std::string> ParseSearchPath(std::string_view setting, std::string_view user);

// Learns functions: $1 is an array of names; one row a name that exists, as FunctionOfRow() reads
// it. What is written in C comes with PostgreSQL or an extension.
inline constexpr std::string_view kFunctionsQuery =
    "SELECT CASE WHEN pg_catalog.bool_or(p.prokind = 'a') THEN 'a' ELSE '-' END || "
    "CASE WHEN pg_catalog.bool_or(n.nspname <> 'pg_catalog' AND p.provolatile <> 'i' AND p.prokind "
    "<> 'a' AND l.lanname NOT IN ('c', 'internal')) THEN 'u' ELSE '-' END || p.proname "
    "FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace "
    "JOIN pg_catalog.pg_language l ON l.oid = p.prolang "
    "WHERE p.proname = ANY ($1::pg_catalog.name[]) GROUP BY p.proname";
std::optional<std::pair<std::string, FunctionFacts>> FunctionOfRow(std::string_view row);

// Learns the columns of a table: $1 is the qualified name; one row a column, in order.
inline constexpr std::string_view kColumnsQuery =
    "SELECT attname FROM pg_catalog.pg_attribute WHERE attrelid = $1::pg_catalog.regclass AND "
    "attnum > 0 "
    "AND NOT attisdropped AND attgenerated = '' ORDER BY attnum";

}  // namespace foreshard::router
