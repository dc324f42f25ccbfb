#include "planner/what_if.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "planner/grown_demand.h"
#include "planner/load_path.h"
#include "planner/planner.h"
#include "planner/split_point.h"
#include "planner/step_effect.h"

namespace foreshard::planner {

namespace {

constexpr std::size_t kMeasuredBins = 3;

// A part of what one shard of the present fleet carries.
struct Piece {
  std::size_t origin = 0;
  double share = 0;  // of the origin's clients
  Unit unit;
};

struct Holder {
  model::ShardId id;
  std::size_t like = 0;  // whose trust and background it has
  bool created = false;
  bool migrating = false;
  double dip = 0;
  std::optional<model::BinIndex> last_action{};
  std::vector<Piece> pieces{};
};

std::vector<Holder> PresentFleet(const Problem& problem) {
  std::vector<Holder> fleet;
  for (std::size_t i = 0; i < problem.shards.size(); ++i) {
    const Shard& shard = problem.shards[i];
    Holder holder{.id = shard.id, .like = i, .last_action = shard.last_action, .pieces = {}};
    double total = 0;
    for (const Unit& unit : shard.units) total += unit.share;
    for (const Unit& unit : shard.units)
      holder.pieces.push_back(
          {.origin = i, .share = total > 0 ? unit.share / total : 0, .unit = unit});
    fleet.push_back(std::move(holder));
  }
  return fleet;
}

// A cut leaves half of the samples in each half; the routers have filled them up again before the
// next plan looks.
void Refill(Unit& unit) {
  while (!unit.reservoir.empty() && unit.reservoir.size() < kSplitSamplesMin) {
    const std::vector<HeatSample> samples = unit.reservoir;
    unit.reservoir.insert(unit.reservoir.end(), samples.begin(), samples.end());
  }
}

class Play {
 public:
  Play(const Problem& problem, const GrownDemand& demand, const Growth& growth,
       const Options& options)
      : problem_(problem),
        demand_(demand),
        growth_(growth),
        options_(options),
        fleet_(PresentFleet(problem)),
        memory_(problem.memory) {
    memory_.moved_bytes_last_hour = 0;
  }

  // One cycle: what is due is finished, a plan is made, what it would carry out begins.
  void Cycle(model::BinIndex now) {
    Finish(now);
    Problem question = QuestionAt(now);
    Random random(static_cast<std::uint64_t>(now));
    const model::Plan plan = MakePlan(question, options_, random);
    memory_ = Remember(question, plan);
    if (plan.decision == model::PlanDecision::kBlocked &&
        plan.reason != model::PlanReason::kMigrationInFlight && now >= growth_.from)
      blocked_ = plan.summary;
    if (plan.decision != model::PlanDecision::kExecuting) return;
    for (const model::PlannedStep& step : plan.steps) {
      if (step.start == now + 1) Begin(question, step, plan.summary, now);
    }
  }

  const std::vector<Holder>& fleet() const { return fleet_; }
  const std::vector<WhatIfAction>& actions() const { return actions_; }
  const std::string& blocked() const { return blocked_; }

 private:
  struct Moving {
    model::PlannedStep step;
    model::ShardId destination;  // also where it is new
    model::BinIndex start = 0;
    model::BinIndex end = 0;
    double bytes = 0;
  };

  Holder& Of(const model::ShardId& id) {
    return *std::find_if(fleet_.begin(), fleet_.end(),
                         [&id](const Holder& holder) { return holder.id == id; });
  }

  double Total(const Holder& holder, model::BinIndex bin) const {
    double total = 0;
    for (const Piece& piece : holder.pieces)
      total += piece.share * demand_.Median(piece.origin, bin);
    return total;
  }

