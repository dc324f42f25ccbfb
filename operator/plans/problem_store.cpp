#include "operator/plans/problem_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/log.h"
#include "kube/kinds.h"
#include "operator/builders/annotations.h"
#include "operator/plans/archive.h"
#include "operator/plans/problem_json.h"

namespace foreshard::op {

// Named as the archives find them: by the namespace of their own type.
struct UsualShard {
  std::string id;
  std::vector<double> utilisation;
};
template <typename Archive>
void Describe(Archive& archive, UsualShard& shard) {
  archive.Text("id", shard.id, {1, 253});
  archive.NumberList("utilisation", shard.utilisation, {0, 1e6}, {0, 5'000});
}
struct UsualDocument {
  int step_bins = 1;
  std::vector<UsualShard> shards;
};
template <typename Archive>
void Describe(Archive& archive, UsualDocument& usual) {
  archive.Whole("stepBins", usual.step_bins, {1, 1e6});
  archive.ObjectList("shards", usual.shards, {0, 10'000});
}

namespace {

constexpr std::chrono::seconds kWriteEvery{3'600};
constexpr model::BinIndex kBinsLeast = 12;
constexpr std::size_t kBytesMost = 900'000;  // a ConfigMap may hold 1 MiB
constexpr std::size_t kPathsLeast = 4;

// Four digits behind the point: a hundredth of a percent of a shard.
void Round(double& value) { value = std::round(value * 1e4) / 1e4; }
template <typename Numbers>
void RoundAll(Numbers& values) {
  for (auto& value : values) {
    if constexpr (requires { value.begin(); }) {
      RoundAll(value);
    } else {
      Round(value);
    }
  }
}

void RoundAll(planner::Problem& problem) {
  for (planner::Shard& shard : problem.shards) {
    Round(shard.background);
    RoundAll(shard.measured);
    RoundAll(shard.fan.steps);
    RoundAll(shard.fan.scale);
    for (model::WindowMaximum& window : shard.fan.windows) {
      RoundAll(window.factor);
      RoundAll(window.maximum);
    }
    RoundAll(shard.scenarios.paths);
    RoundAll(shard.later);
    for (planner::Unit& unit : shard.units) {
      Round(unit.share);
      unit.bytes = std::round(unit.bytes);
      RoundAll(unit.paths);
      for (planner::HeatSample& sample : unit.reservoir) Round(sample.weight);
    }
  }
}

// Who may view the set may not read what its clients store; and keys are not isolated by the
// operator, so that the answer is the same without them.
void ForgetKeysOfClients(planner::Problem& problem) {
  for (planner::Shard& shard : problem.shards) {
    for (planner::Unit& unit : shard.units) unit.hot_keys.clear();
  }
}

// Every second scenario, the same of every shard, so that they still belong together.
bool Halve(planner::Problem& problem) {
  bool fewer = false;
  const auto every_second = [](auto& list) {
    for (std::size_t i = 1; 2 * i < list.size(); ++i) list[i] = std::move(list[2 * i]);
    list.resize((list.size() + 1) / 2);
  };
  for (planner::Shard& shard : problem.shards) {
    if (shard.scenarios.paths.size() < 2 * kPathsLeast) continue;
    fewer = true;
    every_second(shard.scenarios.paths);
    every_second(shard.scenarios.drawn_from);
    for (planner::Unit& unit : shard.units) {
      if (!unit.paths.empty()) every_second(unit.paths);
    }
  }
  return fewer;
}

std::string UsualToJson(const planner::UsualLoad& usual) {
  UsualDocument document{.step_bins = usual.step_bins, .shards = {}};
  for (const auto& [id, load] : usual.utilisation) {
    document.shards.push_back({.id = id.value, .utilisation = load});
    RoundAll(document.shards.back().utilisation);
  }
  return ToJson(WriteArchive::Written(document));
}

Error Invalid(const std::string& message) { return Error::GiveUp(message, "InvalidProblem"); }

Result<planner::UsualLoad> ParseUsual(const std::string& json) {
  const Result<Value> value = ParseJson(json);
  if (!value) return Invalid("data.usual: " + value.error().message);
  UsualDocument document;
  Problems problems;
  ReadArchive::Read(*value, "data.usual", problems, document);
  if (!problems.none()) return Invalid(problems.AsError().message);
  planner::UsualLoad usual{.step_bins = document.step_bins, .utilisation = {}};
  for (UsualShard& shard : document.shards)
    usual.utilisation[{shard.id}] = std::move(shard.utilisation);
  return usual;
}

void Complain(const SetName& set, const std::string& problem) {
  log::Warning(
      "problem_not_kept",
      {{"namespace", set.name_space}, {"object", ProblemNameOf(set.name)}, {"problem", problem}});
}

}  // namespace

std::string ProblemNameOf(const std::string& set) { return set + "-problem"; }

Result<std::string> ProblemObject(const SetName& set, const KeptProblem& kept) {
  planner::Problem problem = kept.problem;
  RoundAll(problem);
  ForgetKeysOfClients(problem);
  const std::string usual = UsualToJson(kept.usual);
  std::string text = ProblemToJson(problem);
  while (text.size() + usual.size() > kBytesMost) {
    if (!Halve(problem)) {
      return Error::GiveUp(fmt::format("{} shards make {} bytes, a ConfigMap holds {}",
                                       problem.shards.size(), text.size() + usual.size(),
                                       kBytesMost));
    }
    text = ProblemToJson(problem);
  }
  Value map = KeptConfigMap(set, ProblemNameOf(set.name), kProblemLabel);
  map.Set("data", Value::Object({{"writtenAt", FormatRfc3339(kept.written)},
                                 {"problem", std::move(text)},
                                 {"usual", usual}}));
  return ToJson(map);
}

Result<KeptProblem> ParseProblemObject(const std::string& json) {
  const Result<Value> object = ParseJson(json);
  if (!object) return Invalid(object.error().message);
  const Value& data = (*object)["data"];
  const std::optional<WallTime> written = ParseRfc3339(data["writtenAt"].Text());
  if (!written)
    return Invalid(
        fmt::format("data.writtenAt: '{}' is not accepted; give a time as "
                    "2026-05-01T09:10:00Z",
                    data["writtenAt"].Text().substr(0, 80)));
  Result<planner::Problem> problem = ParseProblem(data["problem"].Text());
  if (!problem) return problem.error();
  Result<planner::UsualLoad> usual = ParseUsual(data["usual"].Text());
  if (!usual) return usual.error();
  return KeptProblem{*std::move(problem), *std::move(usual), *written};
}

void ProblemStore::Keep(kube::KubeApi& kube, const SetName& set, model::BinIndex now,
                        std::chrono::seconds bin, const std::string& stamp,
                        const std::function<KeptProblem()>& question, Deadline deadline) {
  const model::BinIndex between = std::max<model::BinIndex>(kBinsLeast, kWriteEvery / bin);
  if (tried_at_ != 0 && now - tried_at_ < between && stamp == stamp_) return;
  tried_at_ = now;
  stamp_ = stamp;
  const Result<std::string> object = ProblemObject(set, question());
  if (!object) return Complain(set, object.error().message);
  const kube::ObjectRef ref{set.name_space, ProblemNameOf(set.name)};
  const auto there = kube.Get(kube::kConfigMaps, ref, deadline);
  if (!there) return Complain(set, there.error().message);
  if (*there) {
    const auto label = (*there)->metadata.labels.find(kProblemLabel);
    if (label == (*there)->metadata.labels.end() || label->second != set.name)
      return Complain(set, "an object of this name is there and is not ours");
    const auto written = kube.Patch(kube::kConfigMaps, ref, *object, {}, deadline);
    if (!written) Complain(set, written.error().message);
    return;
  }
  const auto written = kube.Create(kube::kConfigMaps, ref, *object, deadline);
  if (!written) Complain(set, written.error().message);
}

}  // namespace foreshard::op
