#pragma once

#include <optional>
#include <string>

#include "operator/controllers/cutover_loop.h"
#include "operator/controllers/migration_decide.h"
#include "operator/controllers/migration_observe.h"

// The status that follows, built in one place: what a person reads of a migration.

namespace foreshard::op {

// A move of the machine: record + 1, the phase's clock starts. REQUIRES: MayFollow, or the first
// status.
model::ShardMigrationStatus MovedTo(const MigrationObservation& seen, migration::Phase next);

// MovedTo(kAborting) with the reason in `Failed` or `Aborted`.
model::ShardMigrationStatus StoppedBy(const MigrationObservation& seen, const StopReason& why);

// The end of an attempt, after the table was published. REQUIRES: decision.step is kMoveTo.
model::ShardMigrationStatus AfterAttempt(const MigrationObservation& seen,
                                         const migration::CutoverDecision& decision,
                                         const CutoverReport& report);

// The phase that `status` has just left served its source's clients like this.
// REQUIRES: `status` is one of a move from `seen`.
void TellService(model::ShardMigrationStatus& status, const MigrationObservation& seen,
                 const migration::ServiceSeen& service);

// The terminal phase.
model::ShardMigrationStatus EndedAs(const MigrationObservation& seen, migration::Phase end);

void Claim(model::ShardMigrationStatus& status, const MigrationObservation& seen,
           std::string_view type, bool holds, std::string reason, std::string message);

// What changed without a move: progress, reason of waiting, generation. Nothing: the status says it
// all.
std::optional<model::ShardMigrationStatus> Upkeep(const MigrationObservation& seen,
                                                  const std::string& reason,
                                                  const std::string& message);

}  // namespace foreshard::op
