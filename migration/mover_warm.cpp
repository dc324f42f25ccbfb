#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

#include "base/log.h"
#include "migration/mover_steps.h"
#include "migration/shard_objects.h"

namespace foreshard::migration {

namespace {

// What was not copied by this process, or was read since by something else, may lie on the disk
// only: after a restart of the destination everything does.
struct Relation {
  std::string oid;
  std::int64_t pages = 0;
};

// Indexes before tables before TOAST: each statement of a client goes through the first, and small
// ones first. Of a partitioned table its leaves.
Result<std::vector<Relation>> ReadRelations(pg::Connection& destination, const Work& work) {
  std::vector<std::string> names;
  for (const TableSpec& table : work.spec().tables)
    names.push_back(pg::QuoteLiteral(QuoteTable(table.name)) + "::regclass");
  const Result<pg::Rows> rows = destination.Exec(
      fmt::format(
          "WITH tables AS (SELECT unnest(ARRAY[{}]) AS oid), heaps AS ("
          "SELECT c.oid, c.reltoastrelid FROM pg_class c WHERE c.relkind = 'r' AND c.oid IN "
          "(SELECT oid FROM tables UNION SELECT p.relid FROM tables, "
          "pg_partition_tree(tables.oid) p)), relations AS ("
          "SELECT i.indexrelid AS oid, 0 AS rank FROM pg_index i, heaps h "
          "WHERE i.indrelid IN (h.oid, h.reltoastrelid) "
          "UNION ALL SELECT oid, 1 FROM heaps "
          "UNION ALL SELECT reltoastrelid, 2 FROM heaps WHERE reltoastrelid <> 0) "
          "SELECT oid::bigint, pg_relation_size(oid) / {} AS pages FROM relations "
          "ORDER BY rank, pages, oid",
          fmt::join(names, ", "), kPageBytes),
      work.In(kCall));
  if (!rows) return rows.error();
  std::vector<Relation> relations;
  for (std::size_t row = 0; row < rows->size(); ++row)
    relations.push_back({rows->Text(row, 0), rows->Int(row, 1)});
  return relations;
}

// Half of the destination's buffers at most: it serves other keys already.
Result<std::int64_t> ReadBudget(pg::Connection& destination, const Work& work) {
  const Result<pg::Rows> rows = destination.Exec(
      "SELECT setting::bigint / 2 FROM pg_settings WHERE name = 'shared_buffers'", work.In(kCall));
  if (!rows) return rows.error();
  return std::min(rows->Int(0, 0), kWarmPagesMax);
}

// Where the function of pg_prewarm is. An extension that the database does not have is made in this
// transaction, which is rolled back: nothing of it stays, but the pages do.
Result<std::string> FindPrewarm(pg::Connection& destination, const Work& work) {
  const Result<pg::Rows> rows = destination.Exec(
      "SELECT quote_ident(n.nspname) FROM pg_extension e, pg_namespace n "
      "WHERE e.extname = 'pg_prewarm' AND n.oid = e.extnamespace",
      work.In(kCall));
  if (!rows) return rows.error();
  if (!rows->empty()) return rows->Text(0, 0) + ".pg_prewarm";
  const Result<pg::Rows> made =
      destination.Exec("CREATE EXTENSION pg_prewarm SCHEMA foreshard", work.In(kCall));
  if (!made) return made.error();
  return std::string("foreshard.pg_prewarm");
}

// The last `pages` of it: what was copied to a table that others use too stands there.
Result<std::int64_t> WarmOne(pg::Connection& destination, const Work& work, const Turn& turn,
                             const std::string& prewarm, const Relation& relation,
                             std::int64_t pages) {
  const std::int64_t slice = work.SlicePages(kPageBytes);
  std::int64_t warmed = 0;
  for (std::int64_t first = relation.pages - pages; first < relation.pages; first += slice) {
    const std::int64_t last = std::min(first + slice, relation.pages) - 1;
    if (!work.Take((last - first + 1) * kPageBytes)) return Error::Reobserve("the process ends");
    const Result<pg::Rows> read =
        // Every type is said: whoever may write to the extension's schema could offer a function
        // that fits looser ones better, and it would run as a superuser.
        destination.Exec(fmt::format("SELECT {}({}::oid::regclass, 'buffer'::text, 'main'::text, "
                                     "{}::bigint, {}::bigint)",
                                     prewarm, relation.oid, first, last),
                         work.In(kLongStatement));
    if (!read) return read.error();
    warmed += read->Int(0, 0);
    // Without the lock: the operator must not wait for this to enter another phase.
    if (Status ours =
            LooksLikeOurs(destination, work.spec(), turn.destination_token, work.In(kCall));
        !ours)
      return ours.error();
  }
  return warmed;
}

Result<std::int64_t> WarmAll(pg::Connection& destination, const Work& work, const Turn& turn) {
  const Result<std::vector<Relation>> relations = ReadRelations(destination, work);
  if (!relations) return relations.error();
  const Result<std::int64_t> budget = ReadBudget(destination, work);
  if (!budget) return budget.error();
  // Ends without a commit.
  Result<pg::Transaction> passing = pg::Transaction::Begin(destination, "BEGIN", work.In(kCall));
  if (!passing) return passing.error();
  const Result<std::string> prewarm = FindPrewarm(destination, work);
  if (!prewarm) return prewarm.error();
  std::int64_t warmed = 0;
  for (const Relation& relation : *relations) {
    const std::int64_t pages = std::min(relation.pages, *budget - warmed);
    if (pages <= 0) continue;
    const Result<std::int64_t> read = WarmOne(destination, work, turn, *prewarm, relation, pages);
    if (!read) return read.error();
    warmed += *read;
  }
  return warmed;
}

}  // namespace

Status WarmPages(const Work& work, const Turn& turn) {
  auto destination = work.Connect(Side::kDestination);
  if (!destination) return destination.error();
  const Result<std::int64_t> warmed = WarmAll(**destination, work, turn);
  if (warmed) {
    log::Info("pages_warmed", {{"pages", *warmed}});
    return Ok();
  }
  if (warmed.error().kind == Error::Kind::kFenced || warmed.error().kind == Error::Kind::kReobserve)
    return warmed.error();
  // Nothing but speed depends on it: a PostgreSQL without the extension serves K from its disk.
  log::Warning("pages_not_warmed", {{"why", warmed.error().message}});
  return Ok();
}

}  // namespace foreshard::migration
