#include "migration/partitions.h"

#include <fmt/format.h>

#include <algorithm>

#include "migration/shard_objects.h"

namespace foreshard::migration {

// pg_partition_tree() would wait for the lock of a VACUUM FULL, and leaves out what is being
// detached: its rows move too.
const char* const kPartitionTreeSql =
    "WITH RECURSIVE tree AS ("
    "SELECT ord, to_regclass(name)::oid AS root, to_regclass(name)::oid AS oid, NULL::oid AS "
    "parent, "
    "false AS detaching FROM unnest($1::text[]) WITH ORDINALITY wanted (name, ord) "
    "UNION ALL SELECT tree.ord, tree.root, i.inhrelid, i.inhparent, i.inhdetachpending FROM tree "
    "JOIN pg_class p ON p.oid = tree.oid AND p.relkind = 'p' JOIN pg_inherits i ON i.inhparent = "
    "p.oid) ";

namespace {

std::string QuotedNames(const MigrationSpec& spec) {
  std::vector<std::string> names;
  for (const TableSpec& table : spec.tables) names.push_back(QuoteTable(table.name));
  for (const std::string& table : spec.reference_tables) names.push_back(QuoteTable(table));
  return pg::ArrayLiteral(names);
}

}  // namespace

Result<MigrationSpec> WithLeaves(pg::Connection& connection, const MigrationSpec& spec,
                                 Deadline deadline) {
  const Result<pg::Rows> rows = connection.Exec(
      std::string(kPartitionTreeSql) +
          "SELECT tree.ord, n.nspname || '.' || c.relname FROM tree LEFT JOIN "
          "pg_class c ON c.oid = "
          "tree.oid LEFT JOIN pg_namespace n ON n.oid = c.relnamespace "
          "WHERE c.relkind IS DISTINCT FROM 'p' ORDER BY tree.ord, n.nspname, c.relname",
      {QuotedNames(spec)}, deadline);
  if (!rows) return rows.error();
  MigrationSpec expanded = spec;
  expanded.tables.clear();
  expanded.reference_tables.clear();
  for (std::size_t row = 0; row < rows->size(); ++row) {
    const auto at = static_cast<std::size_t>(rows->Int(row, 0) - 1);
    if (at < spec.tables.size()) {
      const TableSpec& table = spec.tables[at];
      expanded.tables.push_back(
          {rows->IsNull(row, 1) ? table.name : rows->Text(row, 1), table.column});
      continue;
    }
    const std::string& reference = spec.reference_tables[at - spec.tables.size()];
    expanded.reference_tables.push_back(rows->IsNull(row, 1) ? reference : rows->Text(row, 1));
  }
  return expanded;
}

Result<std::vector<std::string>> ReadPartitionedTables(pg::Connection& connection,
                                                       const MigrationSpec& spec,
                                                       Deadline deadline) {
  const Result<pg::Rows> rows = connection.Exec(
      std::string(kPartitionTreeSql) +
          "SELECT n.nspname || '.' || c.relname FROM tree JOIN pg_class c ON c.oid = tree.oid AND "
          "c.relkind = 'p' JOIN pg_namespace n ON n.oid = c.relnamespace ORDER BY 1",
      {QuotedNames(spec)}, deadline);
  if (!rows) return rows.error();
  std::vector<std::string> names;
  for (std::size_t row = 0; row < rows->size(); ++row) names.push_back(rows->Text(row, 0));
  return names;
}

Result<std::vector<TreeTable>> ReadTrees(pg::Connection& connection, const MigrationSpec& spec,
                                         Deadline deadline) {
  MigrationSpec sharded = spec;
  if (!spec.new_destination) sharded.reference_tables.clear();
  const Result<pg::Rows> rows = connection.Exec(
      std::string(kPartitionTreeSql) +
          "SELECT n.nspname || '.' || c.relname, c.relkind, concat_ws(' ', 'partition of ' || "
          "tree.parent::regclass::text, pg_get_expr(c.relpartbound, c.oid), 'by ' || "
          "CASE c.relkind WHEN 'p' THEN pg_get_partkeydef(c.oid) END), "
          "CASE WHEN tree.parent IS NULL AND c.relispartition THEN (SELECT "
          "inhparent::regclass::text "
          "FROM pg_inherits WHERE inhrelid = c.oid) END, "
          "CASE c.relkind WHEN 'p' THEN (SELECT min(s.subname) FROM pg_subscription s JOIN "
          "pg_subscription_rel r ON r.srsubid = s.oid WHERE r.srrelid = c.oid AND s.subname NOT "
          "LIKE "
          "'foreshard\\_%') END, tree.detaching "
          "FROM tree JOIN pg_class c ON c.oid = tree.oid JOIN pg_namespace n ON n.oid = "
          "c.relnamespace",
      {QuotedNames(sharded)}, deadline);
  if (!rows) return rows.error();
  std::vector<TreeTable> tables;
  for (std::size_t row = 0; row < rows->size(); ++row) {
    tables.push_back({.name = rows->Text(row, 0),
                      .kind = rows->Text(row, 1),
                      .shape = rows->Text(row, 2),
                      .part_of = rows->Cell(row, 3).value_or(""),
                      .fed_by = rows->Cell(row, 4).value_or(""),
                      .detaching = rows->Bool(row, 5)});
  }
  std::sort(tables.begin(), tables.end(),
            [](const TreeTable& a, const TreeTable& b) { return a.name < b.name; });
  return tables;
}

std::optional<std::string> FirstTreeDifference(const std::vector<TreeTable>& source,
                                               const std::vector<TreeTable>& destination) {
  const auto [left, right] =
      std::mismatch(source.begin(), source.end(), destination.begin(), destination.end(),
                    [](const TreeTable& a, const TreeTable& b) {
                      return a.name == b.name && a.shape == b.shape;
                    });
  if (left == source.end() && right == destination.end()) return std::nullopt;
  if (left != source.end() && right != destination.end() && left->name == right->name) {
    return fmt::format("{} is [{}] on the source and [{}] on the destination", left->name,
                       left->shape, right->shape);
  }
  const bool only_source =
      left != source.end() && (right == destination.end() || left->name < right->name);
  return fmt::format("{} is on the {} only", only_source ? left->name : right->name,
                     only_source ? "source" : "destination");
}

}  // namespace foreshard::migration