  Shard ShardAt(const Holder& holder, model::BinIndex now) const {
    const Shard& like = problem_.shards[holder.like];
    Shard shard;
    shard.id = holder.id;
    shard.ready = holder.created || like.ready;
    shard.migrating = holder.migrating;
    shard.background = like.background;
    shard.trust = like.trust;
    shard.estimator_usable = like.estimator_usable;
    shard.last_action = holder.last_action;
    for (std::size_t back = kMeasuredBins; back > 0; --back)
      shard.measured.push_back(shard.background + holder.dip +
                               Total(holder, now - static_cast<model::BinIndex>(back) + 1));
    const double total = Total(holder, now);
    bool mixed = false;
    for (const Piece& piece : holder.pieces) {
      Unit unit = piece.unit;
      unit.paths.clear();
      unit.share = total > 0 ? piece.share * demand_.Median(piece.origin, now) / total
                             : 1 / static_cast<double>(holder.pieces.size());
      mixed = mixed || piece.origin != holder.pieces.front().origin;
      shard.units.push_back(std::move(unit));
    }
    if (!problem_.shards[holder.like].fan.steps.empty()) AddFan(holder, now, mixed, shard);
    if (!problem_.shards[holder.like].later.empty()) AddLater(holder, now, shard);
    return shard;
  }

  // As the operator's forecast of the day: the planned quantile of the mean of each step, with the
  // spread that the fan has at its end.
  void AddLater(const Holder& holder, model::BinIndex now, Shard& shard) const {
    const model::BinIndex bins = std::max(1, problem_.later_bins);
    const std::size_t steps = problem_.shards[holder.like].later.size();
    std::vector<double> sample(GrownDemand::kPaths);
    for (std::size_t step = 0; step < steps; ++step) {
      const model::BinIndex first = now + 1 + static_cast<model::BinIndex>(step) * bins;
      std::fill(sample.begin(), sample.end(), shard.background);
      for (const Piece& piece : holder.pieces) {
        double median = 0;
        for (model::BinIndex bin = first; bin < first + bins; ++bin)
          median += demand_.Median(piece.origin, bin) / static_cast<double>(bins);
        for (std::size_t r = 0; r < GrownDemand::kPaths; ++r)
          sample[r] += piece.share * median * demand_.Ratio(piece.origin, demand_.steps(), r);
      }
      shard.later.push_back(model::Quantile(model::QuantilesOf(sample),
                                            problem_.policy.plan_quantile_percent / 100.0));
    }
  }

  void AddFan(const Holder& holder, model::BinIndex now, bool mixed, Shard& shard) const {
    const std::size_t steps = demand_.steps();
    shard.scenarios.origin = shard.fan.origin = now;
    shard.fan.bin = std::chrono::seconds(
        std::max<std::int64_t>(1, static_cast<std::int64_t>(problem_.bin_seconds)));
    shard.scenarios.paths.assign(GrownDemand::kPaths, std::vector<double>(steps, shard.background));
    for (std::size_t r = 0; r < GrownDemand::kPaths; ++r)
      shard.scenarios.drawn_from.push_back(static_cast<model::BinIndex>(r));
    for (std::size_t i = 0; i < holder.pieces.size(); ++i) {
      const Piece& piece = holder.pieces[i];
      std::vector<std::vector<double>>& own = shard.units[i].paths;
      if (mixed) own.assign(GrownDemand::kPaths, std::vector<double>(steps));
      for (std::size_t h = 1; h <= steps; ++h) {
        const model::BinIndex bin = now + static_cast<model::BinIndex>(h);
        for (std::size_t r = 0; r < GrownDemand::kPaths; ++r) {
          const double load = piece.share * demand_.At(piece.origin, bin, h, r);
          shard.scenarios.paths[r][h - 1] += load;
          if (mixed) own[r][h - 1] = load;
        }
      }
    }
    std::vector<double> sample(GrownDemand::kPaths);
    for (std::size_t h = 0; h < steps; ++h) {
      for (std::size_t r = 0; r < GrownDemand::kPaths; ++r) sample[r] = shard.scenarios.paths[r][h];
      shard.fan.steps.push_back(model::QuantilesOf(sample));
    }
  }

