#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "operator/controllers/migration_observe.h"

// What to do next for one migration. Pure: the time is a field of the observation.

namespace foreshard::op {

enum class MigrationStep {
  kNothing,  // until something changes
  kWait,     // look again
  // the API
  kAddFinalizer,
  kRemoveFinalizer,
  kWriteStatus,
  kCreateJob,
  kDeleteJob,
  kPublishTable,
  // the shards
  kEnterSource,
  kEnterDestination,
  kMakeGate,
  kMakeGateTriggers,
  kMakeReverseSlot,
  kRaiseSequences,
  kAdvanceSlotToNow,
  kAdvanceSlotToDrained,
  kCloseSource,
  kReopenSource,
  kRevokeDestination,
  kDisableForward,
  kMakeReverseSubscription,
  kDropForwardSubscription,
  kDropForwardSlot,
  kTellLoser,
  kEndStaleConnections,
  kSettleSource,
  kSettleDestination,
  // both shards and the routers
  kCutoverTurn,
};

const char* ToString(MigrationStep step);

struct MigrationDecision {
  MigrationStep step = MigrationStep::kNothing;
  std::optional<model::ShardMigrationStatus> status{};  // kWriteStatus
  std::optional<model::RoutingTable> table{};           // kPublishTable
  model::Epoch epoch{};                                 // kCloseSource, kReopenSource, kTellLoser
  std::chrono::milliseconds look_again{1'000};
  std::string reason{};  // kWait: why, CamelCase
  std::string message{};
};

MigrationDecision DecideMigration(const MigrationObservation& seen);

// Why the migration has to stop before its cutover, as a condition's reason; nothing: it does not.
struct StopReason {
  std::string reason;
  std::string message;
  bool failure = false;  // nobody asked for it
};
std::optional<StopReason> WhyStop(const MigrationObservation& seen);

// The phases, each in its file. REQUIRES: the set is there, and number and spec from Preflight on.
MigrationDecision DecidePlanned(const MigrationObservation& seen);
MigrationDecision DecidePreflight(const MigrationObservation& seen);
MigrationDecision DecidePreparing(const MigrationObservation& seen);
MigrationDecision DecideMoversPhase(const MigrationObservation& seen);
MigrationDecision DecideReady(const MigrationObservation& seen);
MigrationDecision DecideSwitching(const MigrationObservation& seen);
MigrationDecision DecideSoaking(const MigrationObservation& seen);
MigrationDecision DecideCleaningUp(const MigrationObservation& seen);
MigrationDecision DecideAborting(const MigrationObservation& seen);
MigrationDecision DecideTerminal(const MigrationObservation& seen);

// --- shared by the phases ---------------------------------------------------------------------

MigrationDecision Do(MigrationStep step);
MigrationDecision WaitFor(std::string reason, std::string message,
                          std::chrono::milliseconds look_again = std::chrono::milliseconds(1'000));

// Rows of both shards at this phase and our token. Something: do that first.
std::optional<MigrationDecision> EnterFirst(const MigrationObservation& seen);
// A Job whose mover was told other keys: a pin came or went before the table said that they move.
// Since then K stands still. Something: do that first.
std::optional<MigrationDecision> DropOldJob(const MigrationObservation& seen);
// A Job that runs. Something: do that first.
std::optional<MigrationDecision> JobFirst(const MigrationObservation& seen);
// The mover says the phase is finished.
bool MoverDone(const MigrationObservation& seen);
// `side` holds a row of another migration with our number.
bool IsForeign(const MigrationObservation& seen, const std::optional<migration::ShardSeen>& side);
// A shard failed over since its copy began.
bool IdentityChanged(const MigrationObservation& seen);
// The table without entries in `moving` that nobody will take away any more: their migration is
// over or gone. An old leader can leave one behind, since object and table are not written
// together. Nothing: there is none.
std::optional<MigrationDecision> DropDeadMarks(const MigrationObservation& seen);
// Leaves `moving`, drops the Job, then `last`: the end of Aborting and CleaningUp.
MigrationDecision EndWith(const MigrationObservation& seen, model::ShardMigrationStatus last);

}  // namespace foreshard::op
