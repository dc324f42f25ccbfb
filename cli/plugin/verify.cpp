#include "cli/plugin/verify.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "kube/kinds.h"
#include "operator/api/audit_json.h"

namespace foreshard::plugin {

namespace {

std::string RunningLine(const model::AuditRun& run) {
  return fmt::format("a look is under way since {}: {} of {} tables\n", run.start_time, run.step,
                     run.steps);
}

}  // namespace

std::string AuditText(const model::ShardSet& set) {
  const std::optional<model::AuditStatus>& audit = set.status.audit;
  std::string text;
  if (!audit || audit->time.empty()) {
    text = fmt::format("{} was not looked through yet\n", set.name);
  } else {
    text = fmt::format("looked through {} from {} to {}, by routing table {}\n", set.name,
                       audit->start_time, audit->time, audit->epoch);
    text += audit->found.clean() ? "every row is on the shard that owns its key, and the copies of "
                                   "reference tables agree\n"
                                 : model::ToText(audit->found);
  }
  if (audit && audit->repair) {
    text += fmt::format("repaired at {}: {} rows put aside or replaced\n", audit->repair->time,
                        audit->repair->rows);
    if (!audit->repair->problem.empty())
      text += fmt::format("not repaired: {}\n", audit->repair->problem);
  }
  if (audit && audit->running) text += RunningLine(*audit->running);
  return text;
}

std::string AuditJson(const model::ShardSet& set) {
  const model::AuditStatus audit = set.status.audit.value_or(model::AuditStatus());
  op::Value json = op::AuditJson(audit);
  json.Set("namespace", set.name_space);
  json.Set("name", set.name);
  json.Set("known", !audit.time.empty());
  json.Set("clean", !audit.time.empty() && audit.found.clean());
  return op::ToPrettyJson(json);
}

Result<std::string> RepairPlan(const model::AuditFindings& found, const std::string& right_copy) {
  std::string text;
  for (const model::Stray& stray : found.strays) {
    text += fmt::format("  {}: {} rows of {} go to foreshard.stray_row\n", stray.shard, stray.rows,
                        stray.table);
  }
  for (const model::Diverged& diverged : found.diverged) {
    std::optional<model::ShardId> right = model::RightCopy(diverged.digests);
    if (!right_copy.empty()) right = model::ShardId{right_copy};
    if (!right)
      return Error::GiveUp(
          fmt::format("{}: no copy is that of more than half of the shards, so "
                      "--right-copy has to name the shard whose copy is right",
                      diverged.table));
    const auto kept = diverged.digests.find(*right);
    if (kept == diverged.digests.end() || kept->second.digest == model::kMissingDigest)
      return Error::GiveUp(
          fmt::format("--right-copy: {} has no copy of {}", *right, diverged.table));
    for (const auto& [shard, digest] : diverged.digests) {
      if (digest != kept->second)
        text += fmt::format("  {}: {} is made like that of {} ({} rows)\n", shard, diverged.table,
                            *right, kept->second.rows);
    }
  }
  return text;
}

std::string RepairRequest(const model::AuditStatus& audit, const std::string& right_copy,
                          const std::string& now) {
  return fmt::format("{} {} {}", audit.fingerprint, right_copy.empty() ? "-" : right_copy, now);
}

bool IsVerified(const model::ShardSet& set, const std::string& request) {
  return set.status.audit && set.status.audit->request == request;
}

bool IsRepaired(const model::ShardSet& set, const std::string& request) {
  const std::optional<model::AuditStatus>& audit = set.status.audit;
  return audit && audit->repair && audit->repair->request == request && !audit->running;
}

Status Annotate(kube::KubeApi& api, const kube::ObjectRef& set, const std::string& annotation,
                const std::string& text, Deadline deadline) {
  const nlohmann::json patch{{"metadata", {{"annotations", {{annotation, text}}}}}};
  const auto patched =
      api.Patch(kube::kShardSets, set, patch.dump(),
                {.subresource = {}, .field_manager = "kubectl-foreshard"}, deadline);
  if (patched) return Ok();
  if (patched.error().code == "404")
    return Error::GiveUp(
        fmt::format("there is no shardset {} in namespace {}", set.name, set.name_space),
        "NotFound");
  return patched.error();
}

}  // namespace foreshard::plugin
