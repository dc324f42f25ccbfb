#include "cli/plugin/what_if.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "kube/kinds.h"
#include "operator/api/duration.h"
#include "operator/api/shard_set_json.h"
#include "operator/calendar/occurrences.h"
#include "operator/forecasts/freeze.h"

namespace foreshard::plugin {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::chrono::hours kOld{3};

model::BinIndex BinOf(const planner::Problem& problem, WallTime time, bool up) {
  const double bin =
      std::chrono::duration<double>(time.time_since_epoch()).count() / problem.bin_seconds;
  return static_cast<model::BinIndex>(up ? std::ceil(bin) : std::floor(bin));
}

WallTime TimeOf(const planner::Problem& problem, model::BinIndex bin) {
  return WallTime(std::chrono::microseconds(
      static_cast<std::int64_t>(static_cast<double>(bin) * problem.bin_seconds * 1e6)));
}

// "Fri 11-27 09:00", with seconds where bins are shorter than a minute.
std::string Shown(const planner::Problem& problem, WallTime time) {
  static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  const std::chrono::weekday day{std::chrono::floor<std::chrono::days>(time)};
  std::string text = FormatRfc3339(time);
  text[10] = ' ';
  return fmt::format("{} {}", kDays[day.c_encoding()],
                     text.substr(5, problem.bin_seconds < 60 ? 14 : 11));
}
std::string Shown(const planner::Problem& problem, model::BinIndex bin) {
  return Shown(problem, TimeOf(problem, bin));
}

std::string Percent(double share) { return fmt::format("{:.0f} %", share * 100); }

std::string Age(const Told& told) {
  const auto minutes =
      std::chrono::duration_cast<std::chrono::minutes>(told.now - told.kept.written).count();
  return minutes < 120 ? fmt::format("{} min", std::max<std::int64_t>(0, minutes))
                       : fmt::format("{} h", minutes / 60);
}

std::string Head(const Told& told) {
  const planner::Problem& problem = told.kept.problem;
  std::string shards = "all shards";
  if (!told.question.shards.empty()) {
    shards.clear();
    for (const model::ShardId& shard : told.question.shards)
      shards += (shards.empty() ? "" : ", ") + shard.value;
  }
  std::string text =
      fmt::format("What if {}/{} is asked {:.4g} times as much, {} to {} UTC ({})?\n",
                  told.name_space, told.set, told.question.factor,
                  Shown(problem, told.question.from), Shown(problem, told.question.to), shards);
  text += fmt::format("From what the operator knew {} ago", Age(told));
  if (told.answer.forecast_reaches) {
    text += "; the forecast reaches there.\n";
  } else if (!told.kept.usual.utilisation.empty()) {
    text += "; beyond its forecast the load is that of a usual season.\n";
  } else {
    text +=
        "; beyond its forecast the load is taken to stay as it is: no whole season was seen yet.\n";
  }
  if (told.now - told.kept.written > kOld)
    text += "That is old: is the operator running, and does it reach its Prometheus?\n";
  return text + "\n";
}

std::string Shards(const Told& told) {
  const planner::Problem& problem = told.kept.problem;
  std::string text =
      fmt::format("  p{} CPU, limit {} %\n  {:<14} {:>8} {:>14} {:>17} {:>10}\n",
                  problem.policy.plan_quantile_percent, problem.policy.limit_cpu_percent, "shard",
                  "usual", "nothing done", "at", "planned");
  for (const planner::WhatIfShard& shard : told.answer.shards) {
    text += fmt::format("  {:<14} {:>8} {:>14} {:>17} {:>10}\n", shard.id,
                        shard.created ? "" : Percent(shard.usual),
                        shard.created ? "" : Percent(shard.without),
                        shard.when > 0 ? Shown(problem, shard.when) : "", Percent(shard.planned));
  }
  return text;
}

// The event that makes the question come true: the operator then reckons with it.
std::string Manifest(const Told& told) {
  const Question& question = told.question;
  const auto length =
      std::chrono::duration_cast<std::chrono::milliseconds>(question.to - question.from);
  std::string shards;
  for (const model::ShardId& shard : question.shards)
    shards += (shards.empty() ? "" : ", ") + shard.value;
  std::string date = FormatRfc3339(question.from).substr(0, 10);
  return fmt::format(
      "apiVersion: foreshard.dev/v1alpha1\nkind: LoadEvent\n"
      "metadata: {{ name: {}-{}, namespace: {} }}\nspec:\n  shardSetName: {}\n  class: Planned\n"
      "  start: \"{}\"\n  duration: {}\n  expectedMultiplierPercent: {:.0f}\n{}",
      told.set, date, told.name_space, told.set, FormatRfc3339(question.from),
      op::FormatDuration(length), question.factor * 100,
      shards.empty() ? "" : fmt::format("  scope: {{ shards: [{}] }}\n", shards));
}

std::string Actions(const Told& told) {
  const planner::Problem& problem = told.kept.problem;
  const planner::WhatIf& answer = told.answer;
  if (answer.actions.empty()) return "\nNothing would be changed.\n";
  std::string text = fmt::format("\n{} -> {} shards:\n", answer.shards_before, answer.shards_after);
  for (const planner::WhatIfAction& action : answer.actions) {
    text += fmt::format("  {} to {}  {}{} ({})\n", Shown(problem, action.start),
                        Shown(problem, action.end).substr(4), action.step.text,
                        action.step.text.ends_with("new shard")
                            ? fmt::format(", here {}", action.step.destination)
                            : "",
                        ToString(action.step.reason));
  }
  text += "\nThe first of them would be told as: " + answer.actions.front().summary + "\n";
  return text;
}

}  // namespace

