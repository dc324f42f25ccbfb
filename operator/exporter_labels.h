#pragma once

#include <array>
#include <vector>

// The values of labels that are known beforehand: their series are there from the start, at zero.

namespace foreshard::op {

inline constexpr std::array<const char*, 4> kResults = {"success", "requeue_after", "error",
                                                        "terminal_error"};
inline constexpr std::array<const char*, 5> kDecisions = {"NoChange", "Waiting", "Recommended",
                                                          "Executing", "Blocked"};
inline constexpr std::array<const char*, 5> kMethods = {"GET", "POST", "PUT", "PATCH", "DELETE"};
inline constexpr std::array<const char*, 5> kTypes = {"Split", "Move", "Merge", "Isolate",
                                                      "MoveKeys"};
// The reasons of the condition Failed, as docs/runbooks/migration-failed.md and
// migration-refused.md explain them; a counter that is born at 1 would hide its first failure from
// rate().
inline constexpr const char* kFailures[] = {
    // after the copy began
    "ShardFailedOver", "TooManyAttempts", "DeadlineExceeded", "PhaseTookTooLong", "SlotLost",
    "ReverseSlotLost", "DigestMismatch", "ApplyFailed", "SchemaCopyFailed", "SchemaDump",
    "SnapshotGone", "TableRewritten", "NumberTaken", "MoverFailed",
    // refused
    "UnknownShard", "NotOnePiece", "RangeNotOwned", "RangeEmpty", "KeysAreMoving",
    "TypeNotSupported", "NoPrimaryKey", "UniqueWithoutKey", "ReplicaIdentityWithoutKey",
    "KeyMissing", "KeyNullable", "KeyGenerated", "KeyType", "KeyCollation", "PartOfAnotherTable",
    "ForeignPartition", "PartitionDetaching", "PartitionsDiffer", "NotATable", "UnloggedTable",
    "LargeObjects", "TableMissing", "SchemaDiffers", "TriggerFiresOnReplication",
    "TriggerAfterGate", "FedBySubscription", "DestinationNotEmpty", "WalLevelTooLow",
    "NoFreeReplicationSlot", "NoFreeWalSender", "NoFreeReplicationWorker", "OldPreparedTransaction",
    "LongTransaction", "NotEnoughDisk", "WalFuseTooSmall"};
inline constexpr std::array<const char*, 15> kPhases = {
    "Planned",    "Preflight", "Preparing", "Copying",    "CatchingUp",
    "Verifying",  "Ready",     "Cutover",   "Soaking",    "RollingBack",
    "CleaningUp", "Aborting",  "Completed", "RolledBack", "Aborted"};

// Of CutoverReport::steps.
inline constexpr const char* kCutoverSteps[] = {"hold",   "close_gate", "take",    "open_gate",
                                                "revoke", "reopen",     "release", "publish",
                                                "look",   "pause"};

inline constexpr const char* kAdmissions[] = {"allowed", "refused", "unreadable", "cut_off"};

// Bounds of histograms.
inline const std::vector<double> kPassBuckets = {0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60};
inline const std::vector<double> kHoldBuckets = {0.001, 0.002, 0.005, 0.01, 0.02, 0.05,
                                                 0.1,   0.2,   0.5,   1,    2,    5};
inline const std::vector<double> kPhaseBuckets = {0.1, 1,   5,    15,       60,
                                                  300, 900, 3600, 4 * 3600, 24 * 3600};
inline const std::vector<double> kPlanBuckets = {0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 5};
inline const std::vector<double> kRatioBuckets = {0.25, 0.5, 0.75, 0.9, 1.1, 1.25, 1.5, 2, 4};

}  // namespace foreshard::op
