#pragma once

#include <vector>

#include "migration/shard.h"
#include "pg/connection.h"

// What migrations leave on a shard when everything that could clean up died. The sweeper judges by
// the shard's own rows, never by an object that is missing in the API.

namespace foreshard::migration {

// Side objects of all migrations on this shard (section 11), ordered.
Result<std::vector<SideObject>> ReadLeftovers(pg::Connection& connection, Deadline deadline);

// Removes what no unfinished migration names and answers it. An object belongs to the migration
// whose number its name carries; it stays while that migration's row here has a phase that is not
// terminal. Never deletes rows of clients.
Result<std::vector<SideObject>> Sweep(pg::Connection& connection, Deadline deadline);

// The number in a side object's name; 0 where there is none.
std::int32_t NumberOf(const SideObject& object);

}  // namespace foreshard::migration
