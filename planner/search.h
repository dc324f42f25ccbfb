#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/random.h"
#include "planner/candidate.h"

// Which set of actions serves the whole fleet best: one action for each shard that needs help, so
// that they do not stand in each other's way.
//
// A greedy seed (most urgent shard first, its best candidate), then a search that improves it: by
// default a large-neighbourhood search (take one or two actions out, put them back in another order
// where regret is greatest), or a genetic algorithm over lists of actions. Both judge by the same
// Draft and stop after a count, so the same seed gives the same plan.

namespace foreshard::planner {

// A shard that needs help, most urgent first in the list.
struct Need {
  std::size_t shard = 0;
  bool mandatory = false;  // a breach is measured or predicted
  bool new_shard_allowed = false;
  bool measured = false;  // the guard asks: what moved lately may move again
  double breach_probability = 0;
};

struct Found {
  std::vector<Candidate> actions;               // by need
  std::vector<std::size_t> needs;               // actions[i] answers needs[i]
  std::map<std::size_t, CandidateSearch> seen;  // by need: all that was looked at, best first
  double objective = 0;
};

// Whether a candidate may be taken for that need: what is optional has to pay.
bool Worthwhile(const Problem& problem, const Options& options, const Need& need,
                const Candidate& candidate);

Found Search(const Outlook& outlook, const std::vector<Need>& needs, Random& random);

}  // namespace foreshard::planner
