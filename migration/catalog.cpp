#include "migration/catalog.h"

#include <fmt/format.h>

#include <algorithm>

#include "migration/partitions.h"
#include "migration/predicate.h"
#include "migration/shard_objects.h"

namespace foreshard::migration {

namespace {

constexpr const char* kTableSql =
    "SELECT c.oid::bigint, c.relkind, c.relpersistence, pg_total_relation_size(c.oid), "
    "greatest(c.reltuples, 0), "
    "coalesce((SELECT array_agg(a.attname ORDER BY k.ord)::text FROM pg_index i, "
    "unnest(i.indkey) WITH ORDINALITY k(attnum, ord) JOIN pg_attribute a ON a.attnum = k.attnum "
    "WHERE i.indrelid = c.oid AND i.indisprimary AND a.attrelid = c.oid), '{}') "
    "FROM pg_class c WHERE c.oid = to_regclass($1)";

constexpr const char* kColumnsSql =
    "SELECT attname, format_type(atttypid, atttypmod), attgenerated <> '', attnotnull FROM "
    "pg_attribute "
    "WHERE attrelid = $1::bigint::oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum";

// $1: tables as an array of regclass texts. Constraint triggers of foreign keys are internal and
// follow their constraint. What a partition has from the table above it comes with that one:
// constraints, indexes, triggers. But a replica identity by index needs its index, and that one has
// to have its name before the one above is made.
constexpr const char* kDefinitionsSql = R"(
WITH t AS (SELECT r AS oid, r::text AS name FROM unnest($1::text[]::regclass[]) r)
SELECT 'column' AS kind, t.name AS tab, a.attname::text AS name,
    format_type(a.atttypid, a.atttypmod)
    || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END
    || CASE a.attgenerated WHEN 's' THEN ' GENERATED ' || pg_get_expr(d.adbin, d.adrelid)
         ELSE '' END
    || coalesce(' COLLATE ' || nullif(a.attcollation, 0)::regcollation::text, '') AS text
  FROM t JOIN pg_attribute a ON a.attrelid = t.oid
  LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  WHERE a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT CASE contype WHEN 'p' THEN 'primary key' WHEN 'c' THEN 'check'
      WHEN 'f' THEN CASE r.relkind WHEN 'p' THEN 'partitioned foreign key' ELSE 'foreign key' END
      ELSE 'constraint' END,
    t.name, conname,
    format('ALTER TABLE %s ADD CONSTRAINT %I %s', t.name, conname, pg_get_constraintdef(c.oid))
  FROM t JOIN pg_constraint c ON c.conrelid = t.oid JOIN pg_class r ON r.oid = t.oid
  WHERE contype IN ('p', 'u', 'x', 'f', 'c') AND (conparentid = 0 OR contype = 'u'
    AND EXISTS (SELECT FROM pg_index i WHERE i.indexrelid = c.conindid AND i.indisreplident))
UNION ALL
SELECT 'index', t.name, i.indexrelid::regclass::text,
    replace(pg_get_indexdef(i.indexrelid), ' ON ONLY ' || t.name || ' ', ' ON ' || t.name || ' ')
  FROM t JOIN pg_index i ON i.indrelid = t.oid WHERE i.indisvalid
    AND NOT EXISTS (SELECT FROM pg_constraint c
      WHERE c.conindid = i.indexrelid AND c.contype IN ('p', 'u', 'x'))
    AND (i.indisreplident OR NOT EXISTS (SELECT FROM pg_inherits h JOIN pg_index above
      ON above.indexrelid = h.inhparent WHERE h.inhrelid = i.indexrelid AND above.indisvalid))
UNION ALL
SELECT 'partition', t.name, '', concat_ws(' ', (SELECT inhparent::regclass::text FROM pg_inherits
      WHERE inhrelid = c.oid), pg_get_expr(c.relpartbound, c.oid),
      CASE c.relkind WHEN 'p' THEN pg_get_partkeydef(c.oid) END)
  FROM t JOIN pg_class c ON c.oid = t.oid WHERE c.relispartition OR c.relkind = 'p'
UNION ALL
SELECT 'replica identity', t.name, '', CASE c.relreplident
      WHEN 'd' THEN format('ALTER TABLE %s REPLICA IDENTITY DEFAULT', t.name)
      WHEN 'f' THEN format('ALTER TABLE %s REPLICA IDENTITY FULL', t.name)
      WHEN 'n' THEN format('ALTER TABLE %s REPLICA IDENTITY NOTHING', t.name)
      ELSE format('ALTER TABLE %s REPLICA IDENTITY USING INDEX %I', t.name,
        (SELECT x.relname FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
         WHERE i.indrelid = c.oid AND i.indisreplident)) END
  FROM t JOIN pg_class c ON c.oid = t.oid
UNION ALL
SELECT 'trigger', t.name, tgname, pg_get_triggerdef(g.oid) || CASE tgenabled WHEN 'O' THEN ''
      ELSE format('; ALTER TABLE %s %s TRIGGER %I', t.name, CASE tgenabled WHEN 'D' THEN 'DISABLE'
        WHEN 'R' THEN 'ENABLE REPLICA' ELSE 'ENABLE ALWAYS' END, tgname) END
  FROM t JOIN pg_trigger g ON g.tgrelid = t.oid
  WHERE NOT tgisinternal AND tgparentid = 0 AND tgname NOT LIKE 'zzz\_foreshard\_%'
UNION ALL
SELECT 'trigger state', t.name, g.tgname, format('ALTER TABLE %s %s TRIGGER %I', t.name,
      CASE g.tgenabled WHEN 'O' THEN 'ENABLE' WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA'
        ELSE 'ENABLE ALWAYS' END, g.tgname)
  FROM t JOIN pg_trigger g ON g.tgrelid = t.oid JOIN pg_trigger above ON above.oid = g.tgparentid
  WHERE NOT g.tgisinternal AND g.tgenabled <> above.tgenabled
UNION ALL
SELECT 'rule', t.name, rulename, pg_get_ruledef(w.oid)
  FROM t JOIN pg_rewrite w ON w.ev_class = t.oid WHERE rulename <> '_RETURN'
UNION ALL
SELECT 'row security', t.name, '',
    format('ALTER TABLE %s %s ROW LEVEL SECURITY; ALTER TABLE %s %s ROW LEVEL SECURITY', t.name,
      CASE WHEN c.relrowsecurity THEN 'ENABLE' ELSE 'DISABLE' END, t.name,
      CASE WHEN c.relforcerowsecurity THEN 'FORCE' ELSE 'NO FORCE' END)
  FROM t JOIN pg_class c ON c.oid = t.oid
UNION ALL
SELECT 'policy', t.name, polname, format('CREATE POLICY %I ON %s AS %s FOR %s TO %s', polname,
      t.name, CASE WHEN polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
      CASE polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE'
        WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
      (SELECT string_agg(CASE r WHEN 0 THEN 'PUBLIC' ELSE r::regrole::text END, ', ')
       FROM unnest(polroles) r))
    || coalesce(' USING (' || pg_get_expr(polqual, polrelid) || ')', '')
    || coalesce(' WITH CHECK (' || pg_get_expr(polwithcheck, polrelid) || ')', '')
  FROM t JOIN pg_policy p ON p.polrelid = t.oid
UNION ALL
SELECT 'statistics', t.name, stxname, pg_get_statisticsobjdef(s.oid)
  FROM t JOIN pg_statistic_ext s ON s.stxrelid = t.oid
ORDER BY 1, 2, 3)";

}  // namespace

