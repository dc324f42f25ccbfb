#include "planner/explain.h"

#include <fmt/format.h>

#include <cmath>

#include "base/clock.h"

namespace foreshard::planner {

namespace {

std::string Percent(double share) { return fmt::format("{:.0f} %", share * 100); }

// "09:10", with seconds when bins are shorter than a minute.
std::string TimeOf(const Problem& problem, model::BinIndex bin) {
  const double seconds = static_cast<double>(bin) * problem.bin_seconds;
  const std::string text =
      FormatRfc3339(WallTime(std::chrono::microseconds(static_cast<std::int64_t>(seconds * 1e6))));
  return problem.bin_seconds < 60 ? text.substr(11, 8) : text.substr(11, 5);
}

std::string Bytes(double bytes) {
  if (bytes >= 1e9) return fmt::format("{:.1f} GB", bytes / 1e9);
  if (bytes >= 1e6) return fmt::format("{:.0f} MB", bytes / 1e6);
  return fmt::format("{:.0f} kB", bytes / 1e3);
}

std::string Duration(double seconds) {
  return seconds >= 180 ? fmt::format("{:.0f} min", seconds / 60)
                        : fmt::format("{:.0f} s", seconds);
}

std::string WhyNotNow(const Problem& problem, const model::Plan& plan) {
  if (plan.decision == model::PlanDecision::kWaiting)
    return " Waiting: the latest start has not come.";
  if (plan.decision != model::PlanDecision::kBlocked) return "";
  if (plan.reason == model::PlanReason::kFreezeWindow) {
    for (const FrozenInterval& frozen : problem.frozen) {
      if (frozen.to > problem.now) {
        return fmt::format(" Blocked: freeze window {} until {}.", frozen.name,
                           TimeOf(problem, frozen.to));
      }
    }
  }
  return fmt::format(" Blocked: {}.", ToString(plan.reason));
}

}  // namespace

std::string Explain(const Problem& problem, const model::Plan& plan) {
  if (plan.reason == model::PlanReason::kStaleMetrics) {
    return "No change: metrics are stale, and missing data never causes an action.";
  }
  double highest = 0;
  std::string hottest;
  std::size_t horizon = 0;
  for (const Shard& shard : problem.shards) {
    for (const model::Quantiles& step : shard.fan.steps) {
      const double value = model::Quantile(step, problem.policy.plan_quantile_percent / 100.0);
      if (value > highest) {
        highest = value;
        hottest = shard.id.value;
      }
    }
    horizon = std::max(horizon, shard.fan.steps.size());
  }
  if (hottest.empty()) {
    return fmt::format(
        "No change: there is no forecast yet ({}); only a measured breach causes an action.",
        *ToString(plan.reason) != '\0' ? ToString(plan.reason) : "no shard has one");
  }
  return fmt::format(
      "No change: p{} CPU of the hottest shard {} stays at {} within {}, target {} %.{}",
      problem.policy.plan_quantile_percent, hottest, Percent(highest),
      Duration(static_cast<double>(horizon) * problem.bin_seconds),
      problem.policy.target_cpu_percent,
      plan.reason == model::PlanReason::kNone
          ? ""
          : fmt::format(" Trust is limited: {}.", ToString(plan.reason)));
}

std::string ExplainTrouble(const Problem& problem, const model::Plan& plan, std::size_t shard,
                           double peak, const std::string& why_no_split) {
  return fmt::format("{}'s p{} CPU would reach {}, limit {} %, but nothing can be done: {}{}.",
                     problem.shards[shard].id, problem.policy.plan_quantile_percent, Percent(peak),
                     problem.policy.limit_cpu_percent, ToString(plan.reason),
                     why_no_split.empty() ? "" : fmt::format(" ({})", why_no_split));
}

std::string ExplainAction(const Problem& problem, const model::Plan& plan, const Candidate& chosen,
                          double peak, const Candidate* next_best) {
  std::string text = Describe(problem, chosen);
  if (plan.reason == model::PlanReason::kNotWorthIt) {
    return fmt::format(
        "No change: {} would cost {:.2f} member-hours and gain {:.2f}; it is done above {} % of "
        "the cost.",
        text, chosen.action_cost, chosen.benefit, problem.policy.benefit_ratio_percent);
  }
  if (plan.guard) {
    text += fmt::format(" now: measured CPU is {}, limit {} %.", Percent(peak),
                        problem.policy.limit_cpu_percent);
  } else if (plan.breach_at > 0) {
    text += fmt::format(" before {}: p{} CPU would reach {}, limit {} % (breach probability {}).",
                        TimeOf(problem, plan.breach_at), problem.policy.plan_quantile_percent,
                        Percent(peak), problem.policy.limit_cpu_percent,
                        Percent(plan.breach_probability));
  } else {
    text +=
        fmt::format(": p{} CPU would reach {}, target {} %.", problem.policy.plan_quantile_percent,
                    Percent(peak), problem.policy.target_cpu_percent);
  }
  text += fmt::format(
      " Costs {} moved, {} (p80 {}); gain {:.1f} overload minutes; {} stays at {}, the destination "
      "at {}.",
      Bytes(chosen.bytes), Duration(chosen.time.p50_seconds), Duration(chosen.time.p80_seconds),
      chosen.overload_minutes_avoided, problem.shards[chosen.source].id,
      Percent(chosen.source_peak), Percent(chosen.destination_peak));
  if (next_best != nullptr) {
    text += fmt::format(" {} would leave {}.", Describe(problem, *next_best),
                        Percent(std::max(next_best->source_peak, next_best->destination_peak)));
  }
  return text + WhyNotNow(problem, plan);
}

std::string Describe(const Problem& problem, const Candidate& candidate) {
  const std::string where =
      candidate.destination < 0
          ? std::string("a new shard")
          : problem.shards[static_cast<std::size_t>(candidate.destination)].id.value;
  const std::string& source = problem.shards[candidate.source].id.value;
  if (candidate.type == model::ActionType::kSplit)
    return fmt::format("Split {} at {} to {}", source, candidate.at, where);
  return fmt::format("Move range {} of {} to {}", model::ToString(candidate.range), source, where);
}

}  // namespace foreshard::planner
