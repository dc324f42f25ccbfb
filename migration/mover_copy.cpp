#include <fmt/format.h>

#include "base/log.h"
#include "migration/copier.h"
#include "migration/mover_steps.h"
#include "migration/preflight.h"

namespace foreshard::migration {

namespace {

// Snapshots that an earlier keeper exported, newest first.
Result<std::vector<std::string>> RecordedSnapshots(const Work& work) {
  auto source = work.Connect(Side::kSource);
  if (!source) return source.error();
  const Result<pg::Rows> rows = (*source)->Exec(
      "SELECT jsonb_array_elements_text(progress->'snapshots') FROM foreshard.migration WHERE "
      "migration_id = $1",
      {work.spec().number.value}, work.In(kCall));
  if (!rows) return rows.error();
  std::vector<std::string> snapshots;
  for (std::size_t row = 0; row < rows->size(); ++row) snapshots.push_back(rows->Text(row, 0));
  return snapshots;
}

// After a restart: somebody may still keep the snapshot. If nobody does, the copy begins again.
Status FindSnapshot(const Work& work, const Turn& turn, Keepers& keepers) {
  const Result<std::vector<std::string>> recorded = RecordedSnapshots(work);
  if (!recorded) return recorded.error();
  for (const std::string& snapshot : *recorded) {
    auto keeper = SnapshotKeeper::Import(work, snapshot);
    if (!keeper) return keeper.error();
    if (*keeper == nullptr) continue;
    keepers.second = std::move(*keeper);
    work.board.Count([](MoverCounters& counters) { counters.keepers = 1; });
    return Ok();
  }
  log::Warning("copy_restarts", {{"why", "no session keeps the snapshot any more"}});
  return StartSnapshot(work, turn, keepers);
}

Status EstimateTotals(const Work& work) {
  auto source = work.Connect(Side::kSource);
  if (!source) return source.error();
  const Result<std::vector<TableInfo>> tables = ReadTables(**source, work.spec(), work.In(kCall));
  if (!tables) return tables.error();
  const Estimate estimate = EstimateMove(work.spec(), *tables);
  work.board.Change([&](Progress& progress) {
    progress.total_rows = estimate.rows;
    progress.total_bytes = estimate.bytes;
  });
  return Ok();
}

}  // namespace

Status Copy(const Work& work, const Turn& turn, Keepers& keepers) {
  if (Status estimated = EstimateTotals(work); !estimated) return estimated;
  if (keepers.second == nullptr || !keepers.second->alive(work)) {
    keepers.second = nullptr;
    if (Status found = FindSnapshot(work, turn, keepers); !found) return found;
  }
  const Status copied = CopyChunks(work, turn, keepers.second->snapshot());
  if (!copied && copied.error().reason == "SnapshotGone") keepers = {};
  return copied;
}

}  // namespace foreshard::migration
