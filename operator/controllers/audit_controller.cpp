#include "operator/controllers/audit_controller.h"

#include <tuple>

#include "base/log.h"

namespace foreshard::op {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds kAtOnce{1};
constexpr std::chrono::milliseconds kOwnersChange{1'000};
// What is read again by another leader, at most.
constexpr std::chrono::minutes kToldEvery{5};
constexpr int kRepairTries = 5;

kube::ObjectRef RefOf(const model::ShardSet& set) { return {set.name_space, set.name}; }

}  // namespace

AuditHands AuditController::Hands() const {
  return {.kube = options_.kube,
          .shards = options_.shards,
          .clock = options_.clock,
          .pause = options_.pause};
}

AuditController::Place& AuditController::PlaceOf(const model::ShardSet& set) {
  const std::scoped_lock lock(mutex_);
  return places_[RefOf(set)];
}

Result<std::optional<AuditObservation>> AuditController::Look(kube::KubeApi& kube,
                                                              const kube::ObjectRef& ref,
                                                              Deadline deadline) {
  auto seen = ObserveAudit(kube, options_.clock, options_.interval, ref, deadline);
  if (!seen || !*seen || !(*seen)->audit.running) return seen;
  // The same pass as the one in the status, and further.
  const model::AuditRun& ours = PlaceOf((*seen)->set).run;
  model::AuditRun& told = *(*seen)->audit.running;
  if (ours.start_time == told.start_time && ours.request == told.request &&
      ours.epoch == told.epoch &&
      std::tie(ours.step, ours.leaf, ours.page) > std::tie(told.step, told.leaf, told.page))
    told = ours;
  return seen;
}

Result<Outcome> AuditController::Begin(const AuditObservation& seen, Deadline deadline) {
  model::AuditStatus audit = seen.audit;
  audit.running = NewRun(seen);
  if (const Status told = TellAudit(options_.kube, seen, audit, deadline); !told)
    return told.error();
  PlaceOf(seen.set) = {.run = *audit.running, .told = options_.clock.Monotonic()};
  return Outcome::LookAgain(kAtOnce);
}

Result<Outcome> AuditController::GoOn(const AuditObservation& seen, Deadline deadline) {
  model::AuditRun run = *seen.audit.running;
  if (const Status taken = TakeAuditTurn(Hands(), seen, run, deadline); !taken)
    return taken.error();
  // What began to move meanwhile may have been taken for stray: then this turn has seen nothing.
  const auto after = Look(options_.kube, RefOf(seen.set), deadline);
  if (!after) return after.error();
  if (!*after || !(*after)->table || !migration::SameOwners(*seen.table, *(*after)->table))
    return Outcome::LookAgain(kOwnersChange);
  Place& place = PlaceOf(seen.set);
  const bool finished = run.step >= run.steps;
  const MonotonicTime now = options_.clock.Monotonic();
  if (!finished && now - place.told < kToldEvery) {
    place.run = std::move(run);
    return Outcome::LookAgain(kAtOnce);
  }
  model::AuditStatus audit = seen.audit;
  if (finished) {
    audit.request = run.request;
    audit.start_time = run.start_time;
    audit.time = FormatRfc3339(options_.clock.Wall());
    audit.epoch = run.epoch;
    audit.found = run.found;
    audit.fingerprint = model::Fingerprint(run.found);
    audit.running.reset();
  } else {
    audit.running = run;
  }
  if (const Status told = TellAudit(options_.kube, seen, audit, deadline); !told)
    return told.error();
  place.run = std::move(run);
  place.told = now;
  if (finished)
    log::Info("audited", {{"set", seen.set.name},
                          {"namespace", seen.set.name_space},
                          {"stray_rows", audit.found.stray_rows()},
                          {"reference_tables", audit.found.diverged.size()}});
  return Outcome::LookAgain(kAtOnce);
}

// Looked at again at once: what was found is true until the new pass has ended.
Result<Outcome> AuditController::TellRepair(const AuditObservation& seen, model::AuditRepair repair,
                                            Deadline deadline) {
  log::Info("audit_repair", {{"set", seen.set.name},
                             {"namespace", seen.set.name_space},
                             {"rows", repair.rows},
                             {"problem", repair.problem}});
  model::AuditStatus audit = seen.audit;
  audit.repair = std::move(repair);
  audit.running = NewRun(seen);
  if (const Status told = TellAudit(options_.kube, seen, audit, deadline); !told)
    return told.error();
  PlaceOf(seen.set) = {.run = *audit.running, .told = options_.clock.Monotonic()};
  return Outcome::LookAgain(kAtOnce);
}

Result<Outcome> AuditController::Repair(const AuditObservation& seen, Deadline deadline) {
  Result<model::AuditRepair> repair = RepairFindings(Hands(), seen, deadline);
  if (repair) return TellRepair(seen, *std::move(repair), deadline);
  if (++PlaceOf(seen.set).failed_repairs < kRepairTries) return repair.error();
  return TellRepair(seen,
                    {.request = seen.repair,
                     .time = FormatRfc3339(seen.now),
                     .rows = 0,
                     .problem = repair.error().message},
                    deadline);
}

Result<Outcome> AuditController::Reconcile(const kube::ObjectRef& ref, Deadline deadline) {
  auto seen = Look(options_.copies, ref, deadline);
  if (!seen) return seen.error();
  if (!*seen) {
    if (options_.on_gone) options_.on_gone(ref);
    const std::scoped_lock lock(mutex_);
    places_.erase(ref);
    return Outcome::Done();
  }
  if (options_.on_look) options_.on_look(**seen);
  if (const AuditDecision early = DecideAudit(**seen); early.action == AuditAction::kWait)
    return Outcome::LookAgain(early.wait_for);
  // A copy may be old, and rows that are being moved are stray for who has not heard of it.
  seen = Look(options_.kube, ref, deadline);
  if (!seen) return seen.error();
  if (!*seen) return Outcome::LookAgain(kOwnersChange);
  const AuditDecision decision = DecideAudit(**seen);
  switch (decision.action) {
    case AuditAction::kWait:
      return Outcome::LookAgain(decision.wait_for);
    case AuditAction::kBegin:
      return Begin(**seen, deadline);
    case AuditAction::kGoOn:
      return GoOn(**seen, deadline);
    case AuditAction::kRepair:
      return Repair(**seen, deadline);
    case AuditAction::kRefuseRepair:
      return TellRepair(**seen,
                        {.request = (*seen)->repair,
                         .time = FormatRfc3339((*seen)->now),
                         .rows = 0,
                         .problem = decision.problem},
                        deadline);
  }
  Unreachable(decision.action);
}

}  // namespace foreshard::op
