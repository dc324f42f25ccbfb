#include "cli/plugin/top.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/plugin/output.h"
#include "operator/api/migration_json.h"

namespace foreshard::plugin {

namespace {

Colour ColourOf(const std::optional<int>& percent, const model::ScalingSpec& scaling) {
  if (!percent) return Colour::kNone;
  if (*percent >= scaling.limit_cpu_percent) return Colour::kRed;
  return *percent >= scaling.target_cpu_percent ? Colour::kYellow : Colour::kGreen;
}

std::string ShardLine(const model::ShardStatus& shard, const model::ScalingSpec& scaling,
                      const TopOptions& options) {
  constexpr int kOther = 46;  // signs of the other columns
  const int width = std::clamp(options.width - kOther, 10, 60);
  const std::string bar = shard.cpu_percent
                              ? Bar(*shard.cpu_percent, scaling.limit_cpu_percent, width)
                              : std::string(static_cast<std::size_t>(width), ' ');
  const std::string peak = shard.forecast_peak_percent
                               ? fmt::format("{:>4} % at {}", *shard.forecast_peak_percent,
                                             shard.forecast_peak_time.size() >= 16
                                                 ? shard.forecast_peak_time.substr(11, 5)
                                                 : shard.forecast_peak_time)
                               : "   ?";
  return fmt::format(
      "{:<12} {} {:>5} {}{}\n", shard.id,
      Coloured(bar, ColourOf(shard.cpu_percent, scaling), options.colours),
      shard.cpu_percent ? fmt::format("{} %", *shard.cpu_percent) : "?",
      Coloured(peak, ColourOf(shard.forecast_peak_percent, scaling), options.colours),
      shard.ready ? "" : fmt::format("  not ready: {}", shard.reason));
}

std::string MigrationLine(const model::ShardMigration& migration, const TopOptions& options) {
  const model::MigrationProgress& progress = migration.status.progress;
  constexpr int kBar = 20;
  const std::string bar =
      progress.copy_percent >= 0 ? Bar(progress.copy_percent, 0, kBar) + " " : "";
  return fmt::format("{}: {}{}{} lag {} ms{}\n", migration.name, bar,
                     migration.status.phase.empty() ? "Planned" : migration.status.phase,
                     progress.copy_percent >= 0 ? fmt::format(", {} %", progress.copy_percent) : "",
                     progress.lag_millis,
                     migration.spec.approved
                         ? ""
                         : Coloured("  waits for approval", Colour::kYellow, options.colours));
}

}  // namespace

std::string TopText(const SetView& view, const TopOptions& options) {
  const model::ShardSet& set = view.set;
  std::string text =
      fmt::format("{}/{}  {} of {} shards ready, epoch {}, limit {} %\n\n", set.name_space,
                  set.name, set.status.ready_shards, set.status.shards, set.status.epoch,
                  set.spec.scaling.limit_cpu_percent);
  for (const model::ShardStatus& shard : set.status.shard_statuses)
    text += ShardLine(shard, set.spec.scaling, options);
  if (set.status.shard_statuses.empty()) text += "no shard yet\n";
  text += "\n";
  for (const model::ShardMigration& migration : view.migrations) {
    if (!op::IsTerminal(migration.status)) text += MigrationLine(migration, options);
  }
  if (set.status.plan)
    text += fmt::format("plan: {}: {}\n", set.status.plan->decision, set.status.plan->summary);
  return text;
}

}  // namespace foreshard::plugin
