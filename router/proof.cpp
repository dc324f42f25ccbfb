#include "router/proof.h"

#include <fmt/format.h>

#include "router/limits.h"
#include "router/session_settings.h"

namespace foreshard::router {

// Plain SQL where ownership holds: a first call of PL/pgSQL costs each server process milliseconds,
// and all of them would pay in the moment before a cutover.
Proof MakeProof(std::uint32_t shard, std::string_view shard_id, std::int64_t migration) {
  return {.shard = shard,
          .migration = migration,
          .sql = fmt::format("SELECT CASE WHEN owner <> {} THEN "
                             "foreshard.stale_owner(NULL, range_id) END FROM "
                             "foreshard.range WHERE migration_id = {}",
                             QuoteLiteral(shard_id), migration),
          .lock = fmt::format("SELECT pg_catalog.pg_advisory_xact_lock_shared({}, {})", kGateLock,
                              migration)};
}

}  // namespace foreshard::router
