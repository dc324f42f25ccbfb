#include "operator/plans/problem_json.h"

#include <algorithm>
#include <utility>

#include "operator/api/duration.h"
#include "operator/api/enum_names.h"
#include "operator/plans/archive.h"

// Each Describe() begins with a structured binding of the whole struct: a field that is added to it
// does not compile until somebody has thought about it here.

namespace foreshard::op {

namespace {

constexpr Between kBins{0, 1e12};
constexpr Between kShare{0, 1};
constexpr Between kUtilisation{0, 1e6};  // 1 is all of a shard's CPU
constexpr Between kBytes{0, 1e15};
constexpr Between kSmall{0, 1e6};
constexpr double kVarianceMost = 25;  // of the logarithm of a duration
constexpr Count kName{1, 253};
constexpr Count kKey{0, 8'192};
constexpr Count kShards{0, 10'000};
constexpr Count kUnits{0, 100'000};
constexpr Count kSteps{0, 5'000};
constexpr Count kPaths{0, 1'024};
constexpr Count kLevels{model::kFanLevels, model::kFanLevels};
constexpr std::size_t kMessageMost = 4'000;
constexpr std::size_t kBytesMost = std::size_t{64} << 20;

template <typename Archive>
void DescribeDuration(Archive& archive, const char* name, std::chrono::milliseconds& value) {
  std::string text = FormatDuration(value);
  archive.Text(name, text, {1, 64});
  if constexpr (Archive::kReads) {
    const Result<std::chrono::milliseconds> read = ParseDuration(text);
    if (read) {
      value = *read;
    } else {
      archive.Refuse(name, text, "a duration, for example 90s, 5m or 2h");
    }
  }
}

}  // namespace

// Not in the anonymous namespace: the archives find Describe() by the namespace of their own type.

// A duration in a list.
struct Season {
  std::chrono::milliseconds length{0};
};
template <typename Archive>
void Describe(Archive& archive, Season& season) {
  DescribeDuration(archive, "length", season.length);
}

template <typename Archive>
void Describe(Archive& archive, model::KeySpace& space) {
  auto& [strategy, key_type] = space;
  archive.OneOf("strategy", Names(kStrategyNames), strategy);
  archive.OneOf("keyType", Names(kKeyTypeNames), key_type);
}

template <typename Archive>
void Describe(Archive& archive, model::KeyRange& range) {
  auto& [from, to] = range;
  archive.Text("from", from, kKey);
  archive.Text("to", to, kKey);
}

template <typename Archive>
void Describe(Archive& archive, model::FreezeWindow& window) {
  auto& [name, schedule, duration, time_zone] = window;
  archive.Text("name", name, kName);
  archive.Text("schedule", schedule, kKey);
  DescribeDuration(archive, "duration", duration);
  archive.Text("timeZone", time_zone, kName);
}

template <typename Archive>
void Describe(Archive& archive, model::ScalingSpec& policy) {
  auto& [mode, min_shards, max_shards, max_members, target_cpu, limit_cpu, target_storage, bin,
         seasons, horizon, quantile, benefit_ratio, confirmations, cool_down, concurrent,
         moved_bytes, freeze_windows] = policy;
  archive.OneOf("mode", Names(kScalingModeNames), mode);
  archive.Whole("minShards", min_shards, {1, 10'000});
  archive.Whole("maxShards", max_shards, {1, 10'000});
  archive.Whole("maxMembers", max_members, {1, 100});
  archive.Whole("targetCpuPercent", target_cpu, {1, 99});
  archive.Whole("limitCpuPercent", limit_cpu, {2, 100});
  archive.Whole("targetStoragePercent", target_storage, {1, 99});
  DescribeDuration(archive, "bin", bin);
  std::vector<Season> lengths;
  for (const std::chrono::milliseconds season : seasons) lengths.push_back({season});
  archive.ObjectList("seasons", lengths, {0, 16});
  seasons.clear();
  for (const Season& season : lengths) seasons.push_back(season.length);
  DescribeDuration(archive, "horizon", horizon);
  archive.Whole("planQuantilePercent", quantile, {50, 99});
  archive.Whole("benefitRatioPercent", benefit_ratio, {100, 10'000});
  archive.Whole("scaleInConfirmations", confirmations, {1, 100});
  DescribeDuration(archive, "coolDown", cool_down);
  archive.Whole("maxConcurrentMigrations", concurrent, {1, 1'000});
  archive.Whole("maxMovedBytesPerHour", moved_bytes, kBytes);
  archive.ObjectList("freezeWindows", freeze_windows, {0, 1'000});
  if (limit_cpu <= target_cpu)
    archive.Refuse("limitCpuPercent", fmt::format("{}", limit_cpu),
                   fmt::format("more than targetCpuPercent, {}", target_cpu));
  if (min_shards > max_shards)
    archive.Refuse("minShards", fmt::format("{}", min_shards),
                   fmt::format("at most maxShards, {}", max_shards));
}

template <typename Archive>
void Describe(Archive& archive, planner::HeatSample& sample) {
  auto& [bound, weight] = sample;
  archive.Text("bound", bound, kKey);
  archive.Number("weight", weight, kBytes);
}

template <typename Archive>
void Describe(Archive& archive, planner::HotKey& key) {
  auto& [text, share] = key;
  archive.Text("key", text, kKey);
  archive.Number("share", share, kSmall);
}

template <typename Archive>
void Describe(Archive& archive, planner::Unit& unit) {
  auto& [range, share, bytes, reservoir, hot_keys, paths, last_move] = unit;
  archive.Object("range", range);
  archive.Number("share", share, kSmall);
  archive.Number("bytes", bytes, kBytes);
  archive.ObjectList("reservoir", reservoir, {0, 10'000});
  archive.ObjectList("hotKeys", hot_keys, {0, 10'000});
  archive.NumberTable("paths", paths, kUtilisation, kPaths, kSteps);
  archive.OptionalWhole("lastMove", last_move, kBins);
}

template <typename Archive>
void Describe(Archive& archive, model::WindowMaximum& window) {
  auto& [bins, factor, maximum] = window;
  archive.Whole("bins", bins, kSmall);
  archive.NumberList("factor", factor, {-1e6, 1e6}, kLevels);
  archive.NumberList("maximum", maximum, kUtilisation, kLevels);
}

template <typename Archive>
void Describe(Archive& archive, model::Fan& fan) {
  auto& [bin, origin, steps, scale, windows] = fan;
  std::int64_t seconds = bin.count();
  archive.Whole("binSeconds", seconds, {1, 1e6});
  bin = std::chrono::seconds(seconds);
  archive.Whole("origin", origin, kBins);
  archive.NumberTable("steps", steps, {-1e6, 1e6}, kSteps, kLevels);
  archive.NumberList("scale", scale, {-1e6, 1e6}, kSteps);
  archive.ObjectList("windows", windows, {0, 100});
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (!std::is_sorted(steps[i].begin(), steps[i].end()))
      archive.Refuse(fmt::format("steps[{}]", i), "quantiles that fall", "ascending ones");
  }
}

template <typename Archive>
void Describe(Archive& archive, model::Scenarios& scenarios) {
  auto& [origin, drawn_from, paths] = scenarios;
  archive.Whole("origin", origin, kBins);
  archive.NumberList("drawnFrom", drawn_from, {-1e12, 1e12}, kPaths);
  archive.NumberTable("paths", paths, kUtilisation, kPaths, kSteps);
  if (!drawn_from.empty() && drawn_from.size() != paths.size())
    archive.Refuse("drawnFrom", fmt::format("a list of {}", drawn_from.size()),
                   fmt::format("one for each of the {} paths", paths.size()));
  for (std::size_t i = 0; i < paths.size(); ++i) {
    if (paths[i].size() != paths[0].size())
      archive.Refuse(fmt::format("paths[{}]", i), fmt::format("{} steps", paths[i].size()),
                     fmt::format("as many as the first, {}", paths[0].size()));
  }
}

template <typename Archive>
void Describe(Archive& archive, model::Trust& trust) {
  auto& [history, data, skill, coverage, drift, freshness, cap] = trust;
  archive.Number("history", history, kShare);
  archive.Number("data", data, kShare);
  archive.Number("skill", skill, kShare);
  archive.Number("coverage", coverage, kShare);
  archive.Number("drift", drift, kShare);
  archive.Number("freshness", freshness, kShare);
  archive.Number("cap", cap, kShare);
}

template <typename Archive>
void Describe(Archive& archive, planner::Shard& shard) {
  auto& [id, ready, migrating, background, measured, fan, scenarios, trust, estimator_usable,
         last_action, units, later] = shard;
  archive.Text("id", id.value, kName);
  archive.Flag("ready", ready);
  archive.Flag("migrating", migrating);
  archive.Number("background", background, kUtilisation);
  archive.NumberList("measured", measured, kUtilisation, kSteps);
  archive.Object("fan", fan);
  archive.Object("scenarios", scenarios);
  archive.Object("trust", trust);
  archive.Flag("estimatorUsable", estimator_usable);
  archive.OptionalWhole("lastAction", last_action, kBins);
  archive.ObjectList("units", units, kUnits);
  archive.NumberList("later", later, kUtilisation, kSteps);
}

template <typename Archive>
void Describe(Archive& archive, planner::FrozenInterval& frozen) {
  auto& [name, from, to] = frozen;
  archive.Text("name", name, kName);
  archive.Whole("from", from, {-1e12, 1e12});
  archive.Whole("to", to, {-1e12, 1e12});
}

template <typename Archive>
void Describe(Archive& archive, planner::DurationPosterior& posterior) {
  auto& [weight, mean, sum_squares] = posterior;
  archive.Number("weight", weight, {0.5, 1e9});
  archive.Number("mean", mean, {-5, 5});
  archive.Number("sumSquares", sum_squares, {0, 1e9});
  // Durations are exponentials of it: they have to stay numbers of bins.
  if (sum_squares > kVarianceMost * weight)
    archive.Refuse("sumSquares", fmt::format("{}", sum_squares),
                   fmt::format("at most {} times the weight", kVarianceMost));
}

struct DrainingShard {
  std::string id;
};
template <typename Archive>
void Describe(Archive& archive, DrainingShard& shard) {
  archive.Text("id", shard.id, kName);
}

template <typename Archive>
void Describe(Archive& archive, planner::DurationFactors& factors) {
  auto& [setup_setup, setup_copy, copy_copy, setup_actual, copy_actual] = factors;
  archive.Number("setupSetup", setup_setup, {0, 1e9});
  archive.Number("setupCopy", setup_copy, {0, 1e9});
  archive.Number("copyCopy", copy_copy, {0, 1e9});
  archive.Number("setupActual", setup_actual, {0, 1e9});
  archive.Number("copyActual", copy_actual, {0, 1e9});
}

template <typename Archive>
void Describe(Archive& archive, planner::Memory& memory) {
  auto& [duration, factors, finished, failed, troubled, quiet, moved_bytes, draining] = memory;
  archive.Object("duration", duration);
  archive.Object("factors", factors);
  archive.Whole("finished", finished, {0, 1e9});
  archive.Whole("failed", failed, {0, 1e9});
  archive.Whole("troubledCycles", troubled, {0, 1e9});
  archive.Whole("quietCycles", quiet, {0, 1e9});
  archive.Number("movedBytesLastHour", moved_bytes, kBytes);
  std::vector<DrainingShard> ids;
  for (const model::ShardId& id : draining) ids.push_back({id.value});
  archive.ObjectList("draining", ids, kShards);
  draining.clear();
  for (const DrainingShard& one : ids) draining.push_back({one.id});
}

template <typename Archive>
void Describe(Archive& archive, planner::Problem& problem) {
  auto& [now, bin_seconds, key_space, policy, members, shards, frozen, in_flight, fresh, later_bins,
         memory] = problem;
  std::string version = kProblemVersion;
  archive.Text("version", version, kName);
  if (version != kProblemVersion) archive.Refuse("version", version, kProblemVersion);
  archive.Whole("now", now, kBins);
  archive.Number("binSeconds", bin_seconds, {0.1, 1e6});
  archive.Object("keySpace", key_space);
  archive.Object("policy", policy);
  archive.Whole("membersPerShard", members, {1, 100});
  archive.ObjectList("shards", shards, kShards);
  archive.ObjectList("frozen", frozen, {0, 10'000});
  archive.Whole("migrationsInFlight", in_flight, {0, 10'000});
  archive.Flag("metricsFresh", fresh);
  archive.Whole("laterBins", later_bins, {1, 1e6});
  archive.Object("memory", memory);
}

namespace {

// What a field alone cannot tell: order, and bounds that mean something in this key space.
class Judge {
 public:
  Judge(const planner::Problem& problem, Problems& problems)
      : space_(problem.key_space), problem_(problem), problems_(problems) {}

  void Look() {
    for (std::size_t i = 0; i < problem_.shards.size(); ++i) {
      const planner::Shard& shard = problem_.shards[i];
      const std::string path = fmt::format("problem.shards[{}]", i);
      if (i > 0 && !(problem_.shards[i - 1].id < shard.id))
        problems_.Add(path + ".id", shard.id.value, "shards by id, ascending, each once");
      for (std::size_t j = 0; j < shard.units.size(); ++j)
        LookAt(shard.units[j], fmt::format("{}.units[{}]", path, j));
    }
    for (std::size_t i = 0; i < problem_.frozen.size(); ++i) {
      const planner::FrozenInterval& frozen = problem_.frozen[i];
      if (frozen.to < frozen.from)
        problems_.Add(fmt::format("problem.frozen[{}].to", i), fmt::format("{}", frozen.to),
                      fmt::format("at least from, {}", frozen.from));
    }
  }

 private:
  // "" is the lowest, or the highest.
  bool IsBound(const std::string& text, const std::string& path) {
    if (text.empty()) return true;
    const Result<std::string> canonical = model::CanonicalBound(space_, text);
    if (canonical && *canonical == text) return true;
    problems_.Add(path, text,
                  canonical ? "canonical text, " + *canonical : canonical.error().message);
    return false;
  }
  void LookAt(const planner::Unit& unit, const std::string& path) {
    const bool good = IsBound(unit.range.from, path + ".range.from") &&
                      IsBound(unit.range.to, path + ".range.to");
    if (good && model::IsEmpty(space_, unit.range))
      problems_.Add(path + ".range", model::ToString(unit.range), "a range that holds something");
    // The lowest position of all is written as "", and so is the empty text; no number is.
    const bool none_is_empty =
        space_.strategy == model::Strategy::kRange && space_.key_type != model::KeyType::kText;
    for (std::size_t i = 0; i < unit.reservoir.size(); ++i) {
      const std::string& bound = unit.reservoir[i].bound;
      const std::string field = fmt::format("{}.reservoir[{}].bound", path, i);
      if (none_is_empty && bound.empty()) problems_.Add(field, bound, "a key");
      if (!IsBound(bound, field)) return;
    }
  }

  const model::KeySpace& space_;
  const planner::Problem& problem_;
  Problems& problems_;
};

Error Invalid(const std::string& message) { return Error::GiveUp(message, "InvalidProblem"); }

}  // namespace

std::string ProblemToJson(const planner::Problem& problem) {
  planner::Problem copy = problem;  // one description reads and writes
  return ToJson(WriteArchive::Written(copy));
}

Result<planner::Problem> ParseProblem(std::string_view json) {
  if (json.size() > kBytesMost)
    return Invalid(fmt::format("problem: {} bytes; at most {} are read", json.size(), kBytesMost));
  const Result<Value> value = ParseJson(json);
  if (!value) return Invalid(fmt::format("problem: {}", value.error().message));
  // Another version may differ in every field: that it is another one is all there is to say.
  const std::string version = (*value)["version"].Text();
  if (value->is_object() && version != kProblemVersion)
    return Invalid(fmt::format("version: '{}' is not accepted; give {}", version.substr(0, 80),
                               kProblemVersion));
  planner::Problem problem;
  Problems problems;
  ReadArchive::Read(*value, "problem", problems, problem);
  if (problems.none()) Judge(problem, problems).Look();
  if (!problems.none()) return Invalid(problems.AsError().message.substr(0, kMessageMost));
  return problem;
}

}  // namespace foreshard::op
