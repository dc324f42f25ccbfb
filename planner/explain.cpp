#include "planner/explain.h"

#include <fmt/format.h>

#include <algorithm>
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

// What a person can do about it, or wait for.
std::string InWords(const Problem& problem, model::PlanReason reason) {
  const model::ScalingSpec& policy = problem.policy;
  if (reason == model::PlanReason::kMigrationInFlight) {
    return fmt::format(" ({} of {} migrations run already)", problem.migrations_in_flight,
                       policy.max_concurrent_migrations);
  }
  if (reason == model::PlanReason::kCoolDown) {
    return fmt::format(" (the source changed less than {} ago)",
                       Duration(static_cast<double>(policy.cool_down.count()) / 1e3));
  }
  if (reason == model::PlanReason::kBudget) {
    return fmt::format(" ({} an hour may move, {} did)",
                       Bytes(static_cast<double>(policy.max_moved_bytes_per_hour)),
                       Bytes(problem.memory.moved_bytes_last_hour));
  }
  if (reason == model::PlanReason::kHorizonTooShort)
    return " (it would take longer than the forecast reaches)";
  if (reason == model::PlanReason::kNotReady) return " (the source is not ready)";
  if (reason == model::PlanReason::kMode) return " (the mode only observes)";
  return "";
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
  return fmt::format(" Blocked: {}{}.", ToString(plan.reason), InWords(problem, plan.reason));
}

// The number against the limit, with what is known of its likelihood. After the fan only the
// planned quantile is known.
std::string BreachTold(const Problem& problem, const model::Plan& plan, const Trouble& trouble) {
  const int quantile = problem.policy.plan_quantile_percent;
  const int limit = problem.policy.limit_cpu_percent;
  if (trouble.ahead) {
    return fmt::format("p{} CPU would pass {} % at {} and reach {}", quantile, limit,
                       TimeOf(problem, plan.breach_at), Percent(trouble.peak));
  }
  return fmt::format("p{} CPU would reach {}, limit {} % (breach probability {})", quantile,
                     Percent(trouble.peak), limit, Percent(plan.breach_probability));
}

// What the action takes away, within the fans or, where that is its point, after them.
std::string GainTold(const Problem& problem, const Candidate& chosen, const Trouble& trouble) {
  if (trouble.ahead) {
    return fmt::format("takes away {:.0f} min with p{} CPU over the limit",
                       std::max(0.0, chosen.later_minutes_avoided),
                       problem.policy.plan_quantile_percent);
  }
  if (chosen.overload_minutes_avoided < 0) {
    return fmt::format("its copy makes {:.1f} overload minutes", -chosen.overload_minutes_avoided);
  }
  return fmt::format("gain {:.1f} overload minutes", chosen.overload_minutes_avoided);
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
  const bool over = highest * 100 > problem.policy.limit_cpu_percent;
  return fmt::format(
      "No change: p{} CPU of the hottest shard {} {} {} within {}, limit {} %.{}",
      problem.policy.plan_quantile_percent, hottest, over ? "would reach" : "stays at",
      Percent(highest), Duration(static_cast<double>(horizon) * problem.bin_seconds),
      problem.policy.limit_cpu_percent,
      plan.reason == model::PlanReason::kNone
          ? ""
          : fmt::format(
                " The forecast is not trusted enough to act on ({}); only a measured breach "
                "causes an action.",
                ToString(plan.reason)));
}

std::string ExplainTrouble(const Problem& problem, const model::Plan& plan, std::size_t shard,
                           double peak, const std::string& why_no_split) {
  return fmt::format("{}'s p{} CPU would reach {}, limit {} %, but nothing can be done: {}{}.",
                     problem.shards[shard].id, problem.policy.plan_quantile_percent, Percent(peak),
                     problem.policy.limit_cpu_percent, ToString(plan.reason),
                     why_no_split.empty() ? "" : fmt::format(" ({})", why_no_split));
}

std::string ExplainNotWorthIt(const Problem& problem, const model::Plan& plan,
                              const Candidate& best, const Trouble& trouble) {
  const std::string text = Describe(problem, best);
  if (trouble.predicted) {
    return fmt::format(
        "{} is left alone: {}, but the copy would put more load over the limit than it takes away "
        "(best: {}). A breach that is measured is answered all the same.",
        problem.shards[best.source].id, BreachTold(problem, plan, trouble), text);
  }
  if (best.benefit <= 0) {
    return fmt::format(
        "No change: {} would cost {:.2f} member-hours and, with its copy, put more load over "
        "target and limit than it takes away.",
        text, best.action_cost);
  }
  return fmt::format(
      "No change: {} would cost {:.2f} member-hours and gain {:.2f}; it is done above {} % of the "
      "cost.",
      text, best.action_cost, best.benefit, problem.policy.benefit_ratio_percent);
}

