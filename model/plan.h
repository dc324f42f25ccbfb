#pragma once

#include <string>
#include <vector>

#include "model/ids.h"
#include "model/key_space.h"
#include "model/load.h"

// What the planner answers: a value that can be printed, compared, rehearsed and carried out.

namespace foreshard::model {

enum class ActionType { kSplit, kMove, kMerge, kIsolate, kMoveKeys, kAddMember, kRemoveMember };
enum class PlanDecision { kNoChange, kWaiting, kRecommended, kExecuting, kBlocked };
enum class PlanReason {
  kNone,
  // why a change is wanted
  kPredictedBreach,
  kMeasuredBreach,
  kImbalance,
  kHotKey,
  kScaleIn,
  // why it is not done
  kFreezeWindow,
  kBudget,
  kCoolDown,
  kLowTrust,
  kStaleMetrics,
  kShortHistory,
  kHorizonTooShort,
  kNoDestination,
  kMigrationInFlight,
  kMaxShards,
  kNoSplitPoint,
  kNotReady,
  kNotWorthIt,
  kMode,
  kRehearsalFailed,
};

const char* ToString(ActionType type);        // "Split"
const char* ToString(PlanDecision decision);  // "Waiting"
const char* ToString(PlanReason reason);      // "PredictedBreach"; "" for kNone

struct PlannedStep {
  ActionType type = ActionType::kSplit;
  ShardId shard;        // source
  ShardId destination;  // empty: a new shard
  KeyRange range;       // what leaves
  std::string at;       // Split: the bound
  std::vector<std::string> keys;
  BinIndex start = 0;
  double bytes = 0;
  double p50_seconds = 0;
  double p80_seconds = 0;
  PlanReason reason = PlanReason::kNone;
  std::string text;  // this step's reason for people
  bool operator==(const PlannedStep&) const = default;
};

// A candidate that was looked at and not taken.
struct PlanAlternative {
  std::string text;
  double cost_member_hours = 0;  // J relative to NoChange; negative is better than doing nothing
  bool operator==(const PlanAlternative&) const = default;
};

struct Plan {
  BinIndex made_at = 0;
  PlanDecision decision = PlanDecision::kNoChange;
  PlanReason reason = PlanReason::kNone;
  std::vector<PlannedStep> steps;
  std::vector<PlanAlternative> alternatives;
  std::string summary;            // one sentence; NoChange is explained as well
  BinIndex breach_at = 0;         // first bin whose planned quantile passes the limit; 0: none
  double breach_probability = 0;  // of the worst shard within the horizon
  double overload_minutes_avoided = 0;
  double cost_member_hours = 0;     // of the actions
  double benefit_member_hours = 0;  // J(NoChange) - J(plan), action costs apart
  bool guard = false;               // the reactive guard asked, not the forecast
  bool operator==(const Plan&) const = default;
};

}  // namespace foreshard::model
