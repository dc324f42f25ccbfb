#include "operator/controllers/scaling_status.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "operator/api/conditions.h"

namespace foreshard::op {

namespace {

constexpr int kPointsOfNews = 5;

WallTime TimeOf(const planner::Problem& problem, model::BinIndex bin) {
  return WallTime(std::chrono::microseconds(
      static_cast<std::int64_t>(static_cast<double>(bin) * problem.bin_seconds * 1e6)));
}

void ShardLine(const planner::Problem& problem, const planner::Shard& shard,
               model::ShardSetStatus& status) {
  model::ShardStatus line;
  line.id = shard.id;
  if (!shard.measured.empty())
    line.cpu_percent = static_cast<int>(std::lround(shard.measured.back() * 100));
  double peak = 0;
  std::size_t when = 0;
  for (std::size_t h = 0; h < shard.fan.steps.size(); ++h) {
    const double value =
        model::Quantile(shard.fan.steps[h], problem.policy.plan_quantile_percent / 100.0);
    if (value <= peak) continue;
    peak = value;
    when = h + 1;
  }
  if (when > 0) {
    line.forecast_peak_percent = static_cast<int>(std::lround(peak * 100));
    line.forecast_peak_time =
        FormatRfc3339(TimeOf(problem, problem.now + static_cast<model::BinIndex>(when)));
    line.load_score_percent =
        static_cast<int>(std::lround(peak * 1e4 / problem.policy.target_cpu_percent));
  }
  status.shard_statuses.push_back(std::move(line));
}

model::Condition Trusted(const ScalingObservation& seen, const planner::Problem& problem) {
  const planner::Shard* worst = nullptr;
  for (const planner::Shard& shard : problem.shards) {
    if (worst == nullptr || shard.trust.Value() < worst->trust.Value()) worst = &shard;
  }
  model::Condition condition{.type = "ForecastTrusted",
                             .status = "True",
                             .reason = "Trusted",
                             .message = {},
                             .observed_generation = seen.set.generation,
                             .last_transition_time = {}};
  if (worst == nullptr || worst->trust.Value() < model::kTrustToActFully) {
    condition.status = "False";
    condition.reason = worst == nullptr || worst->fan.steps.empty() ? "NoForecast" : "LowTrust";
    condition.message =
        worst == nullptr
            ? "there is no shard yet"
            : fmt::format("shard {}: trust is held back by {}{}", worst->id, worst->trust.Weakest(),
                          worst->estimator_usable ? "" : "; its capacity is not learned yet");
  }
  return condition;
}

}  // namespace

model::ShardSetStatus ScalingStatus(const ScalingObservation& seen, const planner::Problem& problem,
                                    const model::Plan& plan) {
  model::ShardSetStatus status;
  for (const planner::Shard& shard : problem.shards) ShardLine(problem, shard, status);
  model::PlanStatus shown;
  shown.time = FormatRfc3339(seen.wall);
  shown.summary = plan.summary;
  shown.decision = ToString(plan.decision);
  for (const model::PlannedStep& step : plan.steps) {
    shown.steps.push_back({.type = ToString(step.type),
                           .shard = step.shard,
                           .at = step.at,
                           .start_time = FormatRfc3339(TimeOf(problem, step.start)),
                           .reason = ToString(step.reason)});
  }
  status.plan = std::move(shown);
  const std::int64_t generation = seen.set.generation;
  status.conditions.push_back({.type = "MetricsFresh",
                               .status = problem.metrics_fresh ? "True" : "False",
                               .reason = problem.metrics_fresh ? "Fresh"
                                         : seen.metrics_read   ? "Stale"
                                                               : "Unreachable",
                               .message = problem.metrics_fresh ? ""
                                          : seen.metrics_read ? "the newest two bins hold no sample"
                                                              : seen.metrics_problem,
                               .observed_generation = generation,
                               .last_transition_time = {}});
  status.conditions.push_back(Trusted(seen, problem));
  const bool blocked = plan.decision == model::PlanDecision::kBlocked;
  status.conditions.push_back({.type = "PlanBlocked",
                               .status = blocked ? "True" : "False",
                               .reason = blocked ? ToString(plan.reason) : "NotBlocked",
                               .message = blocked ? plan.summary : "",
                               .observed_generation = generation,
                               .last_transition_time = {}});
  for (model::Condition& condition : status.conditions) {
    const model::Condition* before = FindCondition(seen.set.status.conditions, condition.type);
    const bool same = before != nullptr && before->status == condition.status;
    condition.last_transition_time = same ? before->last_transition_time : FormatRfc3339(seen.wall);
  }
  return status;
}

bool IsNews(const model::ShardSetStatus& before, const model::ShardSetStatus& now) {
  if (before.plan.has_value() != now.plan.has_value()) return true;
  if (now.plan && (before.plan->decision != now.plan->decision ||
                   before.plan->steps.size() != now.plan->steps.size()))
    return true;
  for (const model::Condition& condition : now.conditions) {
    const model::Condition* old = FindCondition(before.conditions, condition.type);
    if (old == nullptr || old->status != condition.status || old->reason != condition.reason ||
        old->observed_generation != condition.observed_generation) {
      return true;
    }
  }
  const auto moved = [](std::optional<int> a, std::optional<int> b) {
    return a.has_value() != b.has_value() || (a && std::abs(*a - *b) >= kPointsOfNews);
  };
  for (const model::ShardStatus& shard : now.shard_statuses) {
    const auto old =
        std::find_if(before.shard_statuses.begin(), before.shard_statuses.end(),
                     [&shard](const model::ShardStatus& other) { return other.id == shard.id; });
    if (old == before.shard_statuses.end() || moved(old->cpu_percent, shard.cpu_percent) ||
        moved(old->forecast_peak_percent, shard.forecast_peak_percent)) {
      return true;
    }
  }
  return false;
}

}  // namespace foreshard::op