Result<op::KeptProblem> ReadKeptProblem(kube::KubeApi& api, const kube::ObjectRef& set,
                                        Deadline deadline) {
  const std::string name = op::ProblemNameOf(set.name);
  const auto object = api.Get(kube::kConfigMaps, {set.name_space, name}, deadline);
  if (!object) return object.error();
  if (!*object) {
    return Error::GiveUp(
        fmt::format("there is no configmap {} in namespace {}: the operator keeps what it asked "
                    "the planner once it has read metrics, unless the mode is Off",
                    name, set.name_space),
        "NotFound");
  }
  return op::ParseProblemObject((*object)->json);
}

Result<Question> QuestionOfEvent(kube::KubeApi& api, const kube::ObjectRef& set,
                                 const std::string& event, WallTime now, Deadline deadline) {
  const auto bad = [&event](const std::string& message) {
    return Error::GiveUp(fmt::format("--what-if: loadevent {}: {}", event, message), "BadQuestion");
  };
  const auto object = api.Get(kube::kLoadEvents, {set.name_space, event}, deadline);
  if (!object) return object.error();
  if (!*object) return bad(fmt::format("there is none in namespace {}", set.name_space));
  const Result<model::LoadEvent> known = op::ParseLoadEvent((*object)->json);
  if (!known) return bad(known.error().message);
  if (known->shard_set_name != set.name)
    return bad(fmt::format("spec.shardSetName is {}, not {}", known->shard_set_name, set.name));
  if (!known->expected_multiplier_percent)
    return bad("spec.expectedMultiplierPercent is not given: its effect is learned, not known");
  if (!known->keys.empty())
    return bad("spec.scope.keys: what a key's multiplier means for its shard is not known");
  const auto starts = op::StartsWithin(*known, now - known->duration, now + kAheadMost);
  if (!starts) return bad(starts.error().message);
  for (const WallTime start : *starts) {
    if (start + known->duration <= now) continue;
    return Question{.factor = *known->expected_multiplier_percent / 100.0,
                    .from = std::max(start, now),
                    .to = start + known->duration,
                    .shards = known->shards,
                    .event = event};
  }
  return bad(fmt::format("it does not happen within {} days", kAheadMost.count() / 24));
}

