#include "operator/controllers/audit_decide.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "migration/phase.h"
#include "operator/api/audit_json.h"
#include "operator/api/migration_json.h"

namespace foreshard::op {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds kLookAgain = 30s;
constexpr std::chrono::milliseconds kLongestWait = 1h;  // clocks jump

// FNV-1a, so that the moment is the same in each process.
std::uint64_t HashOf(const std::string& text) {
  std::uint64_t hash = 14'695'981'039'346'656'037U;
  for (const char byte : text) {
    hash = (hash ^ static_cast<unsigned char>(byte)) * 1'099'511'628'211U;
  }
  return hash;
}

// Not begun, not readable or over: it moves nothing.
bool IsUnderWay(const model::ShardMigration& migration) {
  return !migration.status.phase.empty() && !IsTerminal(migration.status);
}

bool IsPastVerifying(const model::ShardMigration& migration) {
  if (!IsUnderWay(migration)) return false;
  const Result<migration::Phase> phase = migration::ParsePhase(migration.status.phase);
  if (!phase) return true;  // of a newer operator
  switch (*phase) {
    case migration::Phase::kPlanned:
    case migration::Phase::kPreflight:
    case migration::Phase::kPreparing:
    case migration::Phase::kCopying:
    case migration::Phase::kCatchingUp:
    case migration::Phase::kVerifying:
      return false;
    case migration::Phase::kReady:
    case migration::Phase::kCutover:
    case migration::Phase::kSoaking:
    case migration::Phase::kRollingBack:
    case migration::Phase::kCleaningUp:
    case migration::Phase::kAborting:
      return true;
    case migration::Phase::kCompleted:
    case migration::Phase::kRolledBack:
    case migration::Phase::kAborted:
      return false;
  }
  Unreachable(*phase);
}

AuditDecision Wait(std::string reason, std::chrono::milliseconds wait_for) {
  return {.action = AuditAction::kWait, .reason = std::move(reason), .wait_for = wait_for};
}

// What keeps it from doing anything now; nothing if nothing does.
std::optional<AuditDecision> Blocked(const AuditObservation& seen) {
  if (seen.paused) return Wait("Paused", 0ms);
  if (!seen.ready) return Wait("NotReady", kLookAgain);
  if (std::ranges::any_of(seen.migrations, IsPastVerifying))
    return Wait("MigrationPastVerifying", kLookAgain);
  return std::nullopt;
}

AuditDecision DecideRepair(const AuditObservation& seen) {
  if (ParseRepair(seen.repair).fingerprint != seen.audit.fingerprint || seen.audit.found.clean())
    return {.action = AuditAction::kRefuseRepair,
            .reason = "FindingsChanged",
            .problem = "what was found is not what it was: look at it again"};
  if (!seen.table->moving.empty() || std::ranges::any_of(seen.migrations, IsUnderWay))
    return Wait("MigrationUnderWay", kLookAgain);
  return {.action = AuditAction::kRepair, .reason = "RepairAsked"};
}

bool WantsRepair(const AuditObservation& seen) {
  return !seen.repair.empty() && (!seen.audit.repair || seen.audit.repair->request != seen.repair);
}

bool FitsTable(const AuditObservation& seen, const model::AuditRun& run) {
  return run.epoch == seen.table->epoch.value && run.steps == std::ssize(StepsOf(seen));
}

AuditDecision Wanted(const AuditObservation& seen) {
  const std::optional<model::AuditRun>& run = seen.audit.running;
  if (run && FitsTable(seen, *run)) return {.action = AuditAction::kGoOn, .reason = "Running"};
  if (run) return {.action = AuditAction::kBegin, .reason = "OwnersChanged"};
  if (WantsRepair(seen)) return DecideRepair(seen);
  if (!seen.verify.empty() && seen.verify != seen.audit.request)
    return {.action = AuditAction::kBegin, .reason = "Asked"};
  if (seen.interval <= 0ms) return Wait("Off", 0ms);
  const WallTime slot = NewestSlot(seen.set.uid, seen.interval, seen.now);
  const std::optional<WallTime> last =
      seen.audit.time.empty() ? seen.created : ParseRfc3339(seen.audit.start_time);
  if (!last || *last < slot) return {.action = AuditAction::kBegin, .reason = "Due"};
  const auto rest = std::chrono::ceil<std::chrono::milliseconds>(slot + seen.interval - seen.now);
  return Wait("NotDue", std::clamp<std::chrono::milliseconds>(rest, 1ms, kLongestWait));
}

}  // namespace

// In whole seconds, as the times in a status are.
WallTime NewestSlot(const std::string& uid, std::chrono::milliseconds interval, WallTime now) {
  const std::int64_t length =
      std::max<std::int64_t>(std::chrono::duration_cast<std::chrono::seconds>(interval).count(), 1);
  const std::int64_t offset =
      static_cast<std::int64_t>(HashOf(uid) % static_cast<std::uint64_t>(length));
  const std::int64_t time =
      std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
  return WallTime(std::chrono::seconds((time - offset) / length * length + offset));
}

AuditDecision DecideAudit(const AuditObservation& seen) {
  if (!seen.table) return Wait("NoRoutingTable", 0ms);
  AuditDecision wanted = Wanted(seen);
  if (wanted.action == AuditAction::kWait) return wanted;
  const std::optional<AuditDecision> blocked = Blocked(seen);
  return blocked ? *blocked : wanted;
}

std::vector<AuditStep> StepsOf(const AuditObservation& seen) {
  std::vector<model::ShardId> shards;
  for (const model::ShardAddress& shard : seen.table->shards) shards.push_back(shard.id);
  std::ranges::sort(shards);
  std::vector<AuditStep> steps;
  for (const model::ShardId& shard : shards) {
    for (const model::ShardedTable& table : seen.set.spec.sharding.tables) {
      steps.push_back({shard, {table.name, table.column}});
    }
  }
  for (const std::string& table : seen.set.spec.sharding.reference_tables) {
    steps.push_back({.shard = {}, .table = {table, ""}});
  }
  return steps;
}

model::AuditRun NewRun(const AuditObservation& seen) {
  return {.request = seen.verify,
          .start_time = FormatRfc3339(seen.now),
          .epoch = seen.table->epoch.value,
          .step = 0,
          .steps = std::ssize(StepsOf(seen)),
          .leaf = {},
          .page = 0,
          .found = {}};
}

model::Condition AuditCondition(const model::ShardSet& set, const model::AuditStatus& audit) {
  model::Condition condition{.type = kAuditCondition,
                             .status = audit.found.clean() ? "True" : "False",
                             .reason = "NothingFound",
                             .message =
                                 "every row is on the shard that owns its key, and the "
                                 "copies of reference tables agree",
                             .observed_generation = set.generation,
                             .last_transition_time = {}};
  if (audit.found.clean()) return condition;
  condition.reason = audit.found.strays.empty() ? "ReferenceTablesDiffer" : "StrayRows";
  condition.message = fmt::format(
      "{} rows are on a shard that does not own them, {} reference tables differ; to look and to "
      "repair: kubectl foreshard verify {} -n {}",
      audit.found.stray_rows(), audit.found.diverged.size(), set.name, set.name_space);
  return condition;
}

RepairRequest ParseRepair(const std::string& text) {
  std::istringstream words(text);
  RepairRequest request;
  std::string shard;
  words >> request.fingerprint >> shard;
  if (!shard.empty() && shard != "-") request.right_copy = model::ShardId{shard};
  return request;
}

}  // namespace foreshard::op
