#include "migration/snapshot_keeper.h"

#include <fmt/format.h>

#include "pg/conninfo.h"

namespace foreshard::migration {

Result<std::unique_ptr<SnapshotKeeper>> SnapshotKeeper::MakeSlot(const Work& work,
                                                                 const std::string& slot) {
  auto session = pg::Connection::Connect({.conninfo = work.conninfo(Side::kSource),
                                          .replication = true,
                                          .application_name = SessionName(work.options)},
                                         work.clock, work.In(10s));
  if (!session) return session.error();
  const std::string failover = (*session)->server_version() >= 170000 ? ", FAILOVER" : "";
  const Result<pg::Rows> made = (*session)->Exec(
      fmt::format("CREATE_REPLICATION_SLOT {} LOGICAL pgoutput (SNAPSHOT 'export'{})", slot,
                  failover),
      work.In(kSlotCreation));
  if (!made) {
    if (made.error().kind != Error::Kind::kReobserve) return made.error();
    return Error::Retry("open transactions hold the slot up", "BlockedByLongTransaction");
  }
  // slot_name, consistent_point, snapshot_name, output_plugin
  return std::unique_ptr<SnapshotKeeper>(
      new SnapshotKeeper(std::move(*session), made->Text(0, 2), true));
}

Result<std::unique_ptr<SnapshotKeeper>> SnapshotKeeper::Import(const Work& work,
                                                               const std::string& snapshot) {
  auto session = work.Connect(Side::kSource);
  if (!session) return session.error();
  const Result<pg::Rows> begun =
      (*session)->Exec("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", work.In(kCall));
  if (!begun) return begun.error();
  const Result<pg::Rows> taken =
      (*session)->Exec("SET TRANSACTION SNAPSHOT " + pg::QuoteLiteral(snapshot), work.In(kCall));
  if (!taken) {
    // 22023, 42704: no such snapshot; 55000: its keeper has just ended.
    if (taken.error().code == "22023" || taken.error().code == "42704" ||
        taken.error().code == "55000")
      return std::unique_ptr<SnapshotKeeper>();
    return taken.error();
  }
  const Result<pg::Rows> exported = (*session)->Exec("SELECT pg_export_snapshot()", work.In(kCall));
  if (!exported) return exported.error();
  return std::unique_ptr<SnapshotKeeper>(
      new SnapshotKeeper(std::move(*session), exported->Text(0, 0), false));
}

bool SnapshotKeeper::alive(const Work& work) {
  if (!connection_->alive()) return false;
  if (replication_) return true;  // the copy that imports it will tell
  return connection_->Exec("SELECT 1", work.In(kCall)).ok();
}

}  // namespace foreshard::migration