std::string ExplainAction(const Problem& problem, const model::Plan& plan, const ActionTold& told) {
  const Candidate& chosen = told.chosen;
  const Trouble& trouble = told.trouble;
  const model::ShardId& source = problem.shards[chosen.source].id;
  std::string text = Describe(problem, chosen);
  if (trouble.measured) {
    text += fmt::format(" now: measured CPU is {}, limit {} %.", Percent(trouble.peak),
                        problem.policy.limit_cpu_percent);
  } else if (trouble.ahead) {
    text += fmt::format(" while {} still has room for the copy: {}.", source,
                        BreachTold(problem, plan, trouble));
  } else if (plan.breach_at > 0) {
    text += fmt::format(" before {}: {}.", TimeOf(problem, plan.breach_at),
                        BreachTold(problem, plan, trouble));
  } else {
    text += fmt::format(": CPU would reach {} (p{}: {}), target {} %.", Percent(trouble.planned),
                        problem.policy.plan_quantile_percent, Percent(trouble.peak),
                        problem.policy.target_cpu_percent);
  }
  text += fmt::format(" Costs {} moved, {} (p80 {})", Bytes(chosen.bytes),
                      Duration(chosen.time.p50_seconds), Duration(chosen.time.p80_seconds));
  if (chosen.source_peak <= 0 && chosen.destination_peak <= 0) {
    text += "; it would not be done within the horizon.";
  } else {
    text += fmt::format("; {}; {} stays at {}, the destination at {}.",
                        GainTold(problem, chosen, trouble), source, Percent(chosen.source_peak),
                        Percent(chosen.destination_peak));
  }
  for (std::size_t i = 1; i < plan.steps.size(); ++i) {
    text += fmt::format(" {}: {}.", plan.steps[i].start <= problem.now + 1 ? "Also now" : "Then",
                        plan.steps[i].text);
  }
  const Candidate* next = told.next_best;
  if (next != nullptr && std::max(next->source_peak, next->destination_peak) > 0) {
    text += fmt::format(" {} would leave {}.", Describe(problem, *next),
                        Percent(std::max(next->source_peak, next->destination_peak)));
  }
  if (told.seen_once) return text + " Waiting: seen once; it is done if the next look sees it too.";
  return text + WhyNotNow(problem, plan);
}

std::string DescribeShrink(const Problem& problem, const Shrink& shrink) {
  const Candidate& first = shrink.moves.front();
  if (first.type == model::ActionType::kMerge) return Describe(problem, first);
  return fmt::format("Spread the {} ranges of {} over the others", shrink.moves.size(),
                     problem.shards[first.source].id);
}

std::string ExplainShrink(const Problem& problem, const model::Plan& plan, const Shrink& shrink) {
  double bytes = 0;
  double p50 = 0;
  double peak = 0;
  for (const Candidate& move : shrink.moves) {
    bytes += move.bytes;
    p50 += move.time.p50_seconds;
    peak = std::max(peak, move.destination_peak);
  }
  std::string why = WhyNotNow(problem, plan);
  if (plan.decision == model::PlanDecision::kWaiting) {
    why = fmt::format(" Waiting: seen {} of {} times in a row.", problem.memory.quiet_cycles + 1,
                      problem.policy.scale_in_confirmations);
  }
  return fmt::format(
      "{}: the fleet does with one shard less. p{} CPU of who takes it in stays at {}, limit {} "
      "%. "
      "Costs {} moved, {}; {:.1f} member-hours for {:.1f} saved.{}",
      DescribeShrink(problem, shrink), problem.policy.plan_quantile_percent, Percent(peak),
      problem.policy.limit_cpu_percent, Bytes(bytes), Duration(p50), shrink.cost, shrink.benefit,
      why);
}

std::string Describe(const Problem& problem, const Candidate& candidate) {
  const std::string where =
      candidate.destination < 0
          ? std::string("a new shard")
          : problem.shards[static_cast<std::size_t>(candidate.destination)].id.value;
  const std::string& source = problem.shards[candidate.source].id.value;
  if (candidate.type == model::ActionType::kSplit)
    return fmt::format("Split {} at {} to {}", source, candidate.at, where);
  if (candidate.type == model::ActionType::kMerge)
    return fmt::format("Merge {} into {}", source, where);
  if (!candidate.keys.empty())
    return fmt::format("Move key {} of {} to {}", candidate.keys.front(), source, where);
  return fmt::format("Move range {} of {} to {}", model::ToString(candidate.range), source, where);
}

}  // namespace foreshard::planner
