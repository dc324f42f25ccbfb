#include "planner/shrink.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "planner/load_path.h"
#include "planner/split_point.h"

namespace foreshard::planner {

namespace {

constexpr std::size_t kTakersMax = 24;  // the emptiest: what is full takes nothing in anyway
constexpr std::size_t kMovesMax = 16;   // of one shard that is spread

double Target(const Problem& problem) { return problem.policy.target_cpu_percent / 100.0; }
double Limit(const Problem& problem) { return problem.policy.limit_cpu_percent / 100.0; }

double Measured(const Shard& shard, int bins) {
  double most = shard.measured.empty() ? 1 : 0;
  const auto wanted = std::min(shard.measured.size(), static_cast<std::size_t>(bins));
  for (std::size_t i = shard.measured.size() - wanted; i < shard.measured.size(); ++i)
    most = std::max(most, shard.measured[i]);
  return most;
}

// The highest total of the newest bins; a shard that nobody measured counts as full.
double MeasuredTotal(const Problem& problem) {
  double most = 0;
  for (int back = 1; back <= problem.policy.scale_in_confirmations; ++back) {
    double sum = 0;
    for (const Shard& shard : problem.shards) {
      const auto size = static_cast<int>(shard.measured.size());
      sum += size >= back ? shard.measured[static_cast<std::size_t>(size - back)]
                          : Measured(shard, size);
    }
    most = std::max(most, sum);
  }
  return most;
}

// Of whose future enough is known to put more on it.
bool Trusted(const Options& options, const Shard& shard) {
  return shard.ready && !shard.fan.steps.empty() && shard.trust.Value() >= options.shrink_trust &&
         shard.estimator_usable;
}

// A forecast that is trusted less takes more room: none at full trust, up to a quarter.
double RoomShare(const Options& options, const Shard& shard) {
  const double trust = shard.trust.Value();
  if (trust >= model::kTrustToActFully) return 1;
  return 1 - options.distrust_room * (1 - trust / model::kTrustToActFully);
}

// Trusted, idle, and not touched within the cool-down.
bool Rests(const Problem& problem, const Options& options, const Shard& shard) {
  const double rest = options.shrink_rest_share *
                      static_cast<double>(problem.policy.cool_down.count()) / 1e3 /
                      problem.bin_seconds;
  if (!Trusted(options, shard) || shard.migrating) return false;
  if (Drains(problem.memory, shard.id)) return true;  // what was begun goes on
  return !shard.last_action || static_cast<double>(problem.now - *shard.last_action) >= rest;
}

// Bins for which the fleet is known to do with `left` shards: the sum of what the shards will need
// stays below what those can carry.
double LastsBins(const Outlook& outlook, std::size_t left, bool& comes_back) {
  const Problem& problem = outlook.problem();
  std::size_t known = SIZE_MAX;
  const auto gone = [&problem](const Shard& shard) {  // all of it is on its way
    return shard.units.empty() && Drains(problem.memory, shard.id);
  };
  for (const Shard& shard : problem.shards) {
    if (!gone(shard)) known = std::min(known, shard.later.size());
  }
  const auto horizon = static_cast<double>(outlook.steps());
  comes_back = true;
  if (known == 0 || known == SIZE_MAX) return horizon;
  const double room = static_cast<double>(left) * Limit(problem);
  for (std::size_t step = 0; step < known; ++step) {
    double sum = 0;
    for (const Shard& shard : problem.shards) sum += gone(shard) ? 0 : shard.later[step];
    if (sum > room) return std::max(horizon, static_cast<double>(step) * problem.later_bins);
  }
  comes_back = false;
  return static_cast<double>(known) * problem.later_bins;
}

class Shrinker {
 public:
  explicit Shrinker(const Outlook& outlook)
      : outlook_(outlook),
        problem_(outlook.problem()),
        options_(outlook.options()),
        draft_(outlook) {
    for (std::size_t i = 0; i < problem_.shards.size(); ++i) {
      if (Rests(problem_, options_, problem_.shards[i])) open_.push_back(i);
      if (Trusted(options_, problem_.shards[i]) && !Leaves(i)) takers_.push_back(i);
      going_ += Drains(problem_.memory, problem_.shards[i].id) ? 1 : 0;
    }
    const auto load = [this](std::size_t shard) {
      return Measured(problem_.shards[shard], problem_.policy.scale_in_confirmations);
    };
    std::stable_sort(open_.begin(), open_.end(), [&](std::size_t a, std::size_t b) {
      if (load(a) != load(b)) return load(a) < load(b);
      return problem_.shards[a].id < problem_.shards[b].id;
    });
    std::stable_sort(takers_.begin(), takers_.end(),
                     [&](std::size_t a, std::size_t b) { return load(a) < load(b); });
    if (takers_.size() > kTakersMax) takers_.resize(kTakersMax);
  }

