#include "planner/shrink.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "planner/load_path.h"

namespace foreshard::planner {

namespace {

constexpr std::size_t kSourcesMax = 4;
constexpr std::size_t kMovesMax = 16;  // of one shard that is spread

double Target(const Problem& problem) { return problem.policy.target_cpu_percent / 100.0; }
double Limit(const Problem& problem) { return problem.policy.limit_cpu_percent / 100.0; }

double Measured(const Shard& shard, int bins) {
  double most = shard.measured.empty() ? 1 : 0;
  const auto wanted = std::min(shard.measured.size(), static_cast<std::size_t>(bins));
  for (std::size_t i = shard.measured.size() - wanted; i < shard.measured.size(); ++i)
    most = std::max(most, shard.measured[i]);
  return most;
}

// Trusted, idle, and not touched within the cool-down.
bool Rests(const Problem& problem, const Options& options, const Shard& shard) {
  const double rest = options.shrink_rest_share *
                      static_cast<double>(problem.policy.cool_down.count()) / 1e3 /
                      problem.bin_seconds;
  if (!shard.ready || shard.migrating || shard.fan.steps.empty()) return false;
  if (shard.trust.Value() < model::kTrustToActFully || !shard.estimator_usable) return false;
  if (Drains(problem.memory, shard.id)) return true;  // what was begun goes on
  return !shard.last_action || static_cast<double>(problem.now - *shard.last_action) >= rest;
}

// Bins for which the fleet is known to do with one shard less: the sum of what the shards will need
// stays below what the rest can carry.
double LastsBins(const Outlook& outlook, bool& comes_back) {
  const Problem& problem = outlook.problem();
  std::size_t known = SIZE_MAX;
  for (const Shard& shard : problem.shards) known = std::min(known, shard.later.size());
  const auto horizon = static_cast<double>(outlook.steps());
  comes_back = true;
  if (known == 0 || known == SIZE_MAX) return horizon;
  const double room = static_cast<double>(problem.shards.size() - 1) * Limit(problem);
  for (std::size_t step = 0; step < known; ++step) {
    double sum = 0;
    for (const Shard& shard : problem.shards) sum += shard.later[step];
    if (sum > room) return std::max(horizon, static_cast<double>(step) * problem.later_bins);
  }
  comes_back = false;
  return static_cast<double>(known) * problem.later_bins;
}

class Shrinker {
 public:
  explicit Shrinker(const Outlook& outlook)
      : outlook_(outlook), problem_(outlook.problem()), options_(outlook.options()) {
    for (std::size_t i = 0; i < problem_.shards.size(); ++i) {
      if (Rests(problem_, options_, problem_.shards[i])) open_.push_back(i);
    }
    const auto load = [this](std::size_t shard) {
      return Measured(problem_.shards[shard], problem_.policy.scale_in_confirmations);
    };
    std::stable_sort(open_.begin(), open_.end(), [&](std::size_t a, std::size_t b) {
      if (load(a) != load(b)) return load(a) < load(b);
      return problem_.shards[a].id < problem_.shards[b].id;
    });
    lasts_ = LastsBins(outlook, comes_back_);
  }

  std::vector<Shrink> Find() {
    std::vector<Shrink> found;
    const bool begun = std::any_of(open_.begin(), open_.end(), [this](std::size_t shard) {
      return Drains(problem_.memory, problem_.shards[shard].id);
    });
    double most = 0;
    for (const Shard& shard : problem_.shards) {
      most += Measured(shard, problem_.policy.scale_in_confirmations);
    }
    // Measured, too, the rest must be able to carry it.
    std::size_t going = begun ? 0 : 1;
    for (const Shard& shard : problem_.shards) going += Drains(problem_.memory, shard.id) ? 1 : 0;
    const double room = static_cast<double>(problem_.shards.size() - going) * Target(problem_);
    if (most > options_.merge_measured_share * room) return found;
    std::size_t tried = 0;
    for (std::size_t i = 0; i < open_.size() && tried < kSourcesMax; ++i) {
      if (begun && !Drains(problem_.memory, problem_.shards[open_[i]].id)) continue;
      ++tried;
      for (const std::size_t destination : open_) {
        if (destination != open_[i] && !Drains(problem_.memory, problem_.shards[destination].id))
          AddMerge(open_[i], destination, found);
      }
      AddSpread(open_[i], found);
    }
    std::stable_sort(found.begin(), found.end(), [](const Shrink& a, const Shrink& b) {
      return a.benefit - a.cost > b.benefit - b.cost + 1e-12;
    });
    return found;
  }

