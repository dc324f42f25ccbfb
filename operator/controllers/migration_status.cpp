#include "operator/controllers/migration_status.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "operator/api/conditions.h"
#include "operator/controllers/migration_time.h"

namespace foreshard::op {

using migration::Phase;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t kLagWorthTellingMillis = 100;
constexpr std::int64_t kLeftWorthTellingSeconds = 60;

int PercentOf(std::int64_t part, std::int64_t whole) {
  if (whole <= 0) return -1;
  return static_cast<int>(std::clamp<std::int64_t>(part * 100 / whole, 0, 100));
}

// Condition that a phase earns when it ends well; "": none.
const char* EarnedBy(Phase phase) {
  switch (phase) {
    case Phase::kPreflight:
      return "Preflighted";
    case Phase::kCopying:
      return "Copied";
    case Phase::kCatchingUp:
      return "CaughtUp";
    case Phase::kVerifying:
      return "Verified";
    case Phase::kCutover:
      return "CutOver";
    case Phase::kSoaking:
      return "Soaked";
    case Phase::kCleaningUp:
      return "CleanedUp";
    case Phase::kPlanned:
    case Phase::kPreparing:
    case Phase::kReady:
    case Phase::kRollingBack:
    case Phase::kCompleted:
    case Phase::kRolledBack:
    case Phase::kAborting:
    case Phase::kAborted:
      return "";
  }
  Unreachable(phase);
}

model::MigrationProgress Told(const migration::Progress& progress) {
  return {.copied_rows = progress.copied_rows,
          .total_rows_estimate = progress.total_rows,
          .copied_bytes = progress.copied_bytes,
          .total_bytes_estimate = progress.total_bytes,
          .copy_percent = PercentOf(progress.copied_rows, progress.total_rows),
          .copy_rows_per_second = progress.copy_rows_per_second,
          .copy_seconds_left = progress.copy_seconds_left,
          .lag_millis = std::max<std::int64_t>(progress.lag_millis, 0)};
}

// The record of a phase; a new one for the first visit.
model::MigrationPhase& RecordOf(model::ShardMigrationStatus& status, std::string_view phase) {
  const auto found = std::find_if(status.phases.begin(), status.phases.end(),
                                  [phase](const auto& one) { return one.phase == phase; });
  if (found != status.phases.end()) return *found;
  return status.phases.emplace_back(model::MigrationPhase{.phase = std::string(phase)});
}

// A migration that stands still must not write: only what a person would notice counts.
bool WorthTelling(const model::MigrationProgress& before, const model::MigrationProgress& now) {
  if (before.copy_percent != now.copy_percent) return true;
  const std::int64_t left = std::abs(before.copy_seconds_left - now.copy_seconds_left);
  if (left > kLeftWorthTellingSeconds && left > before.copy_seconds_left / 2) return true;
  const std::int64_t change = std::abs(before.lag_millis - now.lag_millis);
  return change > kLagWorthTellingMillis && change > before.lag_millis / 2;
}

}  // namespace

void Claim(model::ShardMigrationStatus& status, const MigrationObservation& seen,
           std::string_view type, bool holds, std::string reason, std::string message) {
  SetCondition(status.conditions,
               {.type = std::string(type),
                .status = holds ? "True" : "False",
                .reason = std::move(reason),
                .message = std::move(message),
                .observed_generation = seen.migration.generation,
                .last_transition_time = {}},
               seen.now);
}

model::ShardMigrationStatus MovedTo(const MigrationObservation& seen, Phase next) {
  model::ShardMigrationStatus status = seen.migration.status;
  const bool first = status.record == 0;
  CHECK(first || migration::MayFollow(seen.phase, next), "no such move", ToString(seen.phase),
        ToString(next));
  if (!first) {
    model::MigrationPhase& over = RecordOf(status, status.phase);
    ++over.visits;
    over.millis += SinceTime(seen.now, status.phase_start_time).value_or(0ms).count();
  }
  ++status.record;
  status.phase = ToString(next);
  status.phase_start_time = FormatRfc3339Micros(seen.now);
  status.observed_generation = seen.migration.generation;
  if (first) status.start_time = FormatRfc3339(seen.now);
  if (seen.phase == Phase::kCopying && seen.destination && seen.destination->gate.row) {
    status.progress = Told(seen.progress);  // the last word on the copy
    status.progress.copy_seconds_left = next == Phase::kCatchingUp ? 0 : -1;
  }
  const std::string earned = EarnedBy(seen.phase);
  if (!earned.empty() && migration::NextWhenDone(seen.phase) == next) {
    Claim(status, seen, earned, true, ToString(seen.phase), "");
  }
  Claim(status, seen, "Completed", false, ToString(next), "");
  return status;
}

