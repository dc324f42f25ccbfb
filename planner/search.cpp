#include "planner/search.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

namespace foreshard::planner {

namespace {

// One chosen candidate of a need's list.
struct Pick {
  std::size_t need = 0;
  std::size_t candidate = 0;
  bool operator==(const Pick&) const = default;
};

struct Answer {
  std::vector<Pick> picks;
  double objective = std::numeric_limits<double>::infinity();
};

class Searcher {
 public:
  Searcher(const Outlook& outlook, const std::vector<Need>& needs, Found& found)
      : outlook_(outlook), problem_(outlook.problem()), needs_(needs), found_(found) {}

  // Most urgent first. Leaves in `found` what was looked at.
  Answer Greedy() {
    Answer answer;
    Draft draft(outlook_);
    for (std::size_t need = 0; need < needs_.size(); ++need) {
      if (static_cast<int>(answer.picks.size()) >= outlook_.options().actions_max) break;
      CandidateSearch& search = found_.seen[need];
      search = CandidatesFor(draft, needs_[need].shard, MayAdd(draft, needs_[need]),
                             needs_[need].measured);
      std::stable_sort(search.candidates.begin(), search.candidates.end(), Better);
      if (search.candidates.empty()) continue;
      const Candidate& best = search.candidates.front();
      if (!Worthwhile(problem_, outlook_.options(), needs_[need], best)) continue;
      draft.Apply(best);
      answer.picks.push_back({.need = need, .candidate = 0});
    }
    answer.objective = Objective(draft);
    return answer;
  }

  Answer Neighbourhood(Answer best, Random& random) {
    if (best.picks.size() < 2) return best;
    for (int round = 0; round < outlook_.options().rounds; ++round) {
      Answer trial = best;
      const std::size_t out = 1 + random.Below(2);
      std::vector<std::size_t> missing;
      for (std::size_t i = 0; i < out && !trial.picks.empty(); ++i) {
        const std::size_t victim = random.Below(trial.picks.size());
        missing.push_back(trial.picks[victim].need);
        trial.picks.erase(trial.picks.begin() + static_cast<std::ptrdiff_t>(victim));
      }
      std::optional<Draft> draft = Replay(trial.picks);
      if (!draft) continue;
      while (!missing.empty()) {
        if (!InsertMostRegretted(*draft, trial, missing)) break;
      }
      trial.objective = Objective(*draft) + Unanswered(trial);
      if (trial.objective < best.objective - 1e-9) best = trial;
    }
    return best;
  }

  Answer Genetic(Answer seed, Random& random);

  double Unanswered(const Answer& answer) const {
    // A mandatory need that nobody answers is worse than any cost.
    double missing = 0;
    for (std::size_t need = 0; need < needs_.size(); ++need) {
      const auto found = found_.seen.find(need);
      if (!needs_[need].mandatory || found == found_.seen.end() || found->second.candidates.empty())
        continue;
      const bool answered = std::any_of(answer.picks.begin(), answer.picks.end(),
                                        [need](const Pick& pick) { return pick.need == need; });
      missing += answered ? 0 : 1e6;
    }
    return missing;
  }

  void Keep(const Answer& answer) {
    Draft draft(outlook_);
    for (const Pick& pick : answer.picks) {
      std::optional<Candidate> candidate = Fitting(draft, pick);
      if (!candidate) continue;
      draft.Apply(*candidate);
      found_.actions.push_back(*candidate);
      found_.needs.push_back(pick.need);
    }
    found_.objective = draft.objective();
  }

 private:
  static double Objective(const Draft& draft) {
    double broken = 0;  // a destination that cannot carry it is worse than any cost
    for (const Candidate& action : draft.actions()) broken += action.keeps_target ? 0 : 1e3;
    return draft.objective() + broken;
  }

  bool MayAdd(const Draft& draft, const Need& need) const {
    return need.new_shard_allowed && draft.shards() < problem_.policy.max_shards;
  }

