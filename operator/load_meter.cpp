#include "operator/load_meter.h"

#include <algorithm>
#include <cmath>

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

void ShowShard(Exporter& exporter, const Exporter::ShardKey& key, const ShardLoad& load,
               int plan_quantile_percent) {
  exporter.SetDemand(key, load.statements);
  const std::size_t steps = load.statements_ahead.size();
  if (steps == 0) return;
  for (const Lead& lead : kLeads) {
    const auto step = std::max<std::size_t>(
        1, static_cast<std::size_t>(std::lround(lead.part * static_cast<double>(steps))));
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

void ShowQuality(Exporter& exporter, const kube::ObjectRef& set, const LoadBook& book) {
  double errors = 0;
  double naive = 0;
  double coverage = 0;
  double scored = 0;
  bool trusted = !book.loads().empty();
  for (const auto& [shard, load] : book.loads()) {
    trusted = trusted && load.trust.Value() >= model::kTrustToActFully;
    for (const forecast::StepReport& step : book.Report(shard)) {
      if (step.scored == 0) continue;
      errors += step.ensemble_error;
      naive += step.best_naive_error;
      coverage += step.coverage90;
      ++scored;
    }
  }
  // Relative to the better naive forecast: below 1 the ensemble earns its keep.
  exporter.SetForecastQuality(set.name_space, set.name, naive > 0 ? errors / naive : 0,
                              scored > 0 ? coverage / scored : 0, trusted);
}

}  // namespace

void LoadMeter::Look(const ScalingReport& report) {
  const model::ShardSet& set = report.seen->set;
  const kube::ObjectRef ref{set.name_space, set.name};
  if (!report.decision->has_plan || !report.memory->loads) return Forget(ref);
  exporter_.OnPlan(ToString(report.decision->plan.decision), report.plan_seconds);
  const std::lock_guard lock(mutex_);
  std::set<std::string> now;
  for (const auto& [shard, load] : report.memory->loads->loads()) {
    ShowShard(exporter_, {ref.name_space, ref.name, shard.value}, load,
              set.spec.scaling.plan_quantile_percent);
    now.insert(shard.value);
  }
  std::set<std::string>& shown = shown_[ref];
  for (const std::string& shard : shown) {
    if (!now.contains(shard)) exporter_.ForgetShard({ref.name_space, ref.name, shard});
  }
  shown = std::move(now);
  ShowQuality(exporter_, ref, *report.memory->loads);
}

void LoadMeter::Forget(const kube::ObjectRef& set) {
  const std::lock_guard lock(mutex_);
  const auto found = shown_.find(set);
  if (found == shown_.end()) return;
  for (const std::string& shard : found->second)
    exporter_.ForgetShard({set.name_space, set.name, shard});
  exporter_.ForgetForecastQuality(set.name_space, set.name);
  shown_.erase(found);
}

}  // namespace foreshard::op
