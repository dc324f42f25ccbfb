#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "migration/spec.h"
#include "pg/connection.h"

// Partitioned tables: what moves are their leaves, each as a table of its own. Triggers, row
// filters, chunks, digests and deletes know leaves only; the root and the levels between hold no
// rows, they are only guarded against DDL.

namespace foreshard::migration {

// WITH RECURSIVE tree (ord, root, oid, parent, detaching) AS (...): the tables of $1, an array of
// quoted names, and everything that hangs from a partitioned one. `oid` is null for a table that is
// not there; `ord` counts from 1 in the order of $1. Takes no locks.
extern const char* const kPartitionTreeSql;

// The same migration with each partitioned table in its place replaced by its leaves, as this shard
// has them; by nothing if it has none. A table that is not there stays as it is.
Result<MigrationSpec> WithLeaves(pg::Connection& connection, const MigrationSpec& spec,
                                 Deadline deadline);

// The partitioned ones among the group's tables and what hangs from them. Waits for no lock of a
// table.
Result<std::vector<std::string>> ReadPartitionedTables(pg::Connection& connection,
                                                       const MigrationSpec& spec,
                                                       Deadline deadline);

// A table of the group or what hangs from it, as one shard has it.
struct TreeTable {
  std::string name;          // "public.orders_2026"
  std::string kind;          // relkind
  std::string shape;         // parent, bound and partition key for people; "" for an ordinary table
  std::string part_of = {};  // of the group's own tables only: the partitioned table it belongs to
  std::string fed_by =
      {};                  // a subscription that is not ours and writes through a partitioned table
  bool detaching = false;  // DETACH ... CONCURRENTLY was begun and not finished
};

// By name. Tables that are not there are left out.
Result<std::vector<TreeTable>> ReadTrees(pg::Connection& connection, const MigrationSpec& spec,
                                         Deadline deadline);

// First difference in names, parents, bounds and partition keys, for people; no value: alike.
std::optional<std::string> FirstTreeDifference(const std::vector<TreeTable>& source,
                                               const std::vector<TreeTable>& destination);

}  // namespace foreshard::migration
