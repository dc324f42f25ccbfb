#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "model/plan.h"
#include "operator/controllers/scaling_observe.h"
#include "operator/forecasts/load_book.h"
#include "operator/records/move_record.h"
#include "planner/planner.h"

// What the set's load will be, which change it needs, and what to write down about it. Pure: the
// memory is a value that is passed in and handed back changed; all of it can be rebuilt from the
// metrics, the finished migrations and their records.

namespace foreshard::op {

struct ScalingMemory {
  std::optional<LoadBook> loads;
  planner::Memory planner;
  std::set<std::string> learned;  // uids of migrations whose outcome was learned
  std::vector<MoveRecord> kept;   // of migrations that are over; their objects may be gone
  model::BinIndex planned_at = 0;
  bool learns_beside = false;  // somebody carries out loads->Due()
  SavedForecasts saved{};      // of an earlier process; goes into the first load book
};

// What a LoadEvent is told: whether the forecast reckons with it.
struct EventVerdict {
  model::LoadEvent event;
  model::Condition condition;
};

struct ScalingDecision {
  model::Plan plan;
  model::ShardSetStatus status;                    // the fields of the scaling controller
  std::optional<model::ShardMigration> migration;  // to create
  std::vector<EventVerdict> events;                // whose condition changes
  bool has_plan = false;                           // false: mode Off, or the set is not up
};

ScalingDecision DecideScaling(const ScalingObservation& seen, ScalingMemory& memory);

// The planner's question, from what was seen. For tests and for `plan --what-if`.
planner::Problem MakeProblem(const ScalingObservation& seen, const ScalingMemory& memory);

}  // namespace foreshard::op
