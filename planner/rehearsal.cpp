#include "planner/rehearsal.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "planner/outlook.h"
#include "planner/step_effect.h"

namespace foreshard::planner {

namespace {

constexpr double kNormal80 = 0.8416;
constexpr double kThrottledLeast = 0.25;  // of a copy's CPU: the mover's floor
constexpr double kTolerance = 0.01;       // of a shard's CPU, times bins
constexpr std::size_t kBinsMost = 2'000;

double Limit(const Problem& problem) { return problem.policy.limit_cpu_percent / 100.0; }

// One step as it is played.
struct Act {
  StepEffect effect;
  std::size_t from = 0;      // who gives: index into Stage::base_
  std::size_t to = 0;        // who takes
  std::size_t earliest = 0;  // bin
  double median_bins = 1;    // of its duration
  double spread = 0;         // of its logarithm
  double bytes = 0;
  std::vector<Matrix> leaving;  // by part of the effect
};

// What one play did to one shard.
struct Outcome {
  double excess = 0;       // CPU over the limit, times bins
  double overloaded = 0;   // bins
  double pushed_over = 0;  // excess in bins in which the shard would be fine if nothing were done
};

class Stage {
 public:
  Stage(const Problem& problem, const model::Plan& plan, const Options& options)
      : problem_(problem), options_(options), outlook_(problem, options) {
    for (const model::PlannedStep& step : plan.steps) {
      if (!why_.empty()) return;
      Add(step, plan.guard);
    }
    CountShards();
    double bins = 0;
    for (const Act& act : acts_) bins += act.median_bins * std::exp(2 * act.spread) + 1;
    bins_ = std::min(kBinsMost, std::max(outlook_.steps(), static_cast<std::size_t>(bins) + 4));
  }

  const std::string& why() const { return why_; }  // a step that cannot be done at all
  std::size_t acts() const { return acts_.size(); }
  const model::ShardId& IdOf(std::size_t actor) const { return ids_[actor]; }
  bool Gives(std::size_t actor) const {
    return std::any_of(acts_.begin(), acts_.end(),
                       [actor](const Act& act) { return act.from == actor; });
  }

  // If nothing were done.
  std::vector<Outcome> Idle(std::size_t path) const {
    std::vector<Outcome> outcomes(base_.size());
    for (std::size_t actor = 0; actor < base_.size(); ++actor) {
      for (std::size_t bin = 0; bin < bins_; ++bin) Judge(At(actor, bin, path), outcomes[actor]);
    }
    return outcomes;
  }

  // `fails`: the step that fails once.
  std::vector<Outcome> Play(std::size_t path, std::optional<std::size_t> fails,
                            Random& random) const;

 private:
  struct Running {
    bool waits = true;
    bool done = false;
    double rest = 0;     // bins of work
    double breaks = -1;  // work after which it fails, once
  };

  std::size_t ActorOf(int shard, double background, bool guard) {
    if (shard >= 0) {
      const auto known = actors_.find(shard);
      if (known != actors_.end()) return known->second;
      actors_[shard] = base_.size();
    }
    const auto index = static_cast<std::size_t>(std::max(0, shard));
    base_.push_back(shard < 0 ? outlook_.Empty(background) : outlook_.Of(index));
    ids_.push_back(shard < 0 ? model::ShardId{"the new shard"} : problem_.shards[index].id);
    if (shard >= 0 && guard && !problem_.shards[index].measured.empty()) {
      const auto measured = static_cast<float>(problem_.shards[index].measured.back());
      for (float& value : base_.back()) value = std::max(value, measured);
    }
    return base_.size() - 1;
  }

  void Add(const model::PlannedStep& step, bool guard) {
    Result<StepEffect> effect = EffectOf(problem_, step);
    if (!effect) {
      why_ = effect.error().message;
      return;
    }
    const Shard& source = problem_.shards[effect->source];
    for (const Act& other : acts_) {
      for (const LeavingPart& a : other.effect.parts) {
        const bool twice = other.effect.source == effect->source &&
                           std::any_of(effect->parts.begin(), effect->parts.end(),
                                       [&a](const LeavingPart& b) { return a.unit == b.unit; });
        if (twice) why_ = fmt::format("two steps take the same range of {}", source.id);
      }
    }
    if (effect->destination >= 0 &&
        !problem_.shards[static_cast<std::size_t>(effect->destination)].ready)
      why_ = fmt::format("{} is not ready to take anything", step.destination);
    Act act;
    act.from = ActorOf(static_cast<int>(effect->source), 0, guard);
    act.to = ActorOf(effect->destination, source.background, false);
    act.earliest =
        static_cast<std::size_t>(std::max<model::BinIndex>(0, step.start - problem_.now - 1));
    act.median_bins = std::max(1e-3, step.p50_seconds / problem_.bin_seconds);
    if (step.p80_seconds > step.p50_seconds && step.p50_seconds > 0)
      act.spread = std::log(step.p80_seconds / step.p50_seconds) / kNormal80;
    act.bytes = step.bytes;
    const Matrix& expected = outlook_.Of(effect->source);
    const auto background = static_cast<float>(source.background);
    for (const LeavingPart& part : effect->parts) {
      act.leaving.push_back(outlook_.OfUnit(effect->source, part.unit));
      Matrix& leaving = act.leaving.back();
      // Where measurement is believed the part that leaves is one of what was measured.
      for (std::size_t i = 0; i < leaving.size(); ++i) {
        const float clients = expected[i] - background;
        const float more = clients > 0 ? (base_[act.from][i] - background) / clients : 1;
        leaving[i] *= more * static_cast<float>(part.part);
      }
    }
    act.effect = *std::move(effect);
    acts_.push_back(std::move(act));
  }

