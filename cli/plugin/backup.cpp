#include "cli/plugin/backup.h"

#include <fmt/format.h>

#include <array>

#include "base/clock.h"
#include "operator/api/backup_json.h"

namespace foreshard::plugin {
namespace {

std::string DoneLine(const char* what, const std::optional<model::BackupDone>& done) {
  if (!done) return fmt::format("{:<12} none\n", what);
  const auto start = ParseRfc3339(done->start_time);
  const auto end = ParseRfc3339(done->time);
  const std::int64_t seconds =
      start && end ? std::chrono::duration_cast<std::chrono::seconds>(*end - *start).count() : 0;
  return fmt::format("{:<12} {}, took {} s, databases {}, added {}\n", what, done->time, seconds,
                     SizeText(done->size_bytes), SizeText(done->repository_bytes));
}

std::string RunLine(const model::BackupRun& run, std::size_t shards) {
  std::string text = fmt::format("under way    {} since {}: {} of {} shards done\n",
                                 op::ToText(run.type), run.start_time, run.done.size(), shards);
  if (run.failures > 0)
    text += fmt::format("             failed {} times in a row: {}\n", run.failures, run.problem);
  return text;
}

}  // namespace

std::string SizeText(std::int64_t bytes) {
  static constexpr std::array<const char*, 5> kUnits = {"B", "kB", "MB", "GB", "TB"};
  double size = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (size >= 1000 && unit + 1 < kUnits.size()) {
    size /= 1000;
    ++unit;
  }
  return fmt::format("{:.3g} {}", size, kUnits[unit]);
}

std::string BackupText(const model::ShardSet& set) {
  if (!set.spec.backup) return fmt::format("{} has no spec.backup: nothing is kept\n", set.name);
  const model::BackupStatus backup = set.status.backup.value_or(model::BackupStatus());
  std::string text = DoneLine("full", backup.last_full);
  text += DoneLine("incremental", backup.last_incremental);
  for (const model::ShardBackup& shard : backup.shards) {
    text += fmt::format("  {:<10} {} {}, {}, added {}\n", shard.id, shard.time, shard.label,
                        SizeText(shard.size_bytes), SizeText(shard.repository_bytes));
  }
  text +=
      fmt::format("oldest       {}\n", backup.oldest_time.empty() ? "none" : backup.oldest_time);
  if (backup.last_point) {
    text += fmt::format("last point   {}: number {}\n", backup.last_point->time,
                        backup.last_point->number);
  } else {
    text += "last point   none\n";
  }
  if (!backup.point_problem.empty())
    text += fmt::format("             the newest attempt made none: {}\n", backup.point_problem);
  if (backup.running) text += RunLine(*backup.running, static_cast<std::size_t>(set.status.shards));
  return text;
}

std::string BackupsJson(const model::ShardSet& set) {
  const model::BackupStatus backup = set.status.backup.value_or(model::BackupStatus());
  op::Value json = op::BackupJson(backup);
  const op::Value points = op::PointStatusApply(set, backup);
  for (const auto& [name, item] : points["status"]["backup"].Fields()) json.Set(name, item);
  json.Set("namespace", set.name_space);
  json.Set("name", set.name);
  return op::ToPrettyJson(json);
}

std::string BackupRequest(bool full, const std::string& now) {
  return fmt::format(
      "{} {}", op::ToText(full ? model::BackupType::kFull : model::BackupType::kIncremental), now);
}

bool IsBackedUp(const model::ShardSet& set, const std::string& request) {
  return set.status.backup && set.status.backup->request == request;
}

}  // namespace foreshard::plugin
