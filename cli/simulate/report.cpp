#include "cli/simulate/report.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/check.h"

namespace foreshard::simulate {

namespace {

using Json = nlohmann::ordered_json;

// JSON knows no infinity: a ratio to nothing is nothing.
double Ratio(double value, double base) { return base > 0 ? value / base : value > 0 ? 1e9 : 1; }

Json ConfigOf(const Options& options, const std::vector<std::string>& traces) {
  Json seeds = Json::array();
  for (int i = 0; i < options.seeds; ++i) seeds.push_back(options.seed + static_cast<unsigned>(i));
  return {{"traces", traces},
          {"seeds", seeds},
          {"shards", options.shards},
          {"units", options.units},
          {"zipf", options.zipf},
          {"with", options.with},
          {"moveMinutes", options.move_minutes},
          {"aggregate", options.aggregate},
          {"targetPercent", options.target_percent},
          {"limitPercent", options.limit_percent},
          {"quantilePercent", options.quantile_percent},
          {"concurrentMoves", options.concurrent_moves}};
}

Json RunOf(const RunResult& run) {
  Json json{{"trace", run.trace}, {"seed", run.seed}, {"strategy", run.strategy}};
  for (const auto& [name, value] : run.metrics) json[name] = value;
  json["moves"] = static_cast<int>(run.Metric("moves"));
  Json actions = Json::object();
  for (const auto type :
       {model::ActionType::kSplit, model::ActionType::kMove, model::ActionType::kMerge,
        model::ActionType::kIsolate, model::ActionType::kMoveKeys, model::ActionType::kAddMember,
        model::ActionType::kRemoveMember}) {
    const auto found = run.actions.find(model::ToString(type));
    actions[model::ToString(type)] = found == run.actions.end() ? 0 : found->second;
  }
  json["actions"] = actions;
  json["planMillis"] = {{"p50", run.plan_millis_p50}, {"p99", run.plan_millis_p99}};
  return json;
}

}  // namespace

Estimate MeanOf(const std::vector<double>& values) {
  Estimate estimate;
  const auto count = static_cast<double>(values.size());
  for (const double value : values) estimate.mean += value / count;
  if (values.size() < 2) return estimate;
  double squares = 0;
  for (const double value : values)
    squares += (value - estimate.mean) * (value - estimate.mean) / (count - 1);
  estimate.ci95 = 1.96 * std::sqrt(squares / count);
  return estimate;
}

Estimate StrategySummary::Of(const std::string& name) const {
  for (const auto& [key, estimate] : metrics) {
    if (key == name) return estimate;
  }
  CHECK(false, "no such metric", name);
  return {};
}

std::vector<StrategySummary> Summarise(const std::vector<std::string>& strategies,
                                       const std::vector<RunResult>& runs) {
  std::vector<StrategySummary> summaries;
  for (const std::string& strategy : strategies) {
    StrategySummary summary{.strategy = strategy, .metrics = {}};
    std::vector<std::string> names;
    for (const RunResult& run : runs) {
      if (run.strategy != strategy || !names.empty()) continue;
      for (const auto& metric : run.metrics) names.push_back(metric.first);
    }
    for (const std::string& name : names) {
      std::vector<double> values;
      for (const RunResult& run : runs) {
        if (run.strategy == strategy) values.push_back(run.Metric(name));
      }
      summary.metrics.emplace_back(name, MeanOf(values));
    }
    if (!names.empty()) summaries.push_back(std::move(summary));
  }
  return summaries;
}

std::vector<Versus> VersusOf(const std::vector<StrategySummary>& summaries,
                             const std::string& base) {
  std::vector<Versus> all;
  for (const StrategySummary& reference : summaries) {
    if (reference.strategy != base) continue;
    for (const StrategySummary& summary : summaries) {
      const auto ratio = [&](const char* name) {
        return Ratio(summary.Of(name).mean, reference.Of(name).mean);
      };
      all.push_back({.strategy = summary.strategy,
                     .overload = ratio("overloadedSlotsPercent"),
                     .member_hours = ratio("memberHours"),
                     .moves = ratio("moves")});
    }
  }
  return all;
}

std::string ToJson(const Options& options, const std::vector<std::string>& traces,
                   const std::vector<RunResult>& runs, double seconds) {
  Json json;
  json["config"] = ConfigOf(options, traces);
  json["runs"] = Json::array();
  for (const RunResult& run : runs) json["runs"].push_back(RunOf(run));
  json["summary"] = Json::array();
  const std::vector<StrategySummary> summaries = Summarise(options.strategies, runs);
  for (const StrategySummary& summary : summaries) {
    Json one{{"strategy", summary.strategy}};
    for (const auto& [name, estimate] : summary.metrics)
      one[name] = {{"mean", estimate.mean}, {"ci95", estimate.ci95}};
    json["summary"].push_back(one);
  }
  json["versusReactive"] = Json::array();
  for (const Versus& versus : VersusOf(summaries, "reactive")) {
    json["versusReactive"].push_back({{"strategy", versus.strategy},
                                      {"overloadRatio", versus.overload},
                                      {"memberHoursRatio", versus.member_hours},
                                      {"movesRatio", versus.moves}});
  }
  json["seconds"] = seconds;
  return json.dump();
}

std::string ToTable(const Options& options, const std::vector<RunResult>& runs, double seconds) {
  const std::vector<StrategySummary> summaries = Summarise(options.strategies, runs);
  std::string text = fmt::format("{:<17} {:>19} {:>10} {:>16} {:>15} {:>8} {:>8} {:>9}\n",
                                 "strategy", "overloaded slots %", "integral", "member-hours",
                                 "moves", "shards", "worst", "plan ms");
  for (const StrategySummary& summary : summaries) {
    double plan = 0;
    for (const RunResult& run : runs) {
      if (run.strategy == summary.strategy) plan = std::max(plan, run.plan_millis_p99);
    }
    const Estimate over = summary.Of("overloadedSlotsPercent");
    const Estimate hours = summary.Of("memberHours");
    const Estimate moves = summary.Of("moves");
    text += fmt::format("{:<17} {:>11.3f} ± {:<5.3f} {:>10.2f} {:>9.1f} ± {:<4.1f}",
                        summary.strategy, over.mean, over.ci95, summary.Of("overloadIntegral").mean,
                        hours.mean, hours.ci95);
    text += fmt::format(" {:>8.1f} ± {:<4.1f} {:>8.2f} {:>8.2f} {:>9.2f}\n", moves.mean, moves.ci95,
                        summary.Of("meanShards").mean, summary.Of("worstUtilisation").mean, plan);
  }
  for (const Versus& versus : VersusOf(summaries, "reactive")) {
    text += fmt::format("{:<17} to reactive: overload {:.3f}, member-hours {:.3f}, moves {:.3f}\n",
                        versus.strategy, versus.overload, versus.member_hours, versus.moves);
  }
  return text + fmt::format("{:.1f} s", seconds);
}

}  // namespace foreshard::simulate