  Shrinks Find() {
    Shrinks found;
    // What is on its way out first: it is placed before anything else may want the room.
    lasts_ = LastsBins(outlook_, problem_.shards.size() - going_, comes_back_);
    if (Carries(going_)) {
      for (std::size_t i = 0; i < problem_.shards.size(); ++i) {
        if (Drains(problem_.memory, problem_.shards[i].id)) Continue(i, found.begun);
      }
    }
    const auto fewest = static_cast<std::size_t>(std::max(1, problem_.policy.min_shards));
    if (problem_.shards.size() <= fewest + going_ || !Carries(going_ + 1)) return found;
    lasts_ = LastsBins(outlook_, problem_.shards.size() - going_ - 1, comes_back_);
    std::size_t tried = 0;
    for (std::size_t i = 0;
         i < open_.size() && tried < static_cast<std::size_t>(options_.shrink_sources); ++i) {
      if (Leaves(open_[i]) || draft_.Receives(open_[i])) continue;
      ++tried;
      for (const std::size_t destination : takers_) {
        if (destination != open_[i] && !problem_.shards[destination].migrating)
          AddMerge(open_[i], destination, found.ways);
      }
      AddSpread(open_[i], found.ways);
    }
    std::stable_sort(found.ways.begin(), found.ways.end(), [](const Shrink& a, const Shrink& b) {
      return a.benefit - a.cost > b.benefit - b.cost + 1e-12;
    });
    return found;
  }

 private:
  bool Leaves(std::size_t shard) const {
    return Drains(problem_.memory, problem_.shards[shard].id);
  }

  // Measured, too, the rest must be able to carry it.
  bool Carries(std::size_t going) const {
    if (problem_.shards.size() <= going) return false;
    const double most = MeasuredTotal(problem_);
    const double room = static_cast<double>(problem_.shards.size() - going) * Target(problem_);
    return most <= options_.merge_measured_share * room;
  }

  bool Fits(const Candidate& candidate) const {
    return InSight(candidate) &&
           candidate.destination_planned <=
               options_.leave_share * Target(problem_) *
                   RoomShare(options_,
                             problem_.shards[static_cast<std::size_t>(candidate.destination)]) &&
           candidate.dip_peak <= Limit(problem_);
  }

  // A move that would take longer than the forecast reaches is none.
  bool InSight(const Candidate& candidate) const {
    const double bins = std::ceil(candidate.time.p90_seconds / problem_.bin_seconds);
    return bins <= static_cast<double>(problem_.shards[candidate.source].fan.steps.size());
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
    merge = Evaluated(draft_, merge);
    if (Fits(merge)) Finish({.moves = {merge}}, found);
  }

  // Neighbouring ranges leave together, as one move. Moves go one after the other, so only one copy
  // burdens the source at a time. What fits nowhere is left out.
  std::vector<Candidate> SpreadOf(std::size_t source, Draft& draft) const {
    std::vector<Candidate> moves;
    for (const Candidate& neighbours : NeighboursOf(source)) {
      const std::size_t end = neighbours.unit + neighbours.count;
      for (std::size_t unit = neighbours.unit; unit < end;) {
        const std::size_t taken = PlaceMost(RunOf(source, unit, end - unit), draft, moves);
        if (taken == 0) PlaceHalves(RunOf(source, unit, 1), draft, moves);
        unit += std::max<std::size_t>(1, taken);
      }
    }
    return moves;
  }

  Candidate RunOf(std::size_t source, std::size_t unit, std::size_t count) const {
    const std::vector<Unit>& units = problem_.shards[source].units;
    Candidate run{.type = model::ActionType::kMove, .source = source, .unit = unit, .count = count};
    run.range = {.from = units[unit].range.from, .to = units[unit + count - 1].range.to};
    for (std::size_t i = unit; i < unit + count; ++i) {
      run.share += units[i].share;
      run.bytes += units[i].bytes;
    }
    return run;
  }

  // What a shard owns in pieces that no other shard's keys part, the heaviest first.
  std::vector<Candidate> NeighboursOf(std::size_t source) const {
    const std::vector<Unit>& units = problem_.shards[source].units;
    std::vector<Candidate> runs;
    for (std::size_t from = 0; from < units.size();) {
      std::size_t to = from + 1;
      while (to < units.size() && !units[to].range.from.empty() &&
             units[to].range.from == units[to - 1].range.to)
        ++to;
      runs.push_back(RunOf(source, from, to - from));
      from = to;
    }
    std::stable_sort(runs.begin(), runs.end(),
                     [](const Candidate& a, const Candidate& b) { return a.share > b.share; });
    return runs;
  }

