#include "operator/load_meter.h"

#include <algorithm>
#include <cmath>

#include "operator/api/conditions.h"

namespace foreshard::op {

namespace {

struct Lead {
  const char* name;  // part of the horizon
  double part;
};
constexpr Lead kLeads[] = {{"0.25", 0.25}, {"0.5", 0.5}, {"1", 1.0}};
struct Level {
  const char* name;
  double level;
};
constexpr Level kShownLevels[] = {{"0.5", 0.5}, {"0.95", 0.95}};

std::size_t StepAt(const Lead& lead, std::size_t horizon) {
  return std::max<std::size_t>(
      1, static_cast<std::size_t>(std::lround(lead.part * static_cast<double>(horizon))));
}

// By the step that is scored nearest to each part of the horizon; one that was never scored shows
// nothing.
void ShowAccuracy(Exporter& exporter, const Exporter::ShardKey& key, std::size_t horizon,
                  const std::vector<forecast::StepReport>& reports) {
  if (horizon == 0) return;
  for (const Lead& lead : kLeads) {
    const auto wanted = static_cast<int>(StepAt(lead, horizon));
    const forecast::StepReport* nearest = nullptr;
    for (const forecast::StepReport& report : reports) {
      if (report.scored == 0) continue;
      if (nearest == nullptr || std::abs(report.step - wanted) < std::abs(nearest->step - wanted))
        nearest = &report;
    }
    if (nearest == nullptr) continue;
    const double naive = nearest->best_naive_error;
    exporter.SetForecastAccuracy(key, lead.name, naive > 0 ? nearest->ensemble_error / naive : 0,
                                 nearest->coverage90);
  }
}

void ShowShard(Exporter& exporter, const Exporter::ShardKey& key, const ShardLoad& load,
               int plan_quantile_percent) {
  const std::size_t steps = load.statements_ahead.size();
  if (steps == 0) exporter.ForgetShard(key);  // yesterday's forecast says nothing
  exporter.SetDemand(key, load.statements);
  if (steps == 0) return;
  for (const Lead& lead : kLeads) {
    const std::size_t step = StepAt(lead, steps);
    for (const Level& shown : kShownLevels) {
      exporter.SetForecast(key, shown.name, lead.name,
                           model::Quantile(load.statements_ahead[step - 1], shown.level));
    }
  }
  double peak = 0;
  for (const model::Quantiles& step : load.fan.steps)
    peak = std::max(peak, model::Quantile(step, plan_quantile_percent / 100.0));
  exporter.SetHeadroom(key, 100 * (1 - peak));
}

void ShowQuality(Exporter& exporter, const ScalingReport& report) {
  const model::ShardSet& set = report.seen->set;
  double errors = 0;
  double naive = 0;
  double coverage = 0;
  double scored = 0;
  bool trusted = !report.memory->loads->loads().empty();
  for (const auto& [shard, load] : report.memory->loads->loads()) {
    trusted = trusted && load.trust.Value() >= model::kTrustToActFully;
    for (const forecast::StepReport& step : report.memory->loads->Report(shard)) {
      if (step.scored == 0) continue;
      errors += step.ensemble_error;
      naive += step.best_naive_error;
      coverage += step.coverage90;
      ++scored;
    }
  }
  // Relative to the better naive forecast: below 1 the ensemble earns its keep.
  const double error = naive > 0 ? errors / naive : 0;
  exporter.SetForecastQuality(set.name_space, set.name, error, scored > 0 ? coverage / scored : 0,
                              trusted);
}

}  // namespace

void LoadMeter::Look(const ScalingReport& report) {
  const model::ShardSet& set = report.seen->set;
  const kube::ObjectRef ref{set.name_space, set.name};
  const std::scoped_lock lock(mutex_);
  if (!report.decision->has_plan || !report.memory->loads) {
    ForgetLocked(ref);
    return;
  }
  exporter_.OnPlan(ToString(report.decision->plan.decision), report.plan_seconds);
  Primaries shards;
  for (const auto& [shard, load] : report.memory->loads->loads()) {
    shards[shard.value];
    const Exporter::ShardKey key{set.name_space, set.name, shard.value};
    ShowShard(exporter_, key, load, set.spec.scaling.plan_quantile_percent);
    ShowAccuracy(exporter_, key, load.fan.steps.size(), report.memory->loads->Report(shard));
  }
  ShowLearning(ref, report.memory->loads->Count());
  for (const model::ShardStatus& shard : report.decision->status.shard_statuses) {
    shards[shard.id.value];
    exporter_.SetCpu({set.name_space, set.name, shard.id.value},
                     shard.cpu_percent ? std::optional<double>(*shard.cpu_percent) : std::nullopt);
  }
  Primaries& shown = shown_[ref];
  ShowPrimaries(set, shown, shards);
  for (const auto& [gone, pod] : shown) {
    if (!shards.contains(gone)) exporter_.ForgetShard({set.name_space, set.name, gone});
  }
  shown = std::move(shards);
  ShowQuality(exporter_, report);
  const model::Condition* fresh = FindCondition(report.decision->status.conditions, "MetricsFresh");
  exporter_.SetLimits(set.name_space, set.name, fresh != nullptr && fresh->status == "True",
                      set.spec.scaling.limit_cpu_percent);
}

// A state that was fitted anew counts from zero again: what it counts then is new as well.
void LoadMeter::ShowLearning(const kube::ObjectRef& set, const forecast::Counts& now) {
  const auto [before, first] = counted_.try_emplace(set, now);
  if (first) return;
  const auto since = [](std::int64_t was, std::int64_t is) {
    return static_cast<double>(std::max<std::int64_t>(0, is - was));
  };
  const forecast::Counts& was = before->second;
  const double refused = since(was.refits_refused, now.refits_refused);
  exporter_.OnForecastLearned(std::max(0.0, since(was.refits, now.refits) - refused), refused,
                              since(was.drift_alarms, now.drift_alarms));
  before->second = now;
}

void LoadMeter::ShowPrimaries(const model::ShardSet& set, const Primaries& before, Primaries& now) {
  for (const model::ShardStatus& shard : set.status.shard_statuses) {
    const auto line = now.find(shard.id.value);
    if (line != now.end()) line->second = shard.primary;
  }
  for (const auto& [shard, pod] : before) {
    const auto line = now.find(shard);
    // Nobody leads for a moment: the last one stays, so that the next one is seen to follow it.
    if (line != now.end() && line->second.empty()) line->second = pod;
    if (line == now.end() || line->second != pod)
      exporter_.SetPrimary({set.name_space, set.name, shard}, pod, false);
  }
  for (const auto& [shard, pod] : now) {
    if (!pod.empty()) exporter_.SetPrimary({set.name_space, set.name, shard}, pod, true);
  }
}

void LoadMeter::Forget(const kube::ObjectRef& set) {
  const std::scoped_lock lock(mutex_);
  ForgetLocked(set);
}

void LoadMeter::ForgetLocked(const kube::ObjectRef& set) {
  const auto found = shown_.find(set);
  if (found == shown_.end()) return;
  for (const auto& [shard, pod] : found->second) {
    exporter_.ForgetShard({set.name_space, set.name, shard});
    exporter_.SetPrimary({set.name_space, set.name, shard}, pod, false);
  }
  exporter_.ForgetSet(set.name_space, set.name);
  counted_.erase(set);
  shown_.erase(found);
}

}  // namespace foreshard::op
