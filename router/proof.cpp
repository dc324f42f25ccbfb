#include "router/proof.h"

#include <fmt/format.h>

#include <utility>

#include "router/limits.h"
#include "router/session_settings.h"

namespace foreshard::router {

namespace {

Proof Make(std::uint32_t shard, std::int64_t migration, std::string sql) {
  return {.shard = shard,
          .migration = migration,
          .sql = std::move(sql),
          .lock = fmt::format("SELECT pg_catalog.pg_advisory_xact_lock_shared({}, {})", kGateLock,
                              migration)};
}

}  // namespace

// Plain SQL where ownership holds: a first call of PL/pgSQL costs each server process milliseconds,
// and all of them would pay in the moment before a cutover.
Proof MakeProof(std::uint32_t shard, std::string_view shard_id, std::int64_t migration) {
  return Make(shard, migration,
              fmt::format("SELECT CASE WHEN owner <> {} THEN "
                          "foreshard.stale_owner(NULL, range_id) END FROM "
                          "foreshard.range WHERE migration_id = {}",
                          QuoteLiteral(shard_id), migration));
}

Proof MakeNamedProof(std::uint32_t shard, std::string_view shard_id, std::int64_t migration) {
  return Make(shard, migration,
              fmt::format("SELECT foreshard.stale_owner({1}, NULL) WHERE NOT EXISTS (SELECT FROM "
                          "foreshard.range WHERE migration_id = {1} AND owner = {0})",
                          QuoteLiteral(shard_id), migration));
}

}  // namespace foreshard::router