  void CountShards() {
    int shards = static_cast<int>(problem_.shards.size());
    for (const Act& act : acts_) {
      shards += act.effect.destination < 0 ? 1 : 0;
      if (shards > std::max(problem_.policy.max_shards, static_cast<int>(problem_.shards.size())))
        why_ = fmt::format("it would make {} shards, maxShards is {}", shards,
                           problem_.policy.max_shards);
    }
  }

  // The last step of the forecast stands for what comes after it.
  double At(std::size_t actor, std::size_t bin, std::size_t path) const {
    const std::size_t step = std::min(bin, outlook_.steps() - 1);
    return base_[actor][step * outlook_.paths() + path % outlook_.paths()];
  }
  double Leaving(const Act& act, std::size_t bin, std::size_t path) const {
    const std::size_t step = std::min(bin, outlook_.steps() - 1);
    double load = 0;
    for (const Matrix& part : act.leaving)
      load += part[step * outlook_.paths() + path % outlook_.paths()];
    return load;
  }

  void Judge(double load, Outcome& outcome) const {
    const double over = load - Limit(problem_);
    if (over <= 0) return;
    outcome.excess += over;
    outcome.overloaded += 1;
  }

  bool Frozen(std::size_t bin) const {
    const model::BinIndex at = problem_.now + 1 + static_cast<model::BinIndex>(bin);
    return std::any_of(
        problem_.frozen.begin(), problem_.frozen.end(),
        [at](const FrozenInterval& frozen) { return frozen.from <= at && at < frozen.to; });
  }

  void Start(std::size_t bin, std::vector<Running>& running) const {
    for (std::size_t i = 0; i < acts_.size(); ++i) {
      if (!running[i].waits || bin < acts_[i].earliest || Frozen(bin)) continue;
      int active = problem_.migrations_in_flight;
      bool busy = false;
      for (std::size_t j = 0; j < acts_.size(); ++j) {
        if (running[j].waits || running[j].done) continue;
        ++active;
        busy = busy || acts_[j].from == acts_[i].from || acts_[j].to == acts_[i].to ||
               acts_[j].from == acts_[i].to || acts_[j].to == acts_[i].from;
      }
      if (busy || active >= std::max(1, problem_.policy.max_concurrent_migrations)) continue;
      running[i].waits = false;
    }
  }

