#include "model/plan.h"

#include "base/check.h"

namespace foreshard::model {

const char* ToString(ActionType type) {
  switch (type) {
    case ActionType::kSplit:
      return "Split";
    case ActionType::kMove:
      return "Move";
    case ActionType::kMerge:
      return "Merge";
    case ActionType::kIsolate:
      return "Isolate";
    case ActionType::kMoveKeys:
      return "MoveKeys";
    case ActionType::kAddMember:
      return "AddMember";
    case ActionType::kRemoveMember:
      return "RemoveMember";
  }
  Unreachable(type);
}

const char* ToString(PlanDecision decision) {
  switch (decision) {
    case PlanDecision::kNoChange:
      return "NoChange";
    case PlanDecision::kWaiting:
      return "Waiting";
    case PlanDecision::kRecommended:
      return "Recommended";
    case PlanDecision::kExecuting:
      return "Executing";
    case PlanDecision::kBlocked:
      return "Blocked";
  }
  Unreachable(decision);
}

const char* ToString(PlanReason reason) {
  switch (reason) {
    case PlanReason::kNone:
      return "";
    case PlanReason::kPredictedBreach:
      return "PredictedBreach";
    case PlanReason::kMeasuredBreach:
      return "MeasuredBreach";
    case PlanReason::kImbalance:
      return "Imbalance";
    case PlanReason::kHotKey:
      return "HotKey";
    case PlanReason::kScaleIn:
      return "ScaleIn";
    case PlanReason::kFreezeWindow:
      return "FreezeWindow";
    case PlanReason::kBudget:
      return "Budget";
    case PlanReason::kCoolDown:
      return "CoolDown";
    case PlanReason::kLowTrust:
      return "LowTrust";
    case PlanReason::kStaleMetrics:
      return "StaleMetrics";
    case PlanReason::kShortHistory:
      return "ShortHistory";
    case PlanReason::kHorizonTooShort:
      return "HorizonTooShort";
    case PlanReason::kNoDestination:
      return "NoDestination";
    case PlanReason::kMigrationInFlight:
      return "MigrationInFlight";
    case PlanReason::kMaxShards:
      return "MaxShards";
    case PlanReason::kNoSplitPoint:
      return "NoSplitPoint";
    case PlanReason::kNotReady:
      return "NotReady";
    case PlanReason::kNotWorthIt:
      return "NotWorthIt";
    case PlanReason::kMode:
      return "Mode";
    case PlanReason::kRehearsalFailed:
      return "RehearsalFailed";
  }
  Unreachable(reason);
}

}  // namespace foreshard::model