model::ShardMigrationStatus StoppedBy(const MigrationObservation& seen, const StopReason& why) {
  model::ShardMigrationStatus status = MovedTo(seen, Phase::kAborting);
  Claim(status, seen, "Failed", why.failure, why.reason, why.failure ? why.message : "");
  if (!why.failure) Claim(status, seen, "Aborted", false, why.reason, why.message);
  return status;
}

model::ShardMigrationStatus AfterAttempt(const MigrationObservation& seen,
                                         const migration::CutoverDecision& decision,
                                         const CutoverReport& report) {
  CHECK(decision.step == migration::CutoverStep::kMoveTo, "the attempt is not over");
  const Phase next = decision.next;
  model::ShardMigrationStatus status =
      next == Phase::kAborting
          ? StoppedBy(seen, WhyStop(seen).value_or(StopReason{
                                decision.reason, "the attempt was revoked and not repeated", true}))
          : MovedTo(seen, next);
  model::CutoverStatus cutover = status.cutover.value_or(model::CutoverStatus{});
  cutover.hold_millis = report.hold.count();
  cutover.fenced_retries += report.fenced;
  cutover.routers_acknowledged = report.routers_held;
  if (seen.set && seen.set->table) cutover.epoch = seen.set->table->epoch.value;
  status.cutover = cutover;
  model::MigrationPhase& over = RecordOf(status, seen.migration.status.phase);
  over.hold_millis = std::max<std::int64_t>(over.hold_millis, report.hold.count());
  if (next == Phase::kSoaking && seen.phase == Phase::kCutover) {
    Claim(status, seen, "CutOver", true, "CutOver", "");
  }
  return status;
}

void TellService(model::ShardMigrationStatus& status, const MigrationObservation& seen,
                 const migration::ServiceSeen& service) {
  model::MigrationPhase& over = RecordOf(status, seen.migration.status.phase);
  over.statements_per_second = std::llround(service.statements_per_second);
  over.errors_per_million = std::llround(service.error_ratio * 1e6);
  over.p99_micros = std::llround(service.p99_seconds * 1e6);
}

model::ShardMigrationStatus EndedAs(const MigrationObservation& seen, Phase end) {
  model::ShardMigrationStatus status = MovedTo(seen, end);
  status.completion_time = FormatRfc3339(seen.now);
  const bool completed = end == Phase::kCompleted;
  if (seen.phase == Phase::kCleaningUp || seen.phase == Phase::kAborting) {
    Claim(status, seen, "CleanedUp", true, ToString(end), "");
  }
  if (end == Phase::kRolledBack) Claim(status, seen, "RolledBack", true, "RolledBack", "");
  if (end == Phase::kAborted && !IsTrue(status.conditions, "Failed")) {
    const model::Condition* why = FindCondition(status.conditions, "Aborted");
    Claim(status, seen, "Aborted", true, why ? why->reason : "Aborted", why ? why->message : "");
  }
  Claim(status, seen, "Completed", completed, ToString(end), "");
  return status;
}

std::optional<model::ShardMigrationStatus> Upkeep(const MigrationObservation& seen,
                                                  const std::string& reason,
                                                  const std::string& message) {
  model::ShardMigrationStatus status = seen.migration.status;
  bool changed = status.observed_generation != seen.migration.generation;
  status.observed_generation = seen.migration.generation;
  if (seen.destination && seen.destination->gate.row) {
    const model::MigrationProgress now = Told(seen.progress);
    if (WorthTelling(status.progress, now)) {
      status.progress = now;
      changed = true;
    }
  }
  // The message may hold numbers that change with each look: only another reason is news.
  const model::Condition* told = FindCondition(status.conditions, "Completed");
  if (!reason.empty() && (told == nullptr || told->reason != reason)) {
    Claim(status, seen, "Completed", false, reason, message);
    changed = true;
  }
  if (!changed) return std::nullopt;
  return status;
}

}  // namespace foreshard::op
