#include "migration/shard_schema.h"

#include <fmt/format.h>

#include "migration/shard_schema_text.h"

namespace foreshard::migration {

namespace {

// Two operators of one version install at the same time; CREATE ... IF NOT EXISTS is not safe
// against that by itself.
constexpr std::string_view kLock = "SELECT pg_advisory_xact_lock(1179862866)";

}  // namespace

std::string_view ShardSchemaSql() { return kShardSchemaText; }

Status InstallShardSchema(pg::Connection& connection, Deadline deadline) {
  const std::string mark = fmt::format("foreshard {}", kShardSchemaDigest);
  const std::string_view read =
      "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = 'foreshard'";
  const auto installed = [&](const pg::Rows& rows) {
    return !rows.empty() && rows.Cell(0, 0).has_value() && rows.Text(0, 0) == mark;
  };
  Result<pg::Rows> before = connection.Exec(read, deadline);
  if (!before) return before.error();
  if (installed(*before)) return Ok();

  Result<pg::Transaction> transaction = pg::Transaction::Begin(connection, "BEGIN", deadline);
  if (!transaction) return transaction.error();
  if (Result<pg::Rows> locked = connection.Exec(kLock, deadline); !locked) return locked.error();
  const std::string text = fmt::format(
      "SET LOCAL client_min_messages = warning;\n{}\nCOMMENT ON SCHEMA foreshard IS {};",
      ShardSchemaSql(), pg::QuoteLiteral(mark));
  if (Result<pg::Rows> made = connection.Exec(text, deadline); !made) return made.error();
  return transaction->Commit(deadline);
}

}  // namespace foreshard::migration
