#include "operator/shards/pg_shard_admin.h"

#include <fmt/format.h>

#include <memory>

#include "migration/shard_schema.h"
#include "operator/scram_verifier.h"
#include "operator/shards/restored_shards.h"
#include "pg/connection.h"
#include "pg/conninfo.h"

namespace foreshard::op {
namespace {

// A setup holds no data of clients. If the standby is not there yet, waiting for it would only
// delay the shard; what a failover loses is seen by the next inspection and done again.
constexpr std::string_view kSession =
    "SET synchronous_commit = local; SET statement_timeout = '20s'; SET lock_timeout = '5s'; "
    "SET log_min_error_statement = panic; SET log_min_duration_statement = -1";

using Session = std::unique_ptr<pg::Connection>;

Result<Session> Open(const ShardLogin& login, const std::string& database, CaFiles& ca_files,
                     const Clock& clock, Deadline deadline) {
  Result<pg::Conninfo> conninfo = pg::Conninfo::Parse("");
  if (!conninfo) return conninfo.error();
  pg::Conninfo info = conninfo->With("host", login.host)
                          .With("port", std::to_string(login.port))
                          .With("user", "postgres")
                          .With("password", login.password)
                          .With("dbname", database)
                          .With("connect_timeout", "5");
  if (!login.address.empty()) info = info.With("hostaddr", login.address);
  if (!login.authority_pem.empty()) {
    const Result<std::string> path = ca_files.PathOf(login.authority_pem);
    if (!path) return path.error();
    info = info.With("sslmode", "verify-ca").With("sslrootcert", *path);
  }
  Result<Session> session = pg::Connection::Connect(
      {.conninfo = info.text(), .application_name = "foreshard-operator"}, clock, deadline);
  if (!session) return session.error();
  const Result<pg::Rows> ready = (*session)->Exec(kSession, deadline);
  if (!ready) return ready.error();
  return session;
}

Result<bool> Exists(pg::Connection& session, std::string_view sql, const std::string& name,
                    Deadline deadline) {
  const Result<pg::Rows> rows = session.Exec(sql, {pg::Parameter(name)}, deadline);
  if (!rows) return rows.error();
  return !rows->empty();
}

Status Run(pg::Connection& session, const std::string& sql, Deadline deadline) {
  const Result<pg::Rows> rows = session.Exec(sql, deadline);
  if (!rows) return rows.error();
  return Ok();
}

// CREATE or ALTER: the attributes and the password (as a verifier, so that no password ever reaches
// the server's log).
Status SetRole(pg::Connection& session, const std::string& role, std::string_view attributes,
               const std::string& verifier, Deadline deadline) {
  const Result<bool> there =
      Exists(session, "SELECT 1 FROM pg_roles WHERE rolname = $1", role, deadline);
  if (!there) return there.error();
  return Run(session,
             fmt::format("{} ROLE {} {} PASSWORD {}", *there ? "ALTER" : "CREATE",
                         pg::QuoteIdentifier(role), attributes, pg::QuoteLiteral(verifier)),
             deadline);
}

Status SetRoles(pg::Connection& session, const ShardSetup& setup, Deadline deadline) {
  const Result<std::string> foreshard = NewScramVerifier(setup.foreshard_password);
  if (!foreshard) return foreshard.error();
  const Result<std::string> exporter = NewScramVerifier(setup.exporter_password);
  if (!exporter) return exporter.error();
  Status done = SetRole(session, "foreshard", "SUPERUSER LOGIN REPLICATION", *foreshard, deadline);
  if (done) done = SetRole(session, "app", "LOGIN", setup.app_verifier, deadline);
  if (done) done = SetRole(session, "exporter", "LOGIN", *exporter, deadline);
  if (done) done = Run(session, "GRANT pg_monitor TO exporter", deadline);
  return done;
}

Error NotInTheBackup(pg::Connection& session, const std::string& database, Deadline deadline) {
  const Result<pg::Rows> there = session.Exec(
      "SELECT coalesce(string_agg(datname, ', ' ORDER BY datname), 'none') FROM pg_database WHERE "
      "NOT datistemplate AND datname <> 'postgres'",
      deadline);
  if (!there) return there.error();
  return Error::GiveUp(fmt::format("spec.postgres.database: '{}' is not in what was restored; "
                                   "there is: {}",
                                   database, there->Text(0, 0)),
                       "DatabaseNotRestored");
}

Status SetDatabase(pg::Connection& session, const ShardSetup& setup, Deadline deadline) {
  const std::string& database = setup.database;
  const Result<bool> there =
      Exists(session, "SELECT 1 FROM pg_database WHERE datname = $1", database, deadline);
  if (!there) return there.error();
  if (*there) return Ok();
  if (setup.restored) return NotInTheBackup(session, database, deadline);
  return Run(session, fmt::format("CREATE DATABASE {} OWNER app", pg::QuoteIdentifier(database)),
             deadline);
}

Result<bool> IsPrimary(pg::Connection& session, Deadline deadline) {
  const Result<pg::Rows> rows = session.Exec("SELECT pg_is_in_recovery()", deadline);
  if (!rows) return rows.error();
  return !rows->Bool(0, 0);
}

// One query over those of the tables that exist.
Result<bool> HasRows(pg::Connection& session, const std::vector<std::string>& tables,
                     Deadline deadline) {
  for (const std::string& table : tables) {
    const Result<pg::Rows> exists =
        session.Exec("SELECT to_regclass($1)::text", {pg::Parameter(table)}, deadline);
    if (!exists) return exists.error();
    if (exists->IsNull(0, 0)) continue;
    const Result<pg::Rows> rows =
        session.Exec(fmt::format("SELECT EXISTS (SELECT FROM {})", exists->Text(0, 0)), deadline);
    if (!rows) return rows.error();
    if (rows->Bool(0, 0)) return true;
  }
  return false;
}

}  // namespace

std::string FingerprintOf(const ShardSetup& setup) {
  return "foreshard " +
         Sha256Hex(fmt::format("{}\n{}\n{}\n{}\n{}", setup.database, setup.app_verifier,
                               setup.foreshard_password, setup.exporter_password,
                               migration::ShardSchemaSql()));
}

Result<ShardDatabaseSeen> PgShardAdmin::Inspect(const ShardLogin& login, const ShardSetup& setup,
                                                const std::vector<std::string>& tables,
                                                Deadline deadline) {
  Result<Session> session = Open(login, "postgres", ca_files_, clock_, deadline);
  if (!session) return session.error();
  const Result<bool> primary = IsPrimary(**session, deadline);
  if (!primary) return primary.error();
  if (!*primary)
    return Error::Reobserve(fmt::format("{} is not the primary", login.host), "NotPrimary");
  const Result<pg::Rows> rows = (*session)->Exec(
      "SELECT shobj_description(oid, 'pg_database'), pg_database_size(oid) FROM pg_database WHERE "
      "datname = $1",
      {pg::Parameter(setup.database)}, deadline);
  if (!rows) return rows.error();
  if (rows->empty()) return ShardDatabaseSeen{};
  ShardDatabaseSeen seen;
  seen.set_up = !rows->IsNull(0, 0) && rows->Text(0, 0) == FingerprintOf(setup);
  seen.size_bytes = rows->Int(0, 1);
  if (tables.empty()) return seen;
  Result<Session> inside = Open(login, setup.database, ca_files_, clock_, deadline);
  if (!inside) return inside.error();
  const Result<bool> has_rows = HasRows(**inside, tables, deadline);
  if (!has_rows) return has_rows.error();
  seen.has_rows = *has_rows;
  return seen;
}

Status PgShardAdmin::SetUp(const ShardLogin& login, const ShardSetup& setup, Deadline deadline) {
  Result<Session> session = Open(login, "postgres", ca_files_, clock_, deadline);
  if (!session) return session.error();
  const Result<bool> primary = IsPrimary(**session, deadline);
  if (!primary) return primary.error();
  if (!*primary)
    return Error::Reobserve(fmt::format("{} is not the primary", login.host), "NotPrimary");
  Status done = SetRoles(**session, setup, deadline);
  if (done) done = SetDatabase(**session, setup, deadline);
  if (!done) return done;
  Result<Session> inside = Open(login, setup.database, ca_files_, clock_, deadline);
  if (!inside) return inside.error();
  done = Run(**inside, "ALTER SCHEMA public OWNER TO app", deadline);
  if (done) done = migration::InstallShardSchema(**inside, deadline);
  // Last: it says that all the rest is there.
  if (done) {
    done = Run(**inside,
               fmt::format("COMMENT ON DATABASE {} IS {}", pg::QuoteIdentifier(setup.database),
                           pg::QuoteLiteral(FingerprintOf(setup))),
               deadline);
  }
  return done;
}

Result<RestoreEnded> PgShardAdmin::EndRestore(const RestoreEnding& ending, Deadline deadline) {
  std::vector<Session> sessions;
  std::vector<backup::RestoredShard> shards;
  for (const RestoreEnding::Shard& shard : ending.shards) {
    Result<Session> session = Open(shard.login, ending.database, ca_files_, clock_, deadline);
    if (!session) return session.error();
    sessions.push_back(*std::move(session));
    shards.push_back({.id = shard.id, .connection = *sessions.back()});
  }
  return EndRestoredShards(shards, ending, deadline);
}

Status PgShardAdmin::Reload(const ShardLogin& login, Deadline deadline) {
  Result<Session> session = Open(login, "postgres", ca_files_, clock_, deadline);
  if (!session) return session.error();
  return Run(**session, "SELECT pg_reload_conf()", deadline);
}

}  // namespace foreshard::op
