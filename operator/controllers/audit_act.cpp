#include "operator/controllers/audit_act.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/log.h"
#include "kube/kinds.h"
#include "operator/api/audit_json.h"
#include "operator/api/conditions.h"

namespace foreshard::op {
namespace {

using namespace std::chrono_literals;

constexpr int kLooksAtReferences = 5;
constexpr std::chrono::milliseconds kBetweenLooks = 1s;

void AddStrays(const AuditStep& step, const migration::StraysFound& found, model::AuditRun& run) {
  if (found.rows == 0) return;
  std::vector<model::Stray>& strays = run.found.strays;
  const bool known = !strays.empty() && strays.back().shard == step.shard &&
                     strays.back().table == step.table.name;
  if (!known) {
    if (strays.size() >= kStraysKept) return;
    strays.push_back({.shard = step.shard, .table = step.table.name, .rows = 0, .keys = {}});
  }
  model::Stray& stray = strays.back();
  stray.rows += found.rows;
  for (const std::string& key : found.keys) {
    if (std::ssize(stray.keys) < migration::kStrayKeysShown) stray.keys.push_back(key);
  }
}

void NextStep(model::AuditRun& run) {
  ++run.step;
  run.leaf.clear();
  run.page = 0;
}

// One that owns nothing yet is still being filled.
std::vector<model::ShardId> OwnersIn(const model::RoutingTable& table) {
  std::set<model::ShardId> owners;
  for (const model::OwnedRange& range : table.ranges) owners.insert(range.shard);
  for (const model::Pin& pin : table.pins) owners.insert(pin.shard);
  return {owners.begin(), owners.end()};
}

Status CompareReferences(const AuditHands& hands, const AuditObservation& seen,
                         const std::string& table, model::AuditRun& run, Deadline deadline) {
  model::ReferenceDigests before;
  for (int look = 0; look < kLooksAtReferences; ++look) {
    const auto now = hands.shards.ReadDigests(seen.set, OwnersIn(*seen.table), table, deadline);
    if (!now) return now.error();
    const migration::Agreement agreement = migration::Compare(before, *now);
    if (agreement == migration::Agreement::kDiffer)
      run.found.diverged.push_back({.table = table, .digests = *now});
    if (agreement != migration::Agreement::kLookAgain) return Ok();
    before = *now;
    if (!hands.pause(kBetweenLooks)) return Error::Reobserve("the process is to end");
  }
  // Written all the time: no two looks of a quiet moment, so nothing is known. The next pass looks
  // again.
  log::Info("reference_table_too_busy", {{"set", seen.set.name}, {"table", table}});
  return Ok();
}

// What is wrong with this one and stays wrong; "" if it is repaired. Errors: of this moment.
Result<std::string> RepairReference(const AuditHands& hands, const AuditObservation& seen,
                                    const model::Diverged& diverged,
                                    const std::optional<model::ShardId>& asked, std::int64_t& rows,
                                    Deadline deadline) {
  const std::optional<model::ShardId> right =
      asked && diverged.digests.contains(*asked) ? asked : model::RightCopy(diverged.digests);
  if (!right)
    return fmt::format(
        "{}: no copy is that of more than half of the shards; say which shard's is "
        "right",
        diverged.table);
  for (const auto& [shard, digest] : diverged.digests) {
    if (shard == *right || digest == diverged.digests.at(*right)) continue;
    const auto copied =
        hands.shards.CopyReference(seen.set, *right, shard, diverged.table, deadline);
    if (copied) {
      rows += *copied;
    } else if (copied.error().kind == Error::Kind::kGiveUp) {
      return fmt::format("{} on {}: {}", diverged.table, shard, copied.error().message);
    } else {
      return copied.error();
    }
  }
  return std::string();
}

void AddProblem(const std::string& text, model::AuditRepair& repair) {
  if (text.empty()) return;
  repair.problem += (repair.problem.empty() ? "" : "; ") + text;
}

}  // namespace

Status TakeAuditTurn(const AuditHands& hands, const AuditObservation& seen, model::AuditRun& run,
                     Deadline deadline) {
  const std::vector<AuditStep> steps = StepsOf(seen);
  if (run.step >= std::ssize(steps)) return Ok();
  const AuditStep& step = steps[static_cast<std::size_t>(run.step)];
  if (step.shard.value.empty()) {
    const Status compared = CompareReferences(hands, seen, step.table.name, run, deadline);
    if (!compared) return compared;
    NextStep(run);
    return Ok();
  }
  const auto found = hands.shards.FindStrays(seen.set, *seen.table, step.shard, step.table,
                                             {.leaf = run.leaf, .page = run.page}, deadline);
  if (!found) return found.error();
  AddStrays(step, *found, run);
  if (found->next) {
    run.leaf = found->next->leaf;
    run.page = found->next->page;
  } else {
    NextStep(run);
  }
  return Ok();
}

Result<model::AuditRepair> RepairFindings(const AuditHands& hands, const AuditObservation& seen,
                                          Deadline deadline) {
  const RepairRequest request = ParseRepair(seen.repair);
  model::AuditRepair repair{
      .request = seen.repair, .time = FormatRfc3339(seen.now), .rows = 0, .problem = {}};
  const std::vector<model::ShardedTable>& tables = seen.set.spec.sharding.tables;
  for (const model::Stray& stray : seen.audit.found.strays) {
    const auto table = std::ranges::find(tables, stray.table, &model::ShardedTable::name);
    if (table == tables.end()) continue;  // the next pass does not look at it either
    const auto moved = hands.shards.PutAside(seen.set, *seen.table, stray.shard,
                                             {table->name, table->column}, deadline);
    if (moved) {
      repair.rows += *moved;
    } else if (moved.error().kind == Error::Kind::kGiveUp) {
      AddProblem(fmt::format("{} on {}: {}", stray.table, stray.shard, moved.error().message),
                 repair);
    } else {
      return moved.error();
    }
  }
  for (const model::Diverged& diverged : seen.audit.found.diverged) {
    const auto problem =
        RepairReference(hands, seen, diverged, request.right_copy, repair.rows, deadline);
    if (!problem) return problem.error();
    AddProblem(*problem, repair);
  }
  return repair;
}

Status TellAudit(kube::KubeApi& kube, const AuditObservation& seen, const model::AuditStatus& audit,
                 Deadline deadline) {
  model::ShardSetStatus status;
  status.conditions = seen.set.status.conditions;
  status.audit = audit;
  if (!audit.time.empty())
    SetCondition(status.conditions, AuditCondition(seen.set, audit), seen.now);
  const auto written = kube.Apply(
      kube::kShardSets, {seen.set.name_space, seen.set.name},
      ToJson(AuditStatusApply(seen.set, status)),
      {.field_manager = kAuditManager, .force = true, .dry_run = false, .subresource = "status"},
      deadline);
  if (!written) return written.error();
  // An API server drops fields that its schema does not know, and Helm leaves old schemas in place:
  // a pass whose beginning is not kept would begin for ever.
  const Result<Value> kept = ParseJson(written->json);
  if (kept && (*kept)["status"]["audit"].is_null())
    return Error::GiveUp(
        "the API server has an older ShardSet that cannot keep status.audit: apply the crds/ of "
        "this release",
        "CrdTooOld");
  return Ok();
}

}  // namespace foreshard::op
