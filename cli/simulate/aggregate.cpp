#include "cli/simulate/aggregate.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <optional>

#include "base/check.h"
#include "cli/simulate/baselines.h"
#include "forecast/forecaster.h"
#include "planner/shard_count.h"

namespace foreshard::simulate {

namespace {

constexpr double kTargetOverLimit = 285.0 / 350;  // P-Store's
constexpr int kServersMax = 14;
constexpr int kStreams = 6;
constexpr double kOurTarget = 1.08;  // of Q: a quantile and a low target pay twice for one risk
constexpr double kOurPrice = 18;     // server-slots a change: 1.5 member-hours

struct Setting {
  const Trace& trace;
  const Options& options;
  std::size_t begin = 0;   // forecasts begin
  std::size_t scored = 0;  // the test part
  double limit = 1;        // Q^, of one server
  double target = 1;       // Q
  planner::CountOptions count{};
};

// How many servers a strategy wants at the end of slot `now`.
using Rule = std::function<int(std::size_t now, int servers)>;

double At(const Setting& setting, std::size_t slot) {
  return setting.trace.demand[std::min(slot, setting.trace.demand.size() - 1)];
}

int Needed(double demand, double server) {
  return std::clamp(static_cast<int>(std::ceil(demand / server - 1e-9)), 1, kServersMax);
}

Rule ReactiveRule(const Setting& setting, bool one_by_one) {
  return [&setting, one_by_one, quiet = 0](std::size_t now, int servers) mutable {
    const double y = At(setting, now);
    if (y > 0.9 * servers * setting.limit) {
      quiet = 0;
      return one_by_one ? std::min(servers + 1, kServersMax)
                        : std::max(servers, Needed(y, setting.target));
    }
    const bool low =
        one_by_one ? y < 0.5 * servers * setting.limit : y < 0.85 * (servers - 1) * setting.target;
    quiet = low ? quiet + 1 : 0;
    if (quiet < 3) return servers;
    quiet = 0;
    if (one_by_one) return std::max(1, servers - 1);
    return std::min(servers, Needed(y, 0.9 * setting.target));
  };
}

// Demand of the slots ahead, the next one first.
using Ahead = std::function<std::vector<double>(std::size_t now)>;

Rule PlannedRule(const Setting& setting, Ahead ahead, double target, double price, bool guard) {
  return [&setting, ahead = std::move(ahead), target, price, guard, confirmed = 0](
             std::size_t now, int servers) mutable {
    const double y = At(setting, now);
    if (guard && y > 0.95 * servers * setting.limit)
      return std::max(servers, Needed(y, setting.target));
    std::vector<double> demand = ahead(now);
    for (double& value : demand) value /= target;
    planner::CountOptions count = setting.count;
    count.shards = servers;
    count.price_per_change = price;
    const planner::CountPlan plan = planner::PlanShardCount(demand, count);
    if (plan.first_slot != 0) {
      confirmed = 0;
      return servers;
    }
    if (plan.first_count >= servers) {
      confirmed = 0;
      return plan.first_count;
    }
    if (++confirmed < 3) return servers;
    confirmed = 0;
    return plan.first_count;
  };
}

Ahead SparAhead(const Setting& setting) {
  auto spar = std::make_shared<SparPath>(setting.options.DayBins(), setting.options.HorizonBins(),
                                         setting.scored);
  return [&setting, spar](std::size_t now) {
    const std::vector<model::BinState> states(now + 1, model::BinState::kGood);
    std::vector<double> ahead =
        spar->Ahead(std::span(setting.trace.demand.data(), now + 1), states);
    for (double& value : ahead) value *= 1.15;
    return ahead;
  };
}

// The shipped ensemble of the total: its median times `on_top`, or a quantile.
Ahead EnsembleAhead(const Setting& setting, std::optional<double> level, double on_top) {
  forecast::Options options;
  options.bin = setting.options.bin;
  options.day_bins = setting.options.DayBins();
  options.week_bins = 7 * options.day_bins;
  options.horizon_bins = setting.options.HorizonBins();
  forecast::History history;
  history.bin = options.bin;
  history.first = setting.trace.first;
  history.mean.assign(setting.trace.demand.begin(),
                      setting.trace.demand.begin() + static_cast<std::ptrdiff_t>(setting.begin));
  history.peak = history.mean;
  history.state.assign(history.mean.size(), model::BinState::kGood);
  Random random(1);
  Result<forecast::Fitted> fitted = forecast::Fit(history, {}, options, nullptr, random);
  CHECK(fitted.ok(), "the trace does not fit", fitted.error().message);
  auto state = std::make_shared<forecast::Fitted>(*std::move(fitted));
  return [&setting, level, on_top, state, seen = setting.begin - 1](std::size_t now) mutable {
    Random again(now);
    while (seen < now) {
      ++seen;
      if (forecast::RefitDue(*state)) {
        Result<forecast::Fitted> refitted = forecast::Refit(*state, nullptr, again);
        if (refitted) *state = *std::move(refitted);
      }
      const double y = At(setting, seen);
      Result<forecast::Fitted> next = forecast::Update(
          std::move(*state),
          {.at = setting.trace.first + static_cast<std::int64_t>(seen), .mean = y, .peak = y});
      CHECK(next.ok(), "a bin does not follow", next.error().message);
      *state = *std::move(next);
    }
    const model::Fan fan = forecast::Forecast(*state, {});
    std::vector<double> ahead;
    for (std::size_t step = 1; step <= fan.steps.size(); ++step)
      ahead.push_back(on_top * model::Quantile(fan, step, level.value_or(0.5)));
    return ahead;
  };
}

Ahead TrueAhead(const Setting& setting) {
  return [&setting](std::size_t now) {
    std::vector<double> ahead;
    for (int step = 1; step <= setting.options.HorizonBins(); ++step)
      ahead.push_back(At(setting, now + static_cast<std::size_t>(step)));
    return ahead;
  };
}

Rule RuleOf(const std::string& name, const Setting& setting) {
  if (name == "static-peak") return [](std::size_t, int) { return 10; };
  if (name == "static-average") return [](std::size_t, int) { return 5; };
  if (name == "reactive-one") return ReactiveRule(setting, true);
  if (name == "reactive") return ReactiveRule(setting, false);
  if (name == "pstore") return PlannedRule(setting, SparAhead(setting), setting.target, 0, false);
  if (name == "ensemble-15") {
    return PlannedRule(setting, EnsembleAhead(setting, std::nullopt, 1.15), setting.target, 0,
                       false);
  }
  if (name == "ensemble-q90")
    return PlannedRule(setting, EnsembleAhead(setting, 0.9, 1), setting.target, 0, true);
  if (name == "ours") {
    return PlannedRule(setting, EnsembleAhead(setting, 0.95, 1), kOurTarget * setting.target,
                       kOurPrice, true);
  }
  CHECK(name == "oracle", "no such strategy", name);
  return PlannedRule(setting, TrueAhead(setting), setting.target, 0, false);
}

RunResult Play(const Setting& setting, const std::string& name, const Clock& clock) {
  RunResult result{.trace = setting.trace.name, .seed = setting.options.seed, .strategy = name};
  Rule rule = RuleOf(name, setting);
  std::vector<double> millis;
  int servers = name == "static-peak"      ? 10
                : name == "static-average" ? 5
                                           : Needed(At(setting, setting.scored), setting.target);
  int next = servers;
  int left = 0;  // slots of the running change
  int length = 1;
  int over = 0;
  int changes = 0;
  double paid = 0;
  double integral = 0;
  for (std::size_t slot = setting.scored; slot < setting.trace.demand.size(); ++slot) {
    if (left == 0) {
      const MonotonicTime start = clock.Monotonic();
      next = rule(slot - 1, servers);
      millis.push_back(
          std::chrono::duration<double, std::milli>(clock.Monotonic() - start).count());
      if (next != servers) {
        length = std::max(
            1, static_cast<int>(std::ceil(planner::ChangeSlots(setting.count, servers, next))));
        left = length;
        changes += 1;
        result.course.actions.emplace_back(
            result.course.total.size(),
            next > servers ? model::ActionType::kSplit : model::ActionType::kMerge);
      }
    }
    double effective = servers;
    double running = servers;
    if (left > 0) {
      const int done = length - left;
      const double moved = static_cast<double>(next > servers ? done : done + 1) / length;
      effective = planner::EffectiveShards(servers, next, moved);
      running = std::max(servers, next);
      if (--left == 0) servers = next;
    }
    const double demand = At(setting, slot);
    over += demand > effective * setting.limit ? 1 : 0;
    integral += std::max(0.0, demand / (effective * setting.limit) - 1);
    paid += running;
    result.course.total.push_back(demand / setting.limit);
    result.course.worst.push_back(demand / (effective * setting.limit) *
                                  setting.options.limit_percent / 100.0);
    result.course.shards.push_back(running);
  }
  const auto slots = static_cast<double>(setting.trace.demand.size() - setting.scored);
  const double minutes = static_cast<double>(setting.options.bin.count()) / 60;
  result.metrics = {{"overloadedSlotsPercent", 100 * over / slots},
                    {"overloadIntegral", integral * minutes},
                    {"memberHours", paid * minutes / 60},
                    {"moves", changes},
                    {"meanShards", paid / slots},
                    {"worstUtilisation",
                     *std::max_element(result.course.worst.begin(), result.course.worst.end())}};
  std::sort(millis.begin(), millis.end());
  result.plan_millis_p50 = millis[millis.size() / 2];
  result.plan_millis_p99 = millis[millis.size() * 99 / 100];
  return result;
}

}  // namespace

std::vector<std::string> AggregateStrategies() {
  return {"static-peak", "static-average", "reactive-one", "reactive", "pstore",
          "ensemble-15", "ensemble-q90",   "ours",         "oracle"};
}

std::vector<RunResult> RunAggregate(const Trace& trace, const Options& options, const Clock& clock,
                                    const Progress& progress) {
  Setting setting{.trace = trace, .options = options, .count = {}};
  const auto day = static_cast<std::size_t>(options.DayBins());
  setting.scored = (trace.demand.size() >= 14 * day ? 8 : 6) * day;
  setting.begin = setting.scored - 2 * day;
  const double peak = *std::max_element(
      trace.demand.begin() + static_cast<std::ptrdiff_t>(setting.scored), trace.demand.end());
  setting.limit = std::max(peak, 1e-9) / 9.5;
  setting.target = setting.limit * kTargetOverLimit;
  setting.count = {
      .min_shards = 1,
      .max_shards = kServersMax,
      .full_move_slots = options.move_minutes * 60 / static_cast<double>(options.bin.count()),
      .streams_per_shard = kStreams,
      .concurrent_streams_max = kStreams * kServersMax};
  std::vector<RunResult> results;
  for (const std::string& name : options.strategies) {
    results.push_back(Play(setting, name, clock));
    if (progress)
      progress(static_cast<double>(results.size()) /
               static_cast<double>(options.strategies.size()));
  }
  return results;
}

}  // namespace foreshard::simulate