  // As many of the first ranges of a run as fit somewhere, by halving; 0 if not even one does.
  std::size_t PlaceMost(const Candidate& run, Draft& draft, std::vector<Candidate>& moves) const {
    if (Place(run, draft, moves)) return run.count;
    std::size_t fits = 0;
    std::size_t fails = run.count;
    while (fails - fits > 1) {
      const std::size_t middle = (fits + fails) / 2;
      (BestOf(RunOf(run.source, run.unit, middle), draft, moves) ? fits : fails) = middle;
    }
    if (fits > 0) Place(RunOf(run.source, run.unit, fits), draft, moves);
    return fits;
  }

  // To where it leaves most room; false if it fits nowhere.
  bool Place(const Candidate& move, Draft& draft, std::vector<Candidate>& moves) const {
    const std::optional<Candidate> best = BestOf(move, draft, moves);
    if (!best) return false;
    draft.Apply(*best);
    moves.push_back(*best);
    return true;
  }

  // Most room, but to who owns the keys beside it rather than in a piece of its own.
  double Rank(const Candidate& placed) const {
    return placed.destination_planned + placed.action_cost * options_.joins_room;
  }

  std::optional<Candidate> BestOf(Candidate move, const Draft& draft,
                                  const std::vector<Candidate>& moves) const {
    move.later_copies = !moves.empty();
    std::optional<Candidate> best;
    for (const std::size_t destination : takers_) {
      if (destination == move.source) continue;
      move.destination = static_cast<int>(destination);
      const Candidate placed = Evaluated(draft, move);
      if (Fits(placed) && (!best || Rank(placed) < Rank(*best))) best = placed;
    }
    return best;
  }

  // What fits nowhere as a whole may fit in two parts.
  void PlaceHalves(const Candidate& whole, Draft& draft, std::vector<Candidate>& moves) const {
    const Unit& unit = problem_.shards[whole.source].units[whole.unit];
    const SplitSearch search = FindSplitPoint(problem_.key_space, unit);
    if (!search.point) return;
    const auto part_of = [&](double part) {
      Candidate half = whole;
      half.part = part;
      half.share = unit.share * part;
      half.bytes = unit.bytes * part;
      return half;
    };
    Candidate right = part_of(search.point->right_share);
    right.type = model::ActionType::kSplit;
    right.at = search.point->at;
    right.range = {.from = right.at, .to = unit.range.to};
    Candidate left = part_of(1 - search.point->right_share);
    left.range = {.from = unit.range.from, .to = right.at};
    Draft trial = draft;
    std::vector<Candidate> both = moves;
    if (!Place(right, trial, both) || !Place(left, trial, both)) return;
    draft = std::move(trial);
    moves = std::move(both);
  }

  void Continue(std::size_t source, std::vector<Shrink>& begun) {
    if (problem_.shards[source].units.empty()) return;
    Shrink shrink{.moves = SpreadOf(source, draft_)};
    if (!shrink.moves.empty()) Finish(std::move(shrink), begun);
  }

  void AddSpread(std::size_t source, std::vector<Shrink>& found) const {
    const Shard& leaving = problem_.shards[source];
    Draft draft = draft_;
    Shrink shrink{.moves = SpreadOf(source, draft)};
    if (shrink.moves.size() < 2 || shrink.moves.size() > kMovesMax) return;  // one is a merge
    double left = 0;                                                         // units
    for (const Candidate& move : shrink.moves)
      left += static_cast<double>(move.count - 1) + move.part;
    if (left > static_cast<double>(leaving.units.size()) - 1e-6) Finish(std::move(shrink), found);
  }

  const Outlook& outlook_;
  const Problem& problem_;
  const Options& options_;
  Draft draft_;                      // with what was begun
  std::vector<std::size_t> open_;    // may go: emptiest first
  std::vector<std::size_t> takers_;  // may take a range in, now or once they are idle
  std::size_t going_ = 0;            // shards on their way out
  double lasts_ = 0;
  bool comes_back_ = true;
};

}  // namespace

bool Drains(const Memory& memory, const model::ShardId& shard) {
  return std::find(memory.draining.begin(), memory.draining.end(), shard) != memory.draining.end();
}

Shrinks ShrinksFor(const Outlook& outlook) { return Shrinker(outlook).Find(); }

}  // namespace foreshard::planner