  const Problem& problem_;
  const Options& options_;
  Outlook outlook_;
  std::vector<Act> acts_;
  std::map<int, std::size_t> actors_;
  std::vector<Matrix> base_;
  std::vector<model::ShardId> ids_;
  std::size_t bins_ = 1;
  std::string why_;
};

std::vector<Outcome> Stage::Play(std::size_t path, std::optional<std::size_t> fails,
                                 Random& random) const {
  std::vector<Running> running(acts_.size());
  for (std::size_t i = 0; i < acts_.size(); ++i) {
    running[i].rest = acts_[i].median_bins * std::exp(acts_[i].spread * random.Normal());
    if (fails == i) running[i].breaks = running[i].rest * random.Unit();
  }
  std::vector<Outcome> outcomes(base_.size());
  std::vector<double> load(base_.size());
  for (std::size_t bin = 0; bin < bins_; ++bin) {
    Start(bin, running);
    for (std::size_t actor = 0; actor < load.size(); ++actor) load[actor] = At(actor, bin, path);
    for (std::size_t i = 0; i < acts_.size(); ++i) {
      if (!running[i].done) continue;
      const double moved = Leaving(acts_[i], bin, path);
      load[acts_[i].from] -= moved;
      load[acts_[i].to] += moved;
    }
    for (std::size_t i = 0; i < acts_.size(); ++i) {
      Running& run = running[i];
      if (run.waits || run.done) continue;
      const double dip = options_.priors.dip;
      const double room = Limit(problem_) - load[acts_[i].from];
      const double part = dip > 0 ? std::clamp(room / dip, kThrottledLeast, 1.0) : 1;
      load[acts_[i].from] += dip * part;
      load[acts_[i].to] += options_.priors.destination_dip * part;
      run.rest -= 1;  // durations were learned from moves that were throttled too
      if (run.breaks >= 0 && (run.breaks -= 1) < 0) {
        // It was given up: nothing has moved, and it begins anew.
        run = {.waits = true, .done = false, .breaks = -1};
        run.rest = acts_[i].median_bins * std::exp(acts_[i].spread * random.Normal());
      } else if (run.rest <= 0 && !Frozen(bin)) {
        run.done = true;  // clients write to the new owner from the next bin on
      }
    }
    for (std::size_t actor = 0; actor < load.size(); ++actor) {
      Judge(load[actor], outcomes[actor]);
      if (At(actor, bin, path) <= Limit(problem_))
        outcomes[actor].pushed_over += std::max(0.0, load[actor] - Limit(problem_));
    }
  }
  return outcomes;
}

// The shard that is worse off than if nothing were done. Who gives may be over its limit for the
// copy if it is relieved of more; who takes may not be pushed over it at all.
std::optional<std::size_t> WorseOff(const Stage& stage, const std::vector<Outcome>& idle,
                                    const std::vector<Outcome>& played) {
  for (std::size_t actor = 0; actor < played.size(); ++actor) {
    const bool more = played[actor].excess > idle[actor].excess + kTolerance;
    const bool pushed = !stage.Gives(actor) && played[actor].pushed_over > kTolerance;
    if (more || pushed) return actor;
  }
  return std::nullopt;
}

double Minutes(const Problem& problem, const std::vector<Outcome>& outcomes) {
  double bins = 0;
  for (const Outcome& outcome : outcomes) bins += outcome.overloaded;
  return bins * problem.bin_seconds / 60;
}

}  // namespace

Rehearsal Rehearse(const Problem& problem, const model::Plan& plan, const Options& options,
                   Random& random) {
  CHECK(!plan.steps.empty(), "nothing to rehearse");
  Rehearsal rehearsal;
  const Stage stage(problem, plan, options);
  if (!stage.why().empty()) {
    rehearsal.passed = false;
    rehearsal.why = stage.why();
    return rehearsal;
  }
  std::map<std::size_t, int> worse;  // by actor
  for (int play = 0; play < kRehearsals; ++play) {
    const auto path = static_cast<std::size_t>(play);
    const std::vector<Outcome> idle = stage.Idle(path);
    const std::vector<Outcome> played = stage.Play(path, std::nullopt, random);
    ++rehearsal.plays;
    rehearsal.overload_minutes_without += Minutes(problem, idle) / kRehearsals;
    rehearsal.overload_minutes_planned += Minutes(problem, played) / kRehearsals;
    const std::optional<std::size_t> actor = WorseOff(stage, idle, played);
    if (actor) ++worse[*actor];
    if (!actor) ++rehearsal.legal;
    for (std::size_t fails = 0; fails < stage.acts(); ++fails) {
      const std::vector<Outcome> failed = stage.Play(path, fails, random);
      ++rehearsal.failure_plays;
      bool pushed = false;
      for (std::size_t i = 0; i < failed.size(); ++i)
        pushed = pushed || (!stage.Gives(i) && failed[i].pushed_over > kTolerance);
      rehearsal.failure_legal += pushed ? 0 : 1;
    }
  }
  if (rehearsal.legal < kLegalShareLeast * rehearsal.plays) {
    const auto most =
        std::max_element(worse.begin(), worse.end(),
                         [](const auto& a, const auto& b) { return a.second < b.second; });
    rehearsal.why = fmt::format(
        "in {} of {} plays {} would be more over its limit than if nothing "
        "were done",
        rehearsal.plays - rehearsal.legal, rehearsal.plays, stage.IdOf(most->first));
  } else if (rehearsal.failure_legal < kLegalShareLeast * rehearsal.failure_plays) {
    rehearsal.why = fmt::format(
        "in {} of {} plays in which a step failed once a shard would be "
        "pushed over its limit",
        rehearsal.failure_plays - rehearsal.failure_legal, rehearsal.failure_plays);
  } else if (rehearsal.overload_minutes_planned > rehearsal.overload_minutes_without + 1e-9) {
    rehearsal.why =
        fmt::format("overload would be {:.1f} minutes, {:.1f} if nothing were done",
                    rehearsal.overload_minutes_planned, rehearsal.overload_minutes_without);
  }
  rehearsal.passed = rehearsal.why.empty();
  return rehearsal;
}

model::Plan Rehearsed(const Problem& problem, model::Plan plan, const Options& options,
                      Random& random) {
  const bool offered = plan.decision == model::PlanDecision::kExecuting ||
                       plan.decision == model::PlanDecision::kRecommended;
  if (!offered || plan.steps.empty()) return plan;
  const Rehearsal rehearsal = Rehearse(problem, plan, options, random);
  if (rehearsal.passed) {
    plan.summary += fmt::format(" Rehearsed in {} scenarios, and with each step failing once.",
                                rehearsal.plays);
    return plan;
  }
  plan.decision = model::PlanDecision::kBlocked;
  plan.reason = model::PlanReason::kRehearsalFailed;
  plan.summary += fmt::format(" Blocked: {}: {}.", ToString(plan.reason), rehearsal.why);
  return plan;
}

}  // namespace foreshard::planner