Result<planner::WhatIf> Answer(const op::KeptProblem& kept, const Question& question) {
  planner::Problem problem = kept.problem;
  std::string known;
  for (const planner::Shard& shard : problem.shards)
    known += (known.empty() ? "" : ", ") + shard.id.value;
  for (const model::ShardId& wanted : question.shards) {
    const bool there =
        std::any_of(problem.shards.begin(), problem.shards.end(),
                    [&wanted](const planner::Shard& shard) { return shard.id == wanted; });
    if (!there)
      return Error::GiveUp(
          fmt::format("--what-if: '{}' is no shard of the set; give {}", wanted, known),
          "BadQuestion");
  }
  const planner::Growth growth{
      .from = BinOf(problem, question.from, false),
      .to = std::max(BinOf(problem, question.to, true), BinOf(problem, question.from, false) + 1),
      .factor = question.factor,
      .shards = question.shards};
  // Freeze windows up to the end of the longest action that could begin then.
  const std::chrono::seconds bin(
      std::max<std::int64_t>(1, static_cast<std::int64_t>(std::llround(problem.bin_seconds))));
  const auto horizon = problem.policy.horizon / bin;
  problem.frozen = op::FrozenIntervals(problem.policy.freeze_windows, bin, problem.now,
                                       growth.to + 2 * static_cast<model::BinIndex>(horizon));
  return planner::AskWhatIf(problem, kept.usual, growth, planner::Options{});
}

std::string WhatIfText(const Told& told) {
  const planner::WhatIf& answer = told.answer;
  std::string text = Head(told) + Shards(told) + Actions(told);
  text += fmt::format(
      "\nExpected overload: {:.0f} shard-minutes if nothing were done, {:.0f} as planned.\n",
      answer.overload_minutes_without, answer.overload_minutes_planned);
  if (!answer.left.empty()) text += "It would not be enough: " + answer.left + "\n";
  const model::ScalingMode mode = told.kept.problem.policy.mode;
  if (mode == model::ScalingMode::kRecommend && !answer.actions.empty())
    text += "In mode Recommend each of these waits for approval at its time.\n";
  if (mode == model::ScalingMode::kObserve || mode == model::ScalingMode::kOff)
    text += "The mode carries nothing out: this is what Auto would do.\n";
  if (!told.question.event.empty())
    return text +
           fmt::format("\nThe operator reckons with loadevent {} already.\n", told.question.event);
  return text + "\nIf you know that it will come, tell the operator (kubectl apply -f -):\n\n" +
         Manifest(told);
}

std::string WhatIfJson(const Told& told) {
  const planner::Problem& problem = told.kept.problem;
  const planner::WhatIf& answer = told.answer;
  const auto time = [&problem](model::BinIndex bin) { return FormatRfc3339(TimeOf(problem, bin)); };
  Json json{{"namespace", told.name_space},
            {"name", told.set},
            {"factor", told.question.factor},
            {"from", FormatRfc3339(told.question.from)},
            {"to", FormatRfc3339(told.question.to)},
            {"knownAt", FormatRfc3339(told.kept.written)},
            {"forecastReaches", answer.forecast_reaches},
            {"shardsBefore", answer.shards_before},
            {"shardsAfter", answer.shards_after},
            {"overloadMinutesIfNothingIsDone", answer.overload_minutes_without},
            {"overloadMinutesAsPlanned", answer.overload_minutes_planned},
            {"left", answer.left}};
  json["shards"] = Json::array();
  for (const planner::WhatIfShard& shard : answer.shards) {
    Json one{{"id", shard.id.value}, {"plannedPercent", shard.planned * 100}};
    if (!shard.created) {
      one["usualPercent"] = shard.usual * 100;
      one["nothingDonePercent"] = shard.without * 100;
      one["peakTime"] = time(shard.when);
    }
    json["shards"].push_back(one);
  }
  json["actions"] = Json::array();
  for (const planner::WhatIfAction& action : answer.actions) {
    json["actions"].push_back({{"start", time(action.start)},
                               {"end", time(action.end)},
                               {"type", ToString(action.step.type)},
                               {"shard", action.step.shard.value},
                               {"destination", action.step.destination.value},
                               {"at", action.step.at},
                               {"reason", ToString(action.step.reason)},
                               {"text", action.step.text},
                               {"summary", action.summary}});
  }
  return json.dump(2);
}

}  // namespace foreshard::plugin
