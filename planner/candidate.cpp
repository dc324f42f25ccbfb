#include "planner/candidate.h"

#include <algorithm>
#include <cmath>

#include "planner/load_path.h"
#include "planner/shrink.h"
#include "planner/split_point.h"

namespace foreshard::planner {

namespace {

constexpr std::size_t kUnitsMax = 16;
constexpr std::size_t kDestinationsMax = 8;
constexpr double kRunMost = 0.8;  // of the source's load

double Target(const Problem& problem) { return problem.policy.target_cpu_percent / 100.0; }

// Shards that may take something in, emptiest first.
std::vector<std::size_t> Destinations(const Draft& draft, std::size_t source) {
  const Problem& problem = draft.problem();
  std::vector<std::pair<double, std::size_t>> open;
  for (std::size_t i = 0; i < problem.shards.size(); ++i) {
    const Shard& shard = problem.shards[i];
    if (i == source || !shard.ready || shard.migrating || shard.fan.steps.empty()) continue;
    if (draft.Receives(i) || draft.Sends(i)) continue;
    const double peak = HighestPlanned(OwnPath(shard), problem.policy, draft.outlook().options(), 1,
                                       shard.fan.steps.size());
    if (peak <= Target(problem)) open.emplace_back(peak, i);
  }
  std::stable_sort(open.begin(), open.end(), [&problem](const auto& a, const auto& b) {
    if (a.first != b.first) return a.first < b.first;
    return problem.shards[a.second].id < problem.shards[b.second].id;
  });
  std::vector<std::size_t> destinations;
  for (const auto& [peak, index] : open) {
    if (destinations.size() >= kDestinationsMax) break;
    destinations.push_back(index);
  }
  return destinations;
}

bool Rests(const Problem& problem, const Unit& unit) {
  const double rest =
      static_cast<double>(problem.policy.cool_down.count()) / 1e3 / problem.bin_seconds;
  return unit.last_move && static_cast<double>(problem.now - *unit.last_move) < rest;
}

// The heaviest units, by what they cause now.
std::vector<std::size_t> HeaviestUnits(const Problem& problem, const Shard& shard,
                                       bool resting_too) {
  std::vector<std::size_t> units;
  for (std::size_t i = 0; i < shard.units.size(); ++i) {
    if (resting_too || !Rests(problem, shard.units[i])) units.push_back(i);
  }
  std::stable_sort(units.begin(), units.end(), [&shard](std::size_t a, std::size_t b) {
    return shard.units[a].share > shard.units[b].share;
  });
  if (units.size() > kUnitsMax) units.resize(kUnitsMax);
  return units;
}

class Collector {
 public:
  Collector(const Draft& draft, std::size_t source, bool new_shard_allowed, bool resting_too)
      : draft_(draft),
        source_(source),
        new_shard_allowed_(new_shard_allowed),
        resting_too_(resting_too),
        destinations_(Destinations(draft, source)) {}

  void Add(Candidate candidate, bool existing_too = true) {
    if (candidate.share <= 0) return;
    if (new_shard_allowed_) AddTo(candidate, -1);
    for (std::size_t i = 0; i < destinations_.size() && existing_too; ++i)
      AddTo(candidate, static_cast<int>(destinations_[i]));
  }

  void AddUnit(std::size_t index, std::string& why_no_split) {
    const Problem& problem = draft_.problem();
    const Shard& shard = problem.shards[source_];
    const Unit& unit = shard.units[index];
    const SplitSearch search = FindSplitPoint(problem.key_space, unit);
    if (search.point) {
      Candidate split{.type = model::ActionType::kSplit, .source = source_, .unit = index};
      split.at = search.point->at;
      split.range = {.from = search.point->at, .to = unit.range.to};
      split.part = search.point->right_share;
      split.share = unit.share * search.point->right_share;
      split.bytes = unit.bytes * search.point->right_share;
      Add(split);
    } else if (why_no_split.empty()) {
      why_no_split = search.why_not;
    }
    if (shard.units.size() > 1) {
      Candidate move{.type = model::ActionType::kMove, .source = source_, .unit = index};
      move.range = unit.range;
      move.share = unit.share;
      move.bytes = unit.bytes;
      Add(move);
    }
    if (draft_.outlook().options().isolate_keys) AddHotKeys(index);
  }

