#include "cli/simulate/run.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>

#include "base/check.h"
#include "cli/simulate/bound.h"
#include "model/estimator.h"

namespace foreshard::simulate {

namespace {

constexpr double kLatencyLimitSeconds = 0.5;
constexpr double kWastedBelow = 0.25;  // of the relief that was the reason

// Everything that is counted bin by bin for one strategy.
class Counter {
 public:
  Counter(const World& world, const Options& options) : world_(world), options_(options) {}

  void Count(const Fleet& fleet) {
    const double limit = options_.limit_percent / 100.0;
    const double minutes = static_cast<double>(options_.bin.count()) / 60;
    const std::vector<double>& load = fleet.load();
    double worst = 0;
    double sum = 0;
    double squares = 0;
    double excess = 0;
    double slow = 0;
    for (std::size_t shard = 0; shard < load.size(); ++shard) {
      if (!fleet.shards()[shard].alive) continue;
      worst = std::max(worst, load[shard]);
      sum += load[shard];
      squares += load[shard] * load[shard];
      excess += std::max(0.0, load[shard] - limit);
      slow += LatencySeconds(load[shard]) > kLatencyLimitSeconds ? minutes * 60 : 0;
    }
    const auto count = static_cast<double>(fleet.alive());
    ++slots_;
    over_ += worst > limit ? 1 : 0;
    integral_ += excess * minutes;
    slow_seconds_ += slow;
    shard_hours_ += count * minutes / 60;
    worst_ = std::max(worst_, worst);
    const double mean = sum / count;
    if (mean > 1e-9) {
      imbalance_ += worst / mean;
      variation_ += std::sqrt(std::max(0.0, squares / count - mean * mean)) / mean;
    }
    const double needed = world_.Total(fleet.now()) / world_.capacity / limit;
    demand_ += needed;
    capacity_ += count;
    Episode(worst > limit, minutes);
  }

  void Actions(const Fleet& fleet, const std::array<int, 7>& before) {
    for (std::size_t i = 0; i < started_.size(); ++i)
      started_[i] = fleet.StartedOf(static_cast<model::ActionType>(i)) - before[i];
  }

  void Fill(const Fleet& fleet, RunResult& result) const {
    const double slots = std::max(1, slots_);
    const auto add = [&result](const char* name, double value) {
      result.metrics.emplace_back(name, value);
    };
    int moves = 0;
    for (std::size_t i = 0; i < started_.size(); ++i) {
      const auto type = static_cast<model::ActionType>(i);
      result.actions[model::ToString(type)] = started_[i];
      const bool members =
          type == model::ActionType::kAddMember || type == model::ActionType::kRemoveMember;
      moves += members ? 0 : started_[i];
    }
    add("overloadedSlotsPercent", 100.0 * over_ / slots);
    add("overloadIntegral", integral_);
    add("memberHours", shard_hours_);
    add("moves", moves);
    add("meanShards", capacity_ / slots);
    add("capacityOverDemand", demand_ > 0 ? capacity_ / demand_ : 0);
    add("latencyViolationSeconds", slow_seconds_);
    add("worstUtilisation", worst_);
    add("reliefMinutes", episodes_ > 0 ? episode_minutes_ / episodes_ : 0);
    add("movedBytesRatio", fleet.MovedBytesSince(world_.scored) / world_.bytes_total);
    add("imbalanceMaxOverMean", imbalance_ / slots);
    add("imbalanceVariation", variation_ / slots);
  }

 private:
  void Episode(bool over, double minutes) {
    if (over) episode_minutes_ += minutes;
    if (over && !was_over_) episodes_ += 1;
    was_over_ = over;
  }

