#pragma once

#include "operator/controllers/migration_decide.h"
#include "operator/controllers/migration_observe.h"
#include "operator/routers/router_control.h"

// Carries out one decision: at most one effect. Its reply is not trusted; the next observation
// looks.

namespace foreshard::op {

struct MigrationHands {
  MigrationStore& store;
  ShardPair shards;                  // set where the decision needs them
  RouterControl* routers = nullptr;  // the same
  MigrationMemory& memory;
  const Clock& clock;
};

// REQUIRES: decision.step is not kCutoverTurn (the loop does that).
Status ActOnMigration(const MigrationObservation& seen, const MigrationDecision& decision,
                      MigrationHands hands, Deadline deadline);

}  // namespace foreshard::op
