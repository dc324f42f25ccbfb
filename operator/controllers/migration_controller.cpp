#include "operator/controllers/migration_controller.h"

#include "base/log.h"
#include "migration/limits.h"
#include "migration/spec_json.h"
#include "operator/api/conditions.h"
#include "operator/controllers/migration_status.h"
#include "operator/controllers/migration_time.h"

namespace foreshard::op {

using migration::CutoverStep;

namespace {

// An attempt has 1.5 s; what comes before the hold (leases, probes) and a slow release come on top.
constexpr std::chrono::seconds kCutoverLimit{10};
constexpr std::chrono::seconds kServiceEvery{5};  // looks at how clients are served in the soak
constexpr std::chrono::seconds kServiceLimit{2};
constexpr std::chrono::seconds kServiceNow{60};  // as short as rates over scrapes can be
constexpr std::chrono::seconds kServiceBefore{30 * 60};
constexpr std::chrono::seconds kServiceMost{6 * 60 * 60};

bool NeedsShards(const MigrationObservation& seen) {
  return seen.spec && MayHaveRows(seen.migration) && !migration::IsTerminal(seen.phase);
}

bool TouchesShards(MigrationStep step) {
  switch (step) {
    case MigrationStep::kNothing:
    case MigrationStep::kWait:
    case MigrationStep::kAddFinalizer:
    case MigrationStep::kRemoveFinalizer:
    case MigrationStep::kWriteStatus:
    case MigrationStep::kCreateJob:
    case MigrationStep::kDeleteJob:
    case MigrationStep::kPublishTable:
      return false;
    case MigrationStep::kEnterSource:
    case MigrationStep::kEnterDestination:
    case MigrationStep::kMakeGate:
    case MigrationStep::kMakeGateTriggers:
    case MigrationStep::kMakeReverseSlot:
    case MigrationStep::kRaiseSequences:
    case MigrationStep::kAdvanceSlotToNow:
    case MigrationStep::kAdvanceSlotToDrained:
    case MigrationStep::kCloseSource:
    case MigrationStep::kReopenSource:
    case MigrationStep::kRevokeDestination:
    case MigrationStep::kDisableForward:
    case MigrationStep::kMakeReverseSubscription:
    case MigrationStep::kDropForwardSubscription:
    case MigrationStep::kDropForwardSlot:
    case MigrationStep::kTellLoser:
    case MigrationStep::kEndStaleConnections:
    case MigrationStep::kSettleSource:
    case MigrationStep::kSettleDestination:
    case MigrationStep::kCutoverTurn:
      return true;
  }
  Unreachable(step);
}

bool NeedsRouters(const MigrationDecision& decision) {
  return decision.step == MigrationStep::kEndStaleConnections;
}

}  // namespace

MigrationController::MigrationController(MigrationControllerOptions options)
    : options_(std::move(options)) {}

MigrationController::~MigrationController() = default;

Result<Outcome> MigrationController::Reconcile(const kube::ObjectRef& ref, Deadline deadline) {
  const auto pass = Look(ref, deadline);
  if (!pass) return pass.error();
  if (!*pass) return Outcome::Done();
  return Act(**pass, deadline);
}

Result<std::optional<MigrationController::Pass>> MigrationController::Look(
    const kube::ObjectRef& ref, Deadline deadline) {
  auto seen = ObserveApi(ref, options_.store, options_.shards, options_.clock, deadline);
  if (!seen) return seen.error();
  if (!*seen) {
    entries_.erase(ref);
    return std::optional<Pass>();
  }
  Pass pass{.seen = std::move(**seen), .decision = {}};
  pass.seen.lease = options_.lease();
  Entry& entry = entries_[ref];
  if (entry.uid != pass.seen.migration.uid) {
    entry = Entry{};
    entry.uid = pass.seen.migration.uid;
  }
  pass.seen.memory = entry.memory;
  if (NeedsShards(pass.seen)) {
    const Status opened = OpenShards(entry, *pass.seen.spec, deadline);
    if (opened) {
      ObserveShards(pass.seen, {entry.source.get(), entry.destination.get()}, deadline);
    } else {
      pass.seen.shard_error = opened.error();
    }
  }
  if (options_.on_look) options_.on_look(pass.seen);
  if (pass.seen.phase == migration::Phase::kSoaking && pass.seen.set) {
    LookAtService(entry, pass.seen, deadline);
    pass.seen.memory = entry.memory;
  }
  pass.decision = DecideMigration(pass.seen);
  return std::optional(std::move(pass));
}

// What cannot be read is no reason to go back.
void MigrationController::LookAtService(Entry& entry, const MigrationObservation& seen,
                                        Deadline deadline) {
  MigrationMemory& memory = entry.memory;
  if (options_.health == nullptr || seen.monotonic < memory.service_due) return;
  memory.service_due = seen.monotonic + kServiceEvery;
  const model::ShardMigrationStatus& status = seen.migration.status;
  const Deadline soon = deadline.Within(options_.clock, kServiceLimit);
  if (memory.service_record != status.record) {
    const model::Condition* cut = FindCondition(status.conditions, "CutOver");
    const auto when = cut != nullptr ? ParseRfc3339(cut->last_transition_time) : std::nullopt;
    if (!when) return;
    const auto before = options_.health->Read(seen.set->set, seen.migration.spec.source, *when,
                                              kServiceBefore, soon);
    if (!before) return;
    memory.before = *before;
    memory.service_record = status.record;
    memory.worse_since.reset();
  }
  const auto now =
      options_.health->Read(seen.set->set, status.destination, seen.now, kServiceNow, soon);
  const auto why = now ? migration::WhyWorse(memory.before, *now) : std::nullopt;
  if (!why) {
    memory.worse_since.reset();
    return;
  }
  if (!memory.worse_since) {
    memory.worse_since = seen.monotonic;
    log::Warning("served_worse", {{"migration", seen.migration.name},
                                  {"why", *why},
                                  {"p99_before_ms", memory.before->p99_seconds * 1e3},
                                  {"p99_ms", (*now)->p99_seconds * 1e3},
                                  {"errors", (*now)->error_ratio}});
  }
  memory.worse_why = *why;
}

// How the source served while the phase lasted that now ends, for the record. Nothing is lost if it
// cannot be read but that.
void MigrationController::Measure(const MigrationObservation& seen, MigrationDecision& decision,
                                  Deadline deadline) {
  const model::ShardMigrationStatus& status = seen.migration.status;
  if (options_.health == nullptr || !seen.set || status.record == 0 ||
      decision.step != MigrationStep::kWriteStatus || decision.status->phase == status.phase)
    return;
  std::chrono::seconds window = kServiceBefore;
  if (seen.phase != migration::Phase::kPlanned) {
    const auto since = SinceTime(seen.now, status.phase_start_time);
    window = std::chrono::duration_cast<std::chrono::seconds>(
        since.value_or(std::chrono::milliseconds(0)));
    if (window < kServiceNow) return;
  }
  const auto service = options_.health->Read(seen.set->set, seen.migration.spec.source, seen.now,
                                             std::min(window, kServiceMost),
                                             deadline.Within(options_.clock, kServiceLimit));
  if (service && *service) TellService(*decision.status, seen, **service);
}

Status MigrationController::KeepRecord(Entry& entry, const MigrationObservation& seen,
                                       Deadline deadline) {
  if (!options_.keep_record || entry.recorded || !migration::IsTerminal(seen.phase) ||
      seen.migration.spec.dry_run || !seen.set)
    return Ok();
  const Status kept = options_.keep_record(seen, deadline);
  entry.recorded = kept.ok();
  return kept;
}

// The epoch of the spec counts only when rows are made; everything else that changes needs other
// shards.
Status MigrationController::OpenShards(Entry& entry, const migration::MigrationSpec& spec,
                                       Deadline deadline) {
  if (entry.source && entry.spec) {
    migration::MigrationSpec same_epoch = spec;
    same_epoch.epoch = entry.spec->epoch;
    if (same_epoch == *entry.spec) return Ok();
  }
  entry.loop.reset();
  entry.source.reset();
  entry.destination.reset();
  entry.spec = spec;
  auto source = options_.shards.Open(spec, migration::Side::kSource, deadline);
  if (!source) return source.error();
  auto destination = options_.shards.Open(spec, migration::Side::kDestination, deadline);
  if (!destination) return destination.error();
  entry.source = std::move(*source);
  entry.destination = std::move(*destination);
  return Ok();
}

Result<Outcome> MigrationController::Act(const Pass& pass, Deadline deadline) {
  MigrationDecision decision = pass.decision;
  const kube::ObjectRef ref{pass.seen.migration.name_space, pass.seen.migration.name};
  Entry& entry = entries_[ref];
  if (const Status kept = KeepRecord(entry, pass.seen, deadline); !kept) return kept.error();
  Measure(pass.seen, decision, deadline);
  if (decision.step == MigrationStep::kCutoverTurn) {
    return Cutover(entry, pass, false, deadline);
  }
  if (TouchesShards(decision.step) && (!entry.source || !entry.destination)) {
    return Error::Reobserve("the shards were opened anew since the look");
  }
  RouterControl* routers = nullptr;
  if (NeedsRouters(decision)) {
    auto opened = options_.routers.Open(ref.name_space, pass.seen.spec->shard_set, deadline);
    if (!opened) return opened.error();
    routers = *opened;
  }
  const MigrationHands hands{.store = options_.store,
                             .shards = {entry.source.get(), entry.destination.get()},
                             .routers = routers,
                             .memory = entry.memory,
                             .clock = options_.clock};
  const Status acted = ActOnMigration(pass.seen, decision, hands, deadline);
  if (!acted) return acted.error();
  if (decision.step == MigrationStep::kNothing) return Outcome::Done();
  if (decision.step == MigrationStep::kWait) return Outcome::LookAgain(decision.look_again);
  if (decision.step == MigrationStep::kWriteStatus &&
      decision.status->phase != pass.seen.migration.status.phase) {
    log::Info("migration_phase", {{"migration", ref.name},
                                  {"phase", decision.status->phase},
                                  {"record", decision.status->record},
                                  {"attempt", decision.status->attempt}});
  }
  return Outcome::LookAgain(std::chrono::milliseconds(1));
}

Result<Outcome> MigrationController::ActOneTurn(const Pass& pass, Deadline deadline) {
  if (pass.decision.step != MigrationStep::kCutoverTurn) return Act(pass, deadline);
  const kube::ObjectRef ref{pass.seen.migration.name_space, pass.seen.migration.name};
  return Cutover(entries_[ref], pass, true, deadline);
}

Result<CutoverLoop*> MigrationController::LoopOf(Entry& entry, const Pass& pass,
                                                 Deadline deadline) {
  const MigrationObservation& seen = pass.seen;
  if (!entry.source || !entry.destination) {
    return Error::Reobserve("the shards were opened anew since the look");
  }
  if (entry.loop && entry.loop_token == seen.token()) {
    entry.loop->SetTable(*seen.set->table);
    if (WhyStop(seen)) entry.loop->AskAbort();
    return entry.loop.get();
  }
  auto routers = options_.routers.Open(seen.migration.name_space, seen.spec->shard_set, deadline);
  if (!routers) return routers.error();
  CutoverContext context{.spec = *entry.spec,
                         .phase = seen.phase,
                         .attempt = {seen.migration.status.attempt},
                         .token = seen.token(),
                         .table = *seen.set->table,
                         .abort_asked = WhyStop(seen).has_value(),
                         .source_identity = seen.progress.source_identity,
                         .destination_identity = seen.progress.destination_identity};
  entry.loop = std::make_unique<CutoverLoop>(std::move(context), *entry.source, *entry.destination,
                                             **routers, options_.clock);
  entry.loop_token = seen.token();
  return entry.loop.get();
}

Result<Outcome> MigrationController::Cutover(Entry& entry, const Pass& pass, bool one_turn,
                                             Deadline deadline) {
  const auto loop = LoopOf(entry, pass, deadline);
  if (!loop) return loop.error();
  const Deadline end = deadline.Within(options_.clock, kCutoverLimit);
  if (one_turn) {
    const auto turn = (*loop)->Step(end);
    if (!turn) return turn.error();
    if (*turn != CutoverLoop::Turn::kDone) return Outcome::LookAgain(migration::kPollPause);
  } else {
    const auto decision = (*loop)->Run(options_.pause, end);
    if (!decision) return decision.error();
  }
  return FinishTurn(entry, pass, deadline);
}

// The API hears of it: the table first, then the status. Both are compare-and-swaps with what was
// read before the rows.
Result<Outcome> MigrationController::FinishTurn(Entry& entry, const Pass& pass, Deadline deadline) {
  const migration::CutoverDecision& decision = entry.loop->decision();
  if (decision.step == CutoverStep::kPublish) {
    const auto table = entry.loop->TableAfter(decision);
    if (!table) return table.error();
    const Status published = options_.store.PublishTable(pass.seen.migration.name_space, *table,
                                                         pass.seen.set->table_version, deadline);
    if (!published) return published.error();
    return Outcome::LookAgain(migration::kPollPause);
  }
  const auto status = AfterAttempt(pass.seen, decision, entry.loop->report());
  const Status written = options_.store.WriteStatus(pass.seen.migration, status, deadline);
  if (!written) return written.error();
  log::Info("cutover_attempt", {{"migration", pass.seen.migration.name},
                                {"attempt", pass.seen.migration.status.attempt},
                                {"next", ToString(decision.next)},
                                {"reason", decision.reason},
                                {"hold_ms", entry.loop->report().hold.count()}});
  if (options_.on_attempt) {
    options_.on_attempt(pass.seen.migration, decision, entry.loop->report());
  }
  return Outcome::LookAgain(migration::kPollPause);
}

}  // namespace foreshard::op