 private:
  bool Fits(const Candidate& candidate) const {
    return candidate.destination_peak <= options_.leave_share * Target(problem_) &&
           candidate.dip_peak <= Limit(problem_);
  }

  Candidate Evaluated(const Draft& draft, Candidate candidate) const {
    candidate.time = EstimateMoveTime(problem_.memory, options_.priors, candidate.bytes, false);
    Evaluate(draft, candidate);
    return candidate;
  }

  void Finish(Shrink shrink, std::vector<Shrink>& found) const {
    double bytes = 0;
    double bins = 0;
    for (const Candidate& move : shrink.moves) {
      shrink.benefit += move.benefit;
      shrink.cost += move.action_cost;
      bytes += move.bytes;
      bins += static_cast<double>(CutoverStep(problem_, move));
    }
    const double hours = std::max(0.0, lasts_ - bins) * problem_.bin_seconds / 3'600;
    shrink.benefit += options_.weights.member * problem_.members_per_shard * hours;
    // What is joined now has to be parted when the load comes back.
    if (comes_back_)
      shrink.cost += options_.weights.change + options_.weights.per_gigabyte * bytes / 1e9;
    found.push_back(std::move(shrink));
  }

  void AddMerge(std::size_t source, std::size_t destination, std::vector<Shrink>& found) const {
    const Shard& leaving = problem_.shards[source];
    const int looks = problem_.policy.scale_in_confirmations;
    if (Measured(leaving, looks) + Measured(problem_.shards[destination], looks) >
        options_.merge_measured_share * Target(problem_))
      return;
    Candidate merge{.type = model::ActionType::kMerge,
                    .source = source,
                    .unit = kWholeShard,
                    .destination = static_cast<int>(destination)};
    merge.share = 1;
    for (const Unit& unit : leaving.units) merge.bytes += unit.bytes;
    merge = Evaluated(Draft(outlook_), merge);
    if (Fits(merge)) Finish({.moves = {merge}}, found);
  }

  // Heaviest unit first, each to where it leaves most room.
  void AddSpread(std::size_t source, std::vector<Shrink>& found) const {
    const Shard& leaving = problem_.shards[source];
    if (leaving.units.size() < 2 || leaving.units.size() > kMovesMax) return;
    std::vector<std::size_t> units;
    for (std::size_t i = 0; i < leaving.units.size(); ++i) units.push_back(i);
    std::stable_sort(units.begin(), units.end(), [&leaving](std::size_t a, std::size_t b) {
      return leaving.units[a].share > leaving.units[b].share;
    });
    Draft draft(outlook_);
    Shrink shrink;
    for (const std::size_t unit : units) {
      std::optional<Candidate> best;
      for (const std::size_t destination : open_) {
        if (destination == source || Drains(problem_.memory, problem_.shards[destination].id))
          continue;
        Candidate move{.type = model::ActionType::kMove,
                       .source = source,
                       .unit = unit,
                       .destination = static_cast<int>(destination)};
        move.range = leaving.units[unit].range;
        move.share = leaving.units[unit].share;
        move.bytes = leaving.units[unit].bytes;
        move = Evaluated(draft, move);
        if (Fits(move) && (!best || move.destination_peak < best->destination_peak)) best = move;
      }
      if (!best) return;
      draft.Apply(*best);
      shrink.moves.push_back(*best);
    }
    Finish(std::move(shrink), found);
  }

  const Outlook& outlook_;
  const Problem& problem_;
  const Options& options_;
  std::vector<std::size_t> open_;  // emptiest first
  double lasts_ = 0;
  bool comes_back_ = true;
};

}  // namespace

bool Drains(const Memory& memory, const model::ShardId& shard) {
  return std::find(memory.draining.begin(), memory.draining.end(), shard) != memory.draining.end();
}

std::vector<Shrink> ShrinksFor(const Outlook& outlook) {
  const Problem& problem = outlook.problem();
  const auto fewest = static_cast<std::size_t>(std::max(1, problem.policy.min_shards));
  if (problem.shards.size() <= fewest) return {};
  return Shrinker(outlook).Find();
}

}  // namespace foreshard::planner