  // The candidate as it is in this draft; none if something is in its way.
  std::optional<Candidate> Fitting(const Draft& draft, const Pick& pick) const {
    Candidate candidate = found_.seen.at(pick.need).candidates[pick.candidate];
    if (draft.Sends(candidate.source) || draft.Moved(candidate.source, candidate.unit))
      return std::nullopt;
    if (candidate.destination < 0) {
      if (!MayAdd(draft, needs_[pick.need])) return std::nullopt;
    } else {
      const auto to = static_cast<std::size_t>(candidate.destination);
      if (draft.Receives(to) || draft.Sends(to)) return std::nullopt;
    }
    if (draft.Receives(candidate.source)) return std::nullopt;
    Evaluate(draft, candidate);
    if (!Worthwhile(problem_, outlook_.options(), needs_[pick.need], candidate))
      return std::nullopt;
    return candidate;
  }

  std::optional<Draft> Replay(const std::vector<Pick>& picks) const {
    Draft draft(outlook_);
    for (const Pick& pick : picks) {
      const std::optional<Candidate> candidate = Fitting(draft, pick);
      if (!candidate) return std::nullopt;
      draft.Apply(*candidate);
    }
    return draft;
  }

  // Regret: how much worse the second best is. False when none of the missing can be answered.
  bool InsertMostRegretted(Draft& draft, Answer& answer, std::vector<std::size_t>& missing) const {
    constexpr std::size_t kTried = 12;
    double most = -1;
    std::size_t which = 0;
    Pick pick;
    std::optional<Candidate> chosen;
    for (std::size_t m = 0; m < missing.size(); ++m) {
      const std::size_t count = found_.seen.at(missing[m]).candidates.size();
      std::optional<Candidate> best;
      std::size_t best_index = 0;
      double second = std::numeric_limits<double>::infinity();
      for (std::size_t i = 0; i < std::min(count, kTried); ++i) {
        std::optional<Candidate> candidate = Fitting(draft, {.need = missing[m], .candidate = i});
        if (!candidate) continue;
        const double cost = candidate->action_cost - candidate->benefit;
        if (!best || Better(*candidate, *best)) {
          if (best) second = best->action_cost - best->benefit;
          best = std::move(candidate);
          best_index = i;
        } else {
          second = std::min(second, cost);
        }
      }
      if (!best) continue;
      const double regret = std::min(1e6, second - (best->action_cost - best->benefit));
      if (regret <= most) continue;
      most = regret;
      which = m;
      pick = {.need = missing[m], .candidate = best_index};
      chosen = std::move(best);
    }
    if (!chosen) return false;
    draft.Apply(*chosen);
    answer.picks.push_back(pick);
    missing.erase(missing.begin() + static_cast<std::ptrdiff_t>(which));
    return true;
  }

  double Fitness(Answer& answer) const {
    Draft draft(outlook_);
    std::vector<Pick> kept;  // repair: what does not fit any more is dropped
    for (const Pick& pick : answer.picks) {
      const bool twice = std::any_of(
          kept.begin(), kept.end(), [&pick](const Pick& other) { return other.need == pick.need; });
      if (twice) continue;
      const std::optional<Candidate> candidate = Fitting(draft, pick);
      if (!candidate) continue;
      draft.Apply(*candidate);
      kept.push_back(pick);
    }
    answer.picks = std::move(kept);
    answer.objective = Objective(draft) + Unanswered(answer);
    return answer.objective;
  }

  Answer Mutant(const Answer& parent, const std::vector<std::size_t>& answerable,
                Random& random) const {
    Answer child = parent;
    const std::size_t kind = random.Below(3);
    if (kind == 0 && !child.picks.empty()) {  // another way for one need
      Pick& pick = child.picks[random.Below(child.picks.size())];
      pick.candidate = random.Below(found_.seen.at(pick.need).candidates.size());
    } else if (kind == 1 && child.picks.size() > 1) {  // another order
      std::swap(child.picks[random.Below(child.picks.size())],
                child.picks[random.Below(child.picks.size())]);
    } else {  // one more, or instead
      const std::size_t need = answerable[random.Below(answerable.size())];
      std::erase_if(child.picks, [need](const Pick& pick) { return pick.need == need; });
      child.picks.push_back(
          {.need = need, .candidate = random.Below(found_.seen.at(need).candidates.size())});
    }
    return child;
  }

