#pragma once

#include <array>
#include <chrono>
#include <optional>
#include <string_view>

#include "base/result.h"

// The phases of a migration and which one may follow which.
//
//   Planned > Preflight > Preparing > Copying > CatchingUp > Verifying > Ready <---+
//      |          |           |          |           |            |     ^  |       | revoked(n)
//      |          |           |          |           |            +-----+  |       | S open again
//      +----------+-----------+----------+-----------+------------+--------+       |
//                                            Aborted < Aborting <----------+--> Cutover
//                                                                                  | open(n)
//      Completed <-- CleaningUp <---------------- soak over -------------------- Soaking <---+
//     RolledBack <--     ^                                                         |         |
//                        +-------------- S open(n) --------------------------- RollingBack --+
//                                                                                 revoked(n)
//
// Not in the picture: Ready -> Verifying (waited too long), Preflight -> Completed (dryRun),
// Cutover -> Aborting (only after revoked(n) and S open again).

namespace foreshard::migration {

enum class Phase {
  kPlanned,
  kPreflight,
  kPreparing,
  kCopying,
  kCatchingUp,
  kVerifying,
  kReady,
  kCutover,
  kSoaking,
  kRollingBack,
  kCleaningUp,
  kCompleted,
  kRolledBack,
  kAborting,
  kAborted,
};

inline constexpr std::array kPhases = {
    Phase::kPlanned,    Phase::kPreflight,   Phase::kPreparing,  Phase::kCopying,
    Phase::kCatchingUp, Phase::kVerifying,   Phase::kReady,      Phase::kCutover,
    Phase::kSoaking,    Phase::kRollingBack, Phase::kCleaningUp, Phase::kCompleted,
    Phase::kRolledBack, Phase::kAborting,    Phase::kAborted,
};

const char* ToString(Phase phase);  // "CatchingUp", as in the API and in the rows

// "" is Planned: a new object has no phase. Errors: kGiveUp with the text.
Result<Phase> ParsePhase(std::string_view text);

// An arrow of the picture or of the line below it. No phase follows itself.
bool MayFollow(Phase from, Phase to);

// Over: nothing is done any more, nothing is left on the shards.
bool IsTerminal(Phase phase);

// Abort means: nothing was ever acknowledged by the destination, so it may be thrown away.
bool MayAbort(Phase phase);

// The rows of `foreshard.migration` exist from here on.
bool HasRows(Phase phase);

// The mover works in it and ends it with `progress.done`.
bool IsMoversPhase(Phase phase);

// The gates change hands here: an attempt runs.
bool IsSwitching(Phase phase);

// What follows when the phase is finished and nobody asked for something else; nothing for those
// that end by a decision of their own (Cutover, Soaking, RollingBack, CleaningUp) or never.
std::optional<Phase> NextWhenDone(Phase phase);

// How long the phase may take before it counts as failed; nothing: no limit of its own.
std::optional<std::chrono::seconds> LimitOf(Phase phase);

}  // namespace foreshard::migration
