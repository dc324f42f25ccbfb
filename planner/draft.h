#pragma once

#include <map>
#include <string>
#include <vector>

#include "model/plan.h"
#include "planner/move_time.h"
#include "planner/outlook.h"

// A fleet as it would be after some actions, and the actions themselves.

namespace foreshard::planner {

inline constexpr std::size_t kWholeShard = SIZE_MAX;  // Candidate::unit of a merge

struct Candidate {
  model::ActionType type = model::ActionType::kSplit;
  std::size_t source = 0;              // index into Problem::shards
  std::size_t unit = 0;                // index into its units
  std::size_t count = 1;               // neighbouring units that leave together, from `unit` on
  int destination = -1;                // index; -1: a new shard
  std::string at = {};                 // Split
  model::KeyRange range = {};          // what leaves
  std::vector<std::string> keys = {};  // Isolate, MoveKeys
  double share = 0;                    // of the source's client load
  double part = 1;                     // of the unit's load
  double bytes = 0;
  MoveTime time = {};
  std::size_t begin = 0;  // steps from now until it starts
  // It follows other moves of its source. Its load counts as if it left at once, which is the safe
  // side for where it goes; its copy does not burden the source on top of theirs.
  bool later_copies = false;
  // Filled by Evaluate:
  double source_peak = 0;  // planned quantile after the cutover, highest of the horizon
  double destination_peak = 0;
  double source_planned = 0;  // what is held to the target, see PlannedLoad
  double destination_planned = 0;
  double dip_peak = 0;     // of both, while copying
  double action_cost = 0;  // member-hours
  double benefit = 0;      // J(NoChange) - J(this), action cost apart
  double overload_minutes_avoided = 0;
  double later_minutes_avoided = 0;  // after the fans, see Reading::later_minutes
  double scenarios_better = 0;       // share of scenarios in which this beats NoChange
  bool keeps_target = false;         // both shards stay at or below the target after the cutover
};

class Draft {
 public:
  explicit Draft(const Outlook& outlook) : outlook_(&outlook) {}

  const Outlook& outlook() const { return *outlook_; }
  const Problem& problem() const { return outlook_->problem(); }
  const Matrix& Of(std::size_t shard) const;
  const Reading& ReadingOf(std::size_t shard) const;  // without any further change
  // What the source keeps after the candidate. The newest answer is remembered.
  const Reading& Without(const Candidate& candidate, const Matrix& leaving) const;
  // What leaves with the candidate; `scratch` holds it where it is not a unit's own.
  const Matrix& Leaving(const Candidate& candidate, Matrix& scratch) const;

  bool Sends(std::size_t shard) const { return sends_.contains(shard); }
  bool Receives(std::size_t shard) const { return receives_.contains(shard); }
  bool Moved(std::size_t shard, std::size_t unit) const;
  int shards() const { return shards_ + static_cast<int>(problem().shards.size()); }
  double bytes() const { return bytes_; }
  double objective() const { return objective_; }  // J relative to NoChange; less is better
  const std::vector<Candidate>& actions() const { return actions_; }

  // REQUIRES: Evaluate() has seen it in this draft.
  void Apply(const Candidate& candidate);

 private:
  const Outlook* outlook_;
  std::map<std::size_t, Matrix> changed_;
  mutable std::map<std::size_t, Reading> readings_;
  mutable Candidate without_;  // of which kept_ is the answer
  mutable Reading kept_;       // by_path is empty while there is none
  std::map<std::size_t, int> sends_;
  std::map<std::size_t, int> receives_;
  std::vector<Candidate> actions_;
  int shards_ = 0;
  double bytes_ = 0;
  double objective_ = 0;
};

// First step with the new owner, if the p80 of the duration holds.
std::size_t CutoverStep(const Problem& problem, const Candidate& candidate);

}  // namespace foreshard::planner