  const World& world_;
  const Options& options_;
  int slots_ = 0;
  int over_ = 0;
  double integral_ = 0;
  double slow_seconds_ = 0;
  double shard_hours_ = 0;
  double worst_ = 0;
  double imbalance_ = 0;
  double variation_ = 0;
  double demand_ = 0;
  double capacity_ = 0;
  double episode_minutes_ = 0;
  double episodes_ = 0;
  bool was_over_ = false;
  std::array<int, 7> started_{};
};

struct Contender {
  std::string name;
  std::unique_ptr<Fleet> fleet{};
  std::unique_ptr<Strategy> strategy{};
  std::unique_ptr<Counter> counter{};
  std::array<int, 7> before{};
  Course course{};
};

void Note(const World& world, const Options& options, Contender& contender,
          const std::array<int, 7>& earlier) {
  const Fleet& fleet = *contender.fleet;
  const double limit = options.limit_percent / 100.0;
  contender.course.total.push_back(world.Total(fleet.now()) / world.capacity / limit);
  contender.course.worst.push_back(*std::max_element(fleet.load().begin(), fleet.load().end()));
  contender.course.worst_clients.push_back(
      *std::max_element(fleet.clients().begin(), fleet.clients().end()));
  contender.course.shards.push_back(static_cast<double>(fleet.alive()));
  contender.course.mean.push_back(std::accumulate(fleet.load().begin(), fleet.load().end(), 0.0) /
                                  static_cast<double>(std::max<std::size_t>(1, fleet.alive())));
  contender.course.running.push_back(static_cast<int>(fleet.transfers().size()));
  contender.course.why.push_back(contender.strategy->Why());
  for (std::size_t i = 0; i < earlier.size(); ++i) {
    const auto type = static_cast<model::ActionType>(i);
    for (int n = earlier[i]; n < fleet.StartedOf(type); ++n)
      contender.course.actions.emplace_back(contender.course.total.size() - 1, type);
  }
}

std::array<int, 7> StartedOf(const Fleet& fleet) {
  std::array<int, 7> started{};
  for (std::size_t i = 0; i < started.size(); ++i)
    started[i] = fleet.StartedOf(static_cast<model::ActionType>(i));
  return started;
}

double Rank(std::vector<double> values, double level) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(level * static_cast<double>(values.size() - 1))];
}

RunResult ResultOf(const Trace& trace, std::uint64_t seed, Contender& contender) {
  RunResult result{.trace = trace.name, .seed = seed, .strategy = contender.name};
  contender.counter->Actions(*contender.fleet, contender.before);
  contender.counter->Fill(*contender.fleet, result);
  const PlanReport report = contender.strategy->Report();
  const auto errors = static_cast<double>(report.duration_errors.size());
  const double mape = errors > 0 ? std::accumulate(report.duration_errors.begin(),
                                                   report.duration_errors.end(), 0.0) /
                                       errors
                                 : 0;
  result.metrics.emplace_back("durationErrorPercent", 100 * mape);
  result.metrics.emplace_back(
      "p80CoveragePercent", report.finished > 0 ? 100.0 * report.within_p80 / report.finished : 0);
  result.metrics.emplace_back("planFlips", report.flips);
  result.plan_millis_p50 = Rank(report.millis, 0.5);
  result.plan_millis_p99 = Rank(report.millis, 0.99);
  result.duration_errors = report.duration_errors;
  result.course = std::move(contender.course);
  return result;
}

}  // namespace

double LatencySeconds(double utilisation) {
  static constexpr model::LatencyModel kCurve{.base_seconds = 0.02, .queueing_seconds = 0.08};
  return kCurve.At(utilisation);
}

double RunResult::Metric(const std::string& name) const {
  for (const auto& [key, value] : metrics) {
    if (key == name) return value;
  }
  CHECK(false, "no such metric", name);
  return 0;
}

std::vector<RunResult> RunWorld(const Trace& trace, const Options& options, std::uint64_t seed,
                                const Clock& clock, const Progress& progress) {
  const World world = MakeWorld(trace, options, seed);
  Forecasts forecasts(world, options);
  bool needed = false;
  std::vector<Contender> contenders;
  for (const std::string& name : options.strategies) {
    if (IsBound(name)) continue;
    Contender contender{.name = name};
    contender.fleet =
        std::make_unique<Fleet>(world, options, ShardsAtStart(name, options), seed * 7 + 3);
    contender.strategy = MakeStrategy(name, world, options, forecasts, clock);
    contender.counter = std::make_unique<Counter>(world, options);
    needed = needed || NeedsForecasts(name);
    contenders.push_back(std::move(contender));
  }
  for (std::size_t bin = world.begin; bin < world.bins; ++bin) {
    if (needed) forecasts.Advance(bin);
    for (Contender& contender : contenders) {
      Fleet& fleet = *contender.fleet;
      fleet.Enter(bin);
      if (bin == world.scored) contender.before = StartedOf(fleet);
      if (bin >= world.scored) contender.counter->Count(fleet);
      const std::array<int, 7> earlier = StartedOf(fleet);
      contender.strategy->Decide(Past(world, bin), fleet);
      Note(world, options, contender, earlier);
    }
    if (progress && bin % 16 == 0)
      progress(static_cast<double>(bin - world.begin) /
               static_cast<double>(world.bins - world.begin));
  }
  std::vector<RunResult> results;
  for (const std::string& name : options.strategies) {
    if (IsBound(name)) results.push_back(BoundOf(name, trace, seed, world, options));
  }
  for (Contender& contender : contenders) results.push_back(ResultOf(trace, seed, contender));
  return results;
}

}  // namespace foreshard::simulate