Result<std::optional<TableInfo>> ReadTable(pg::Connection& connection, std::string_view name,
                                           std::string_view column, Deadline deadline) {
  const Result<pg::Rows> rows = connection.Exec(kTableSql, {QuoteTable(name)}, deadline);
  if (!rows) return rows.error();
  if (rows->empty()) return std::optional<TableInfo>();
  TableInfo table{.name = std::string(name),
                  .column = std::string(column),
                  .oid = rows->Int(0, 0),
                  .kind = rows->Text(0, 1),
                  .persistence = rows->Text(0, 2),
                  .primary_key = pg::ParseArray(rows->Text(0, 5)),
                  .bytes = rows->Int(0, 3),
                  .rows = rows->Real(0, 4)};
  const Result<pg::Rows> columns = connection.Exec(kColumnsSql, {table.oid}, deadline);
  if (!columns) return columns.error();
  for (std::size_t row = 0; row < columns->size(); ++row) {
    table.columns.push_back({columns->Text(row, 0), columns->Text(row, 1), columns->Bool(row, 2),
                             columns->Bool(row, 3)});
  }
  return std::optional<TableInfo>(std::move(table));
}

Result<std::vector<TableInfo>> ReadTables(pg::Connection& connection, const MigrationSpec& spec,
                                          Deadline deadline) {
  const Result<MigrationSpec> here = WithLeaves(connection, spec, deadline);
  if (!here) return here.error();
  std::vector<TableSpec> wanted = here->tables;
  if (spec.new_destination) {
    for (const std::string& table : here->reference_tables) wanted.push_back({table, ""});
  }
  std::vector<TableInfo> tables;
  for (const TableSpec& one : wanted) {
    Result<std::optional<TableInfo>> table = ReadTable(connection, one.name, one.column, deadline);
    if (!table) return table.error();
    if (!table->has_value())
      return Error::GiveUp(fmt::format("table {} is not there", one.name), "TableMissing");
    tables.push_back(std::move(**table));
  }
  return tables;
}

