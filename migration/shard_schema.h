#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "pg/connection.h"

namespace foreshard::migration {

// The text of migration/shard_schema.sql and migration/shard_decisions.sql, compiled in.
std::string_view ShardSchemaSql();

// Makes or upgrades schema `foreshard` in the connection's database. Does nothing, and writes
// nothing, where the same text was installed before. REQUIRES: a superuser's session. Errors:
// kRetry when somebody else installs at the same time.
Status InstallShardSchema(pg::Connection& connection, Deadline deadline);

}  // namespace foreshard::migration