  Problem QuestionAt(model::BinIndex now) const {
    Problem question;
    question.now = now;
    question.bin_seconds = problem_.bin_seconds;
    question.key_space = problem_.key_space;
    question.policy = problem_.policy;
    question.policy.mode = model::ScalingMode::kAuto;
    question.members_per_shard = problem_.members_per_shard;
    question.later_bins = problem_.later_bins;
    question.frozen = problem_.frozen;
    question.migrations_in_flight = static_cast<int>(moving_.size());
    question.memory = memory_;
    question.memory.moved_bytes_last_hour = MovedLately(now);
    for (const Holder& holder : fleet_) {
      if (!holder.pieces.empty()) question.shards.push_back(ShardAt(holder, now));
    }
    return question;
  }

  double MovedLately(model::BinIndex now) const {
    double bytes = 0;
    for (const auto& [start, moved] : moved_) {
      if (static_cast<double>(now - start) * problem_.bin_seconds < 3'600) bytes += moved;
    }
    return bytes;
  }

  void Begin(const Problem& question, const model::PlannedStep& step, const std::string& summary,
             model::BinIndex now) {
    const Result<StepEffect> effect = EffectOf(question, step);
    if (!effect || Of(step.shard).migrating) return;
    Moving moving{.step = step, .destination = step.destination, .start = step.start};
    moving.end =
        now + 1 + static_cast<model::BinIndex>(std::ceil(step.p80_seconds / problem_.bin_seconds));
    moving.bytes = step.bytes;
    if (moving.destination.value.empty()) {
      moving.destination = {fmt::format("s-new-{}", ++created_)};
      Holder holder;
      holder.id = moving.destination;
      holder.like = Of(step.shard).like;
      holder.created = true;
      const auto place =
          std::lower_bound(fleet_.begin(), fleet_.end(), holder,
                           [](const Holder& a, const Holder& b) { return a.id < b.id; });
      fleet_.insert(place, std::move(holder));
    }
    Of(step.shard).migrating = Of(moving.destination).migrating = true;
    Of(step.shard).dip = options_.priors.dip;
    Of(moving.destination).dip = options_.priors.destination_dip;
    moved_.emplace_back(step.start, step.bytes);
    actions_.push_back(
        {.start = moving.start, .end = moving.end, .step = step, .summary = summary});
    actions_.back().step.destination = moving.destination;
    moving_.push_back(std::move(moving));
  }

  void Finish(model::BinIndex now) {
    for (const Moving& moving : moving_) {
      if (moving.end > now) continue;
      Problem question = QuestionAt(now);
      model::PlannedStep step = moving.step;
      Result<StepEffect> effect = EffectOf(question, step);
      Holder& source = Of(step.shard);
      Holder& destination = Of(moving.destination);
      source.migrating = destination.migrating = false;
      source.dip = destination.dip = 0;
      source.last_action = destination.last_action = now;
      // Nothing else touched what moves, so it is still there.
      CHECK(effect.ok(), "a move of the play lost its range");
      std::vector<Piece> kept;
      for (std::size_t i = 0; i < source.pieces.size(); ++i) {
        Piece& piece = source.pieces[i];
        const auto leaving = std::find_if(effect->parts.begin(), effect->parts.end(),
                                          [i](const LeavingPart& part) { return part.unit == i; });
        if (leaving == effect->parts.end()) {
          kept.push_back(std::move(piece));
          continue;
        }
        leaving->moved.last_move = now;
        Refill(leaving->moved);
        Refill(leaving->rest);
        destination.pieces.push_back({.origin = piece.origin,
                                      .share = piece.share * leaving->part,
                                      .unit = std::move(leaving->moved)});
        if (leaving->part < 1)
          kept.push_back({.origin = piece.origin,
                          .share = piece.share * (1 - leaving->part),
                          .unit = std::move(leaving->rest)});
      }
      source.pieces = std::move(kept);
    }
    std::erase_if(moving_, [now](const Moving& moving) { return moving.end <= now; });
  }

  const Problem& problem_;
  const GrownDemand& demand_;
  const Growth& growth_;
  const Options& options_;
  std::vector<Holder> fleet_;  // by id
  Memory memory_;
  std::vector<Moving> moving_;
  std::vector<std::pair<model::BinIndex, double>> moved_;
  std::vector<WhatIfAction> actions_;
  std::string blocked_;
  int created_ = 0;
};

struct Seen {
  double peak = 0;
  double over = 0;  // P(over the limit)
};

// One shard in one bin, with the spread of a forecast as long as the horizon.
Seen Look(const Problem& problem, const GrownDemand& demand, const Holder& holder,
          model::BinIndex bin, bool grown) {
  std::vector<double> sample(GrownDemand::kPaths,
                             problem.shards[holder.like].background + holder.dip);
  for (const Piece& piece : holder.pieces) {
    for (std::size_t r = 0; r < GrownDemand::kPaths; ++r)
      sample[r] += piece.share * demand.At(piece.origin, bin, demand.steps(), r, grown);
  }
  const double limit = problem.policy.limit_cpu_percent / 100.0;
  const auto over =
      std::count_if(sample.begin(), sample.end(), [limit](double value) { return value > limit; });
  return {.peak = model::Quantile(model::QuantilesOf(sample),
                                  problem.policy.plan_quantile_percent / 100.0),
          .over = static_cast<double>(over) / GrownDemand::kPaths};
}

// Peaks and overload of one bin of the growth.
void Note(const Problem& problem, const GrownDemand& demand, const std::vector<Holder>& before,
          const std::vector<Holder>& fleet, model::BinIndex bin,
          std::map<model::ShardId, WhatIfShard>& shards, WhatIf& answer) {
  const double minutes = problem.bin_seconds / 60;
  for (const Holder& holder : before) {
    WhatIfShard& shard = shards[holder.id];
    const Seen without = Look(problem, demand, holder, bin, true);
    shard.usual = std::max(shard.usual, Look(problem, demand, holder, bin, false).peak);
    if (without.peak > shard.without) shard.when = bin;
    shard.without = std::max(shard.without, without.peak);
    answer.overload_minutes_without += minutes * without.over;
  }
  for (const Holder& holder : fleet) {
    WhatIfShard& shard = shards[holder.id];
    shard.created = holder.created;
    const Seen planned = Look(problem, demand, holder, bin, true);
    shard.planned = std::max(shard.planned, planned.peak);
    answer.overload_minutes_planned += minutes * planned.over;
  }
}

}  // namespace

WhatIf AskWhatIf(const Problem& problem, const UsualLoad& usual, const Growth& growth,
                 const Options& options) {
  CHECK(growth.from < growth.to && growth.factor >= 0, "not a growth", growth.from, growth.to);
  const GrownDemand demand(problem, usual, growth);
  Play play(problem, demand, growth, options);
  const std::vector<Holder> before = play.fleet();
  const auto steps = static_cast<model::BinIndex>(demand.steps());
  model::BinIndex seen = steps;  // bins ahead in which the growth is seen
  for (const Shard& shard : problem.shards) {
    const auto ahead = static_cast<model::BinIndex>(AheadSteps(options, shard.later.size()));
    seen = std::max(seen, ahead * problem.later_bins);
  }
  WhatIf answer;
  answer.shards_before = static_cast<int>(before.size());
  answer.forecast_reaches = growth.from <= problem.now + steps;
  std::map<model::ShardId, WhatIfShard> shards;
  for (model::BinIndex now = std::max(problem.now, growth.from - seen - 1); now < growth.to;
       ++now) {
    play.Cycle(now);
    if (now >= growth.from) Note(problem, demand, before, play.fleet(), now, shards, answer);
  }
  answer.actions = play.actions();
  answer.shards_after = static_cast<int>(play.fleet().size());
  bool over = false;
  for (auto& [id, shard] : shards) {
    shard.id = id;
    over = over || shard.planned * 100 > problem.policy.limit_cpu_percent;
    answer.shards.push_back(shard);
  }
  if (over) answer.left = play.blocked();
  return answer;
}

}  // namespace foreshard::planner