Result<std::vector<std::string>> ReadUserTables(pg::Connection& connection, Deadline deadline) {
  const Result<pg::Rows> rows = connection.Exec(
      "SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = "
      "c.relnamespace "
      "WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('foreshard', 'information_schema') AND "
      "n.nspname NOT LIKE 'pg\\_%' "
      "AND c.relpersistence <> 't' ORDER BY 1",
      deadline);
  if (!rows) return rows.error();
  std::vector<std::string> names;
  for (std::size_t row = 0; row < rows->size(); ++row) names.push_back(rows->Text(row, 0));
  return names;
}

std::string MovingRowsSql(const MigrationSpec& spec, const TableInfo& table) {
  return table.column.empty() ? std::string("true")
                              : PredicateSql(spec, pg::QuoteIdentifier(table.column));
}

std::string ColumnList(const TableInfo& table) {
  std::string list;
  for (const Column& column : table.columns) {
    if (column.generated) continue;
    if (!list.empty()) list += ", ";
    list += pg::QuoteIdentifier(column.name);
  }
  return list;
}

Result<std::vector<Definition>> ReadDefinitions(pg::Connection& connection,
                                                const std::vector<std::string>& tables,
                                                Deadline deadline) {
  std::vector<std::string> names;
  for (const std::string& table : tables) names.push_back(QuoteTable(table));
  // With an empty search path every name in a definition comes out with its schema, on both servers
  // alike.
  Result<pg::Transaction> transaction =
      pg::Transaction::Begin(connection, "BEGIN; SET LOCAL search_path = ''", deadline);
  if (!transaction) return transaction.error();
  const Result<pg::Rows> rows =
      connection.Exec(kDefinitionsSql, {pg::ArrayLiteral(names)}, deadline);
  if (!rows) return rows.error();
  std::vector<Definition> definitions;
  for (std::size_t row = 0; row < rows->size(); ++row) {
    definitions.push_back(
        {rows->Text(row, 0), rows->Text(row, 1), rows->Text(row, 2), rows->Text(row, 3)});
  }
  return definitions;
}

std::optional<std::string> FirstDifference(const std::vector<Definition>& source,
                                           const std::vector<Definition>& destination) {
  std::vector<Definition> left = source;
  std::vector<Definition> right = destination;
  std::sort(left.begin(), left.end());
  std::sort(right.begin(), right.end());
  const auto [a, b] = std::mismatch(left.begin(), left.end(), right.begin(), right.end());
  if (a == left.end() && b == right.end()) return std::nullopt;
  const bool only_source = a != left.end() && (b == right.end() || *a < *b);
  const Definition& first = only_source ? *a : *b;
  return fmt::format("{} {} of {} on the {} only, or different: {}", first.kind, first.name,
                     first.table, only_source ? "source" : "destination", first.text);
}

}  // namespace foreshard::migration
