#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "base/clock.h"
#include "operator/controllers/cutover_loop.h"
#include "operator/controllers/migration_act.h"
#include "operator/controllers/migration_decide.h"
#include "operator/controllers/migration_observe.h"
#include "operator/metrics/service_health.h"
#include "operator/reconciler.h"
#include "operator/routers/router_control.h"

namespace foreshard::op {

struct MigrationControllerOptions {
  MigrationStore& store;
  migration::ShardDirectory& shards;
  RouterDirectory& routers;
  const Clock& clock;
  std::function<LeaseSeen()> lease;
  // Waits a little inside a cutover; false: the process is to end.
  std::function<bool(std::chrono::milliseconds)> pause;
  // Called after each look, for metrics. May be empty.
  std::function<void(const MigrationObservation&)> on_look{};
  // Tells whether the gaining shard serves worse in the soak. None: no rollback by itself.
  ServiceHealth* health = nullptr;
  // Called after each attempt, for metrics. May be empty.
  std::function<void(const model::ShardMigration&, const migration::CutoverDecision&,
                     const CutoverReport&)>
      on_attempt{};
  // Keeps what a migration that is over has taught; called at least once for each, before its
  // finalizer goes. May be empty.
  std::function<Status(const MigrationObservation&, Deadline)> keep_record{};
};

// Drives every ShardMigration of this operator, one pass at a time.
//
// Owner:   wiring. Threads: one worker per migration at a time; different migrations from different
// workers are not
//          supported by one object: the queue gives this controller one worker.
class MigrationController final : public Reconciler {
 public:
  explicit MigrationController(MigrationControllerOptions options);
  ~MigrationController() override;

  Result<Outcome> Reconcile(const kube::ObjectRef& ref, Deadline deadline) override;

  // Reconcile in two halves, which the simulator calls in different ticks, so that an effect can
  // come late.
  struct Pass {
    MigrationObservation seen;
    MigrationDecision decision;
  };
  Result<std::optional<Pass>> Look(const kube::ObjectRef& ref, Deadline deadline);
  Result<Outcome> Act(const Pass& pass, Deadline deadline);
  // One turn of a cutover instead of all of them; Act() otherwise runs it to its end.
  Result<Outcome> ActOneTurn(const Pass& pass, Deadline deadline);

 private:
  struct Entry {
    std::string uid;
    std::string spec_json;  // of the opened shards
    std::unique_ptr<migration::Shard> source;
    std::unique_ptr<migration::Shard> destination;
    std::optional<migration::MigrationSpec> spec;  // the loop borrows it
    std::unique_ptr<CutoverLoop> loop;
    model::Token loop_token;
    MigrationMemory memory;
    bool recorded = false;  // by this process
  };

  Status OpenShards(Entry& entry, const migration::MigrationSpec& spec, Deadline deadline);
  void LookAtService(Entry& entry, const MigrationObservation& seen, Deadline deadline);
  void Measure(const MigrationObservation& seen, MigrationDecision& decision, Deadline deadline);
  Status KeepRecord(Entry& entry, const MigrationObservation& seen, Deadline deadline);
  Result<CutoverLoop*> LoopOf(Entry& entry, const Pass& pass, Deadline deadline);
  Result<Outcome> Cutover(Entry& entry, const Pass& pass, bool one_turn, Deadline deadline);
  Result<Outcome> FinishTurn(Entry& entry, const Pass& pass, Deadline deadline);

  MigrationControllerOptions options_;
  std::map<kube::ObjectRef, Entry> entries_;
};

}  // namespace foreshard::op