  // Neighbouring units at an end of what the source owns in one piece, to who owns the keys beside
  // them or to a new shard: as much as brings the source back to the target, and half of its load.
  void AddEdges(double share_over) {
    const std::vector<Unit>& units = draft_.problem().shards[source_].units;
    for (std::size_t from = 0; from < units.size();) {
      std::size_t to = from + 1;
      while (to < units.size() && units[to].range.from == units[to - 1].range.to) ++to;
      for (const double wanted : {share_over, 0.5}) {
        double left = 0;
        double right = 0;
        for (std::size_t n = 1; n < units.size() && from + n <= to; ++n) {
          const bool left_short = left < wanted;
          const bool right_short = right < wanted;
          left += units[from + n - 1].share;
          right += units[to - n].share;
          if (n > 1 && left_short && left >= wanted) AddRun(from, n);
          if (n > 1 && right_short && right >= wanted) AddRun(to - n, n);
        }
      }
      from = to;
    }
  }

  std::vector<Candidate> Take() { return std::move(candidates_); }

 private:
  void AddHotKeys(std::size_t index) {
    const Unit& unit = draft_.problem().shards[source_].units[index];
    for (const HotKey& key : unit.hot_keys) {
      if (key.share < kHotKeyShare / 2) continue;
      Candidate isolate{.type = model::ActionType::kIsolate, .source = source_, .unit = index};
      isolate.keys = {key.key};
      isolate.part = key.share;
      isolate.share = unit.share * key.share;
      isolate.bytes = 1e6;  // rows of one key
      if (new_shard_allowed_) AddTo(isolate, -1);
      isolate.type = model::ActionType::kMoveKeys;
      for (const std::size_t destination : destinations_)
        AddTo(isolate, static_cast<int>(destination));
    }
  }

  void AddRun(std::size_t unit, std::size_t count) {
    const std::vector<Unit>& units = draft_.problem().shards[source_].units;
    Candidate run{
        .type = model::ActionType::kMove, .source = source_, .unit = unit, .count = count};
    run.range = {.from = units[unit].range.from, .to = units[unit + count - 1].range.to};
    for (std::size_t i = unit; i < unit + count; ++i) {
      if (draft_.Moved(source_, i)) return;
      if (!resting_too_ && Rests(draft_.problem(), units[i])) return;
      run.share += units[i].share;
      run.bytes += units[i].bytes;
    }
    if (run.share > kRunMost) return;
    if (new_shard_allowed_) AddTo(run, -1);
    for (const std::size_t destination : destinations_) {
      if (draft_.outlook().SidesOwned(run.range, destination) > 0)
        AddTo(run, static_cast<int>(destination));
    }
  }

  void AddTo(Candidate candidate, int destination) {
    candidate.destination = destination;
    candidate.time = EstimateMoveTime(draft_.problem().memory, draft_.outlook().options().priors,
                                      candidate.bytes, destination < 0);
    Evaluate(draft_, candidate);
    candidates_.push_back(std::move(candidate));
  }

