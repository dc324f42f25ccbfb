#include "migration/phase.h"

#include <fmt/format.h>

#include "migration/limits.h"

namespace foreshard::migration {

const char* ToString(Phase phase) {
  switch (phase) {
    case Phase::kPlanned:
      return "Planned";
    case Phase::kPreflight:
      return "Preflight";
    case Phase::kPreparing:
      return "Preparing";
    case Phase::kCopying:
      return "Copying";
    case Phase::kCatchingUp:
      return "CatchingUp";
    case Phase::kVerifying:
      return "Verifying";
    case Phase::kReady:
      return "Ready";
    case Phase::kCutover:
      return "Cutover";
    case Phase::kSoaking:
      return "Soaking";
    case Phase::kRollingBack:
      return "RollingBack";
    case Phase::kCleaningUp:
      return "CleaningUp";
    case Phase::kCompleted:
      return "Completed";
    case Phase::kRolledBack:
      return "RolledBack";
    case Phase::kAborting:
      return "Aborting";
    case Phase::kAborted:
      return "Aborted";
  }
  Unreachable(phase);
}

Result<Phase> ParsePhase(std::string_view text) {
  if (text.empty()) return Phase::kPlanned;
  for (const Phase phase : kPhases) {
    if (text == ToString(phase)) return phase;
  }
  return Error::GiveUp(fmt::format("status.phase: '{}' is not a phase of a migration", text),
                       "UnknownPhase");
}

bool MayFollow(Phase from, Phase to) {
  switch (from) {
    case Phase::kPlanned:
      return to == Phase::kPreflight || to == Phase::kAborting;
    case Phase::kPreflight:
      return to == Phase::kPreparing || to == Phase::kAborting || to == Phase::kCompleted;
    case Phase::kPreparing:
      return to == Phase::kCopying || to == Phase::kAborting;
    case Phase::kCopying:
      return to == Phase::kCatchingUp || to == Phase::kAborting;
    case Phase::kCatchingUp:
      return to == Phase::kVerifying || to == Phase::kAborting;
    case Phase::kVerifying:
      return to == Phase::kReady || to == Phase::kAborting;
    case Phase::kReady:
      return to == Phase::kCutover || to == Phase::kVerifying || to == Phase::kAborting;
    case Phase::kCutover:
      return to == Phase::kSoaking || to == Phase::kReady || to == Phase::kAborting;
    case Phase::kSoaking:
      return to == Phase::kCleaningUp || to == Phase::kRollingBack;
    case Phase::kRollingBack:
      return to == Phase::kCleaningUp || to == Phase::kSoaking;
    case Phase::kCleaningUp:
      return to == Phase::kCompleted || to == Phase::kRolledBack;
    case Phase::kAborting:
      return to == Phase::kAborted;
    case Phase::kCompleted:
    case Phase::kRolledBack:
    case Phase::kAborted:
      return false;
  }
  Unreachable(from);
}

bool IsTerminal(Phase phase) {
  switch (phase) {
    case Phase::kCompleted:
    case Phase::kRolledBack:
    case Phase::kAborted:
      return true;
    case Phase::kPlanned:
    case Phase::kPreflight:
    case Phase::kPreparing:
    case Phase::kCopying:
    case Phase::kCatchingUp:
    case Phase::kVerifying:
    case Phase::kReady:
    case Phase::kCutover:
    case Phase::kSoaking:
    case Phase::kRollingBack:
    case Phase::kCleaningUp:
    case Phase::kAborting:
      return false;
  }
  Unreachable(phase);
}

bool MayAbort(Phase phase) {
  switch (phase) {
    case Phase::kPlanned:
    case Phase::kPreflight:
    case Phase::kPreparing:
    case Phase::kCopying:
    case Phase::kCatchingUp:
    case Phase::kVerifying:
    case Phase::kReady:
      return true;
    case Phase::kCutover:
      return true;  // By revoking the attempt; if D opened first, too late.
    case Phase::kSoaking:
    case Phase::kRollingBack:
      return false;  // Clients write on D now. This is a rollback.
    case Phase::kCleaningUp:
    case Phase::kCompleted:
    case Phase::kRolledBack:
    case Phase::kAborting:
    case Phase::kAborted:
      return false;
  }
  Unreachable(phase);
}

bool HasRows(Phase phase) {
  switch (phase) {
    case Phase::kPlanned:
    case Phase::kPreflight:
      return false;
    case Phase::kPreparing:
    case Phase::kCopying:
    case Phase::kCatchingUp:
    case Phase::kVerifying:
    case Phase::kReady:
    case Phase::kCutover:
    case Phase::kSoaking:
    case Phase::kRollingBack:
    case Phase::kCleaningUp:
    case Phase::kCompleted:
    case Phase::kRolledBack:
      return true;
    case Phase::kAborting:
    case Phase::kAborted:
      return true;  // unless it came from Planned or Preflight; Enter makes what is missing
  }
  Unreachable(phase);
}

bool IsMoversPhase(Phase phase) {
  switch (phase) {
    case Phase::kPreparing:
    case Phase::kCopying:
    case Phase::kCatchingUp:
    case Phase::kVerifying:
    case Phase::kSoaking:
    case Phase::kCleaningUp:
    case Phase::kAborting:
      return true;
    case Phase::kPlanned:
    case Phase::kPreflight:
    case Phase::kReady:
    case Phase::kCutover:
    case Phase::kRollingBack:
    case Phase::kCompleted:
    case Phase::kRolledBack:
    case Phase::kAborted:
      return false;
  }
  Unreachable(phase);
}

bool IsSwitching(Phase phase) { return phase == Phase::kCutover || phase == Phase::kRollingBack; }

std::optional<Phase> NextWhenDone(Phase phase) {
  switch (phase) {
    case Phase::kPlanned:
      return Phase::kPreflight;
    case Phase::kPreflight:
      return Phase::kPreparing;
    case Phase::kPreparing:
      return Phase::kCopying;
    case Phase::kCopying:
      return Phase::kCatchingUp;
    case Phase::kCatchingUp:
      return Phase::kVerifying;
    case Phase::kVerifying:
      return Phase::kReady;
    case Phase::kReady:
      return Phase::kCutover;
    case Phase::kAborting:
      return Phase::kAborted;
    case Phase::kCutover:
    case Phase::kSoaking:
    case Phase::kRollingBack:
    case Phase::kCleaningUp:
    case Phase::kCompleted:
    case Phase::kRolledBack:
    case Phase::kAborted:
      return std::nullopt;
  }
  Unreachable(phase);
}

std::optional<std::chrono::seconds> LimitOf(Phase phase) {
  switch (phase) {
    case Phase::kPreflight:
      return kPreflightLimit;
    case Phase::kPreparing:
      return kPreparingLimit;
    case Phase::kReady:
      return kReadyLimit;
    case Phase::kPlanned:
    case Phase::kCopying:
    case Phase::kCatchingUp:
    case Phase::kVerifying:
    case Phase::kCutover:
    case Phase::kSoaking:
    case Phase::kRollingBack:
    case Phase::kCleaningUp:
    case Phase::kCompleted:
    case Phase::kRolledBack:
    case Phase::kAborting:
    case Phase::kAborted:
      return std::nullopt;
  }
  Unreachable(phase);
}

}  // namespace foreshard::migration
