#pragma once

#include <map>
#include <string>
#include <vector>

#include "model/plan.h"
#include "planner/options.h"
#include "planner/problem.h"

// "What if traffic triples on Friday?": what the planner would do, cycle by cycle, if clients asked
// so much more, and what would be left over the limit.
//
// The same MakePlan() is asked in every bin from the moment at which the growth comes into the
// horizon, with the load multiplied in its hours; what it would carry out is carried out in a copy
// of the fleet, so that it sees its own work in the next cycle. Moves take their p80 time. The mode
// is taken as Auto: what it recommends needs approval at the same times.

namespace foreshard::planner {

// A change of demand that history cannot show. REQUIRES: from < to, factor >= 0.
struct Growth {
  model::BinIndex from = 0;  // half-open
  model::BinIndex to = 0;
  double factor = 1;                        // of what clients ask
  std::vector<model::ShardId> shards = {};  // empty: all
};

// What each shard usually carries, utilisation over one season: bin b is at place
// (b / step_bins) mod size. For bins that no forecast reaches.
struct UsualLoad {
  int step_bins = 1;
  std::map<model::ShardId, std::vector<double>> utilisation;
};

// Peaks in the hours of the growth, planned quantile.
struct WhatIfShard {
  model::ShardId id;
  double usual = 0;          // without the growth
  double without = 0;        // with it, if nothing were done
  model::BinIndex when = 0;  // of that peak
  double planned = 0;        // with what the planner would do; copies included
  bool created = false;      // a new shard: the first two mean nothing
};

struct WhatIfAction {
  model::BinIndex start = 0;
  model::BinIndex end = 0;  // the new owner serves
  model::PlannedStep step;
  std::string summary;  // of the plan that began it
};

struct WhatIf {
  std::vector<WhatIfAction> actions;
  std::vector<WhatIfShard> shards;
  double overload_minutes_without = 0;  // expected, of all shards together
  double overload_minutes_planned = 0;
  int shards_before = 0;
  int shards_after = 0;
  std::string left;  // the last plan's sentence while a shard is over its limit in spite of it all
  bool forecast_reaches = false;  // the growth begins within the forecast; else usual load is taken
};

WhatIf AskWhatIf(const Problem& problem, const UsualLoad& usual, const Growth& growth,
                 const Options& options);

}  // namespace foreshard::planner