  const Draft& draft_;
  std::size_t source_;
  bool new_shard_allowed_;
  bool resting_too_;
  std::vector<std::size_t> destinations_;
  std::vector<Candidate> candidates_;
};

// Pieces of the key space that the fleet has more after it: where the source owned both sides there
// is one more, where the destination owns a side there is one less.
int PiecesMore(const Outlook& outlook, const Candidate& candidate) {
  if (candidate.unit == kWholeShard || !candidate.keys.empty()) return 0;
  int sides = outlook.SidesOwned(candidate.range, candidate.source);
  if (candidate.type == model::ActionType::kSplit) ++sides;  // the rest of its unit
  if (candidate.destination >= 0)
    sides -= outlook.SidesOwned(candidate.range, static_cast<std::size_t>(candidate.destination));
  return sides;
}

}  // namespace

bool Better(const Candidate& a, const Candidate& b) {
  if (a.keeps_target != b.keeps_target) return a.keeps_target;
  return a.benefit - a.action_cost > b.benefit - b.action_cost + 1e-12;
}

CandidateSearch CandidatesFor(const Draft& draft, std::size_t source, bool new_shard_allowed,
                              bool resting_too) {
  CandidateSearch search;
  Collector collector(draft, source, new_shard_allowed, resting_too);
  for (const std::size_t unit :
       HeaviestUnits(draft.problem(), draft.problem().shards[source], resting_too)) {
    if (!draft.Moved(source, unit)) collector.AddUnit(unit, search.why_no_split);
  }
  const Problem& problem = draft.problem();
  const LoadPath own = OwnPath(problem.shards[source]);
  const double peak =
      HighestPlanned(own, problem.policy, draft.outlook().options(), 1, own.steps.size());
  if (draft.outlook().options().weights.piece > 0 && peak > 0)
    collector.AddEdges(std::clamp(1 - Target(problem) / peak, 0.05, 0.5));
  search.candidates = collector.Take();
  return search;
}

void Evaluate(const Draft& draft, Candidate& candidate) {
  const Problem& problem = draft.problem();
  const Outlook& outlook = draft.outlook();
  const Weights& weights = outlook.options().weights;
  const MovePriors& priors = outlook.options().priors;
  const std::size_t cutover = CutoverStep(problem, candidate);
  Matrix scratch;
  const Matrix& leaving = draft.Leaving(candidate, scratch);
  const auto part = static_cast<float>(candidate.part);
  const Reading& before = draft.ReadingOf(candidate.source);
  const Reading& after = draft.Without(candidate, leaving);
  // A shard on its way out that is kept after all costs what a new one does.
  const bool keeps =
      candidate.destination < 0 ||
      (candidate.unit != kWholeShard &&
       Drains(problem.memory, problem.shards[static_cast<std::size_t>(candidate.destination)].id));
  Reading nothing;
  nothing.by_path.assign(outlook.paths(), 0);
  const Reading& alone = candidate.destination < 0
                             ? nothing
                             : draft.ReadingOf(static_cast<std::size_t>(candidate.destination));
  Reading loaded;
  double members = 0;
  Change arrives{.added = &leaving,
                 .factor = part,
                 .cutover = cutover,
                 .dip = static_cast<float>(priors.destination_dip),
                 .begin = candidate.begin};
  if (candidate.destination < 0) {
    loaded = outlook.Read(outlook.Empty(problem.shards[candidate.source].background), arrives);
  } else {
    loaded = outlook.Read(draft.Of(static_cast<std::size_t>(candidate.destination)), arrives);
  }
  if (keeps) {
    const double horizon = static_cast<double>(outlook.steps()) * problem.bin_seconds / 3'600;
    const double hours = horizon * std::max(1.0, outlook.options().new_shard_horizons);
    members = weights.member * problem.members_per_shard * hours;
  }
  const double failure = static_cast<double>(1 + problem.memory.failed) /
                         static_cast<double>(20 + problem.memory.failed + problem.memory.finished);
  candidate.action_cost =
      members + weights.change + weights.piece * PiecesMore(outlook, candidate) +
      weights.per_gigabyte * candidate.bytes / 1e9 +
      weights.dip * priors.dip * candidate.time.p80_seconds / 3'600 + weights.failure * failure;
  candidate.benefit = before.cost + alone.cost - after.cost - loaded.cost;
  candidate.overload_minutes_avoided = before.overload_minutes + alone.overload_minutes -
                                       after.overload_minutes - loaded.overload_minutes;
  candidate.later_minutes_avoided =
      before.later_minutes + alone.later_minutes - after.later_minutes - loaded.later_minutes;
  candidate.source_peak = candidate.unit == kWholeShard ? 0 : after.peak;
  candidate.destination_peak = loaded.peak;
  candidate.dip_peak = std::max(after.dip_peak, loaded.dip_peak);
  candidate.source_planned = candidate.unit == kWholeShard ? 0 : after.planned;
  candidate.destination_planned = loaded.planned;
  candidate.keeps_target =
      std::max(candidate.source_planned, candidate.destination_planned) <= Target(problem);
  std::size_t better = 0;
  for (std::size_t r = 0; r < outlook.paths(); ++r) {
    const double saved = static_cast<double>(before.by_path[r]) + alone.by_path[r] -
                         after.by_path[r] - loaded.by_path[r];
    better += saved > candidate.action_cost ? 1 : 0;
  }
  candidate.scenarios_better = static_cast<double>(better) / static_cast<double>(outlook.paths());
}

}  // namespace foreshard::planner