  static Answer Crossed(const Answer& a, const Answer& b, Random& random) {
    Answer child;
    const std::size_t cut = a.picks.empty() ? 0 : random.Below(a.picks.size() + 1);
    child.picks.assign(a.picks.begin(), a.picks.begin() + static_cast<std::ptrdiff_t>(cut));
    for (const Pick& pick : b.picks) {
      const bool twice =
          std::any_of(child.picks.begin(), child.picks.end(),
                      [&pick](const Pick& other) { return other.need == pick.need; });
      if (!twice) child.picks.push_back(pick);
    }
    return child;
  }

  const Outlook& outlook_;
  const Problem& problem_;
  const std::vector<Need>& needs_;
  Found& found_;
};

Answer Searcher::Genetic(Answer seed, Random& random) {
  std::vector<std::size_t> answerable;
  for (const auto& [need, search] : found_.seen) {
    if (!search.candidates.empty()) answerable.push_back(need);
  }
  if (answerable.empty()) return seed;
  const auto better = [](const Answer& a, const Answer& b) { return a.objective < b.objective; };
  std::vector<Answer> population = {seed, Answer{}};
  Fitness(population[0]);
  Fitness(population[1]);
  while (static_cast<int>(population.size()) < outlook_.options().population) {
    population.push_back(Mutant(seed, answerable, random));
    Fitness(population.back());
  }
  int idle = 0;
  for (int round = 0; round < outlook_.options().generations && idle < 8; ++round) {
    std::stable_sort(population.begin(), population.end(), better);
    const double before = population.front().objective;
    const auto parent = [&]() -> const Answer& {  // tournament of three
      std::size_t best = random.Below(population.size());
      for (int i = 0; i < 2; ++i) best = std::min(best, random.Below(population.size()));
      return population[best];
    };
    std::vector<Answer> next(population.begin(), population.begin() + 2);
    while (next.size() < population.size()) {
      Answer child = Crossed(parent(), parent(), random);
      if (random.Chance(0.7)) child = Mutant(child, answerable, random);
      Fitness(child);
      next.push_back(std::move(child));
    }
    population = std::move(next);
    const double now = std::min_element(population.begin(), population.end(), better)->objective;
    idle = now < before - 1e-9 ? 0 : idle + 1;
  }
  return *std::min_element(population.begin(), population.end(), better);
}

}  // namespace

bool Worthwhile(const Problem& problem, const Options& options, const Need& need,
                const Candidate& candidate) {
  if (need.mandatory) {
    // A predicted breach may be less overload than the copy would make. What takes longer than the
    // forecast reaches shows no relief; it is offered so that the plan can say what forbids it.
    const Shard& source = problem.shards[candidate.source];
    const bool in_sight = std::ceil(candidate.time.p90_seconds / problem.bin_seconds) <=
                          static_cast<double>(source.fan.steps.size());
    return ((need.measured || !in_sight) && candidate.keeps_target) || candidate.benefit > 0;
  }
  const double ratio = problem.policy.benefit_ratio_percent / 100.0;
  return candidate.keeps_target && candidate.benefit >= ratio * candidate.action_cost &&
         (candidate.scenarios_better >= options.scenario_majority ||
          need.breach_probability >= options.breach_probability_to_act);
}

Found Search(const Outlook& outlook, const std::vector<Need>& needs, Random& random) {
  Found found;
  Searcher searcher(outlook, needs, found);
  Answer answer = searcher.Greedy();
  switch (outlook.options().optimiser) {
    case Optimiser::kGreedy:
      break;
    case Optimiser::kNeighbourhood:
      answer = searcher.Neighbourhood(std::move(answer), random);
      break;
    case Optimiser::kGenetic:
      answer = searcher.Genetic(std::move(answer), random);
      break;
  }
  searcher.Keep(answer);
  return found;
}

}  // namespace foreshard::planner
