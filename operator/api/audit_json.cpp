#include "operator/api/audit_json.h"

#include "operator/api/conditions.h"

namespace foreshard::op {
namespace {

model::AuditFindings ReadFindings(const Value& holder) {
  model::AuditFindings found;
  for (const Value& item : holder["strays"].Items()) {
    model::Stray stray{.shard = {item["shard"].Text()},
                       .table = item["table"].Text(),
                       .rows = item["rows"].Int(),
                       .keys = {}};
    for (const Value& key : item["keys"].Items()) stray.keys.push_back(key.Text());
    found.strays.push_back(std::move(stray));
  }
  for (const Value& item : holder["diverged"].Items()) {
    model::Diverged diverged{.table = item["table"].Text(), .digests = {}};
    for (const Value& copy : item["copies"].Items()) {
      diverged.digests[{copy["shard"].Text()}] = {.rows = copy["rows"].Int(),
                                                  .digest = copy["digest"].Text()};
    }
    found.diverged.push_back(std::move(diverged));
  }
  return found;
}

void PutFindings(const model::AuditFindings& found, Value& holder) {
  Value::List strays;
  for (const model::Stray& stray : found.strays) {
    strays.push_back(Value::Object({{"shard", stray.shard.value},
                                    {"table", stray.table},
                                    {"rows", stray.rows},
                                    {"keys", Value::OfList(stray.keys)}}));
  }
  Value::List all;
  for (const model::Diverged& diverged : found.diverged) {
    Value::List copies;
    for (const auto& [shard, digest] : diverged.digests) {
      copies.push_back(Value::Object(
          {{"shard", shard.value}, {"rows", digest.rows}, {"digest", digest.digest}}));
    }
    all.push_back(Value::Object({{"table", diverged.table}, {"copies", Value(std::move(copies))}}));
  }
  holder.Set("strays", Value(std::move(strays)));
  holder.Set("diverged", Value(std::move(all)));
}

model::AuditRun ReadRun(const Value& run) {
  return {.request = run["request"].Text(),
          .start_time = run["startTime"].Text(),
          .epoch = run["epoch"].Int(),
          .step = run["step"].Int(),
          .steps = run["steps"].Int(),
          .leaf = run["leaf"].Text(),
          .page = run["page"].Int(),
          .found = ReadFindings(run)};
}

Value RunJson(const model::AuditRun& run) {
  Value json = Value::Object({{"request", run.request},
                              {"startTime", run.start_time},
                              {"epoch", run.epoch},
                              {"step", run.step},
                              {"steps", run.steps},
                              {"leaf", run.leaf},
                              {"page", run.page}});
  PutFindings(run.found, json);
  return json;
}

}  // namespace

model::AuditStatus ReadAudit(const Value& audit) {
  model::AuditStatus read{.request = audit["request"].Text(),
                          .start_time = audit["startTime"].Text(),
                          .time = audit["time"].Text(),
                          .epoch = audit["epoch"].Int(),
                          .found = ReadFindings(audit),
                          .fingerprint = audit["fingerprint"].Text(),
                          .running = {},
                          .repair = {}};
  if (audit["running"].is_object()) read.running = ReadRun(audit["running"]);
  const Value& repair = audit["repair"];
  if (repair.is_object()) {
    read.repair = model::AuditRepair{.request = repair["request"].Text(),
                                     .time = repair["time"].Text(),
                                     .rows = repair["rows"].Int(),
                                     .problem = repair["problem"].Text()};
  }
  return read;
}

Value AuditJson(const model::AuditStatus& audit) {
  Value json = Value::Object({{"request", audit.request},
                              {"startTime", audit.start_time},
                              {"time", audit.time},
                              {"epoch", audit.epoch},
                              {"strayRows", audit.found.stray_rows()},
                              {"fingerprint", audit.fingerprint}});
  PutFindings(audit.found, json);
  if (audit.running) json.Set("running", RunJson(*audit.running));
  if (audit.repair) {
    json.Set("repair", Value::Object({{"request", audit.repair->request},
                                      {"time", audit.repair->time},
                                      {"rows", audit.repair->rows},
                                      {"problem", audit.repair->problem}}));
  }
  return json;
}

Value AuditStatusApply(const model::ShardSet& set, const model::ShardSetStatus& status) {
  Value body = Value::Object();
  if (status.audit) body.Set("audit", AuditJson(*status.audit));
  const model::Condition* condition = FindCondition(status.conditions, kAuditCondition);
  if (condition != nullptr) body.Set("conditions", Value::Array({ConditionJson(*condition)}));
  return Value::Object(
      {{"apiVersion", "foreshard.dev/v1alpha1"},
       {"kind", "ShardSet"},
       {"metadata", Value::Object({{"name", set.name}, {"namespace", set.name_space}})},
       {"status", std::move(body)}});
}

}  // namespace foreshard::op
