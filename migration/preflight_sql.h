#pragma once

#include <optional>
#include <string>

#include "migration/mover_work.h"

// The single checks of a preflight. For preflight.cpp.

namespace foreshard::migration {

struct Refusal {
  std::string reason;  // CamelCase
  std::string message;
};

using Check = Result<std::optional<Refusal>>;

Check CheckServer(pg::Connection& connection, const Work& work, Side side);
Check CheckTransactions(pg::Connection& source, const Work& work);
// Form, key, identity, uniqueness, triggers of one table.
Check CheckTable(pg::Connection& connection, const Work& work, const TableInfo& table, Side side);
// Partitioned tables of which every row can be followed.
Check CheckPartitions(pg::Connection& connection, const Work& work, Side side);
// The same definitions, partitions too, and no row of K on a destination that exists already.
Check CheckDestination(pg::Connection& source, pg::Connection& destination, const Work& work);
// Room for the copy on the destination.
Check CheckDisk(pg::Connection& destination, const Work& work, std::int64_t bytes);
// Room for the WAL that the source keeps while the copy runs.
Check CheckFuse(pg::Connection& source, const Work& work, std::int64_t bytes);

}  // namespace foreshard::migration
