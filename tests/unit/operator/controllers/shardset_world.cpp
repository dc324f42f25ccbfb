#include "tests/unit/operator/controllers/shardset_world.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "operator/api/conditions.h"
#include "operator/builders/names.h"

namespace foreshard::op {
namespace {

constexpr int kPassesMax = 500;

}  // namespace

ShardSetWorld::ShardSetWorld() { Write(kQuickSpec); }

void ShardSetWorld::Write(const std::string& spec_json) {
  const Result<Value> spec = ParseJson(spec_json);
  ASSERT_TRUE(spec.ok());
  if (Exists(kube::kShardSets, ref.name)) {
    Value object = Get(kube::kShardSets, ref.name);
    object.Set("spec", *spec);
    ASSERT_TRUE(kube.Replace(kube::kShardSets, ref, ToJson(object), "", Soon()).ok());
    return;
  }
  const Value object = Value::Object(
      {{"apiVersion", "foreshard.dev/v1alpha1"},
       {"kind", "ShardSet"},
       {"metadata", Value::Object({{"name", ref.name}, {"namespace", ref.name_space}})},
       {"spec", *spec}});
  ASSERT_TRUE(kube.Create(kube::kShardSets, ref, ToJson(object), Soon()).ok());
}

Result<Outcome> ShardSetWorld::Pass() { return controller.Reconcile(ref, Soon()); }

int ShardSetWorld::Settle() {
  for (int pass = 1; pass <= kPassesMax; ++pass) {
    const std::int64_t before = kube.write_calls();
    int set_ups = 0;
    for (const auto& [host, database] : admin.databases) set_ups += database.set_ups;
    const Result<Outcome> result = Pass();
    if (!result && result.error().kind == Error::Kind::kGiveUp) return pass;
    int set_ups_after = 0;
    for (const auto& [host, database] : admin.databases) set_ups_after += database.set_ups;
    if (kube.write_calls() == before && set_ups == set_ups_after) return pass;
  }
  ADD_FAILURE() << "the controller never settles";
  return kPassesMax;
}

void ShardSetWorld::StartPod(const Value& stateful_set, int ordinal) {
  const std::string name = fmt::format("{}-{}", stateful_set.At("metadata.name").Text(), ordinal);
  if (Exists(kube::kPods, name)) return;
  Value pod = Value::Object(
      {{"apiVersion", "v1"},
       {"kind", "Pod"},
       {"metadata", Value::Object({{"name", name},
                                   {"namespace", ref.name_space},
                                   {"labels", stateful_set.At("spec.template.metadata.labels")}})},
       {"spec", stateful_set.At("spec.template.spec")}});
  Create(kube::kPods, name, ToJson(pod));
  Patch(kube::kPods, name, R"({"status":{"podIP":"10.0.0.1"}})", "status");
  SetPodReady(name, true);
  const std::string claim = "data-" + name;
  if (Exists(kube::kPersistentVolumeClaims, claim)) return;
  Value object = stateful_set.At("spec.volumeClaimTemplates").Items()[0];
  object.Member("metadata").Set("name", claim).Set("namespace", ref.name_space);
  Create(kube::kPersistentVolumeClaims, claim, ToJson(object));
}

void ShardSetWorld::StartLeader(const Value& stateful_set) {
  const std::string name = stateful_set.At("metadata.name").Text();
  if (Exists(kube::kEndpoints, name)) return;
  const Result<Value> file =
      ParseJson(Get(kube::kConfigMaps, name + "-patroni")["data"]["patroni.yml"].Text());
  ASSERT_TRUE(file.ok());
  // Patroni's objects: no owner, and only the labels that it was told.
  const auto make = [&](const kube::ResourceKind& kind, const std::string& object_name,
                        Value annotations) {
    Create(kind, object_name,
           ToJson(Value::Object(
               {{"apiVersion", "v1"},
                {"kind", kind.kind},
                {"metadata", Value::Object({{"name", object_name},
                                            {"namespace", ref.name_space},
                                            {"labels", file->At("kubernetes.labels")},
                                            {"annotations", std::move(annotations)}})}})));
  };
  const auto endpoints = [&](const std::string& object_name, Value annotations) {
    make(kube::kEndpoints, object_name, std::move(annotations));
  };
  endpoints(name, Value::Object({{"leader", name + "-0"}}));
  endpoints(name + "-sync", Value::Object({{"leader", name + "-0"}, {"sync_standby", name + "-1"}}));
  make(kube::kServices, name + "-config", Value::Object({}));
  endpoints(name + "-config", Value::Object({{"config", ToJson(file->At("bootstrap.dcs"))}}));
}

void ShardSetWorld::StartPods() {
  for (const Value& stateful_set : All(kube::kStatefulSets)) {
    for (int i = 0; i < stateful_set.At("spec.replicas").Int(); ++i) StartPod(stateful_set, i);
    StartLeader(stateful_set);
  }
  for (const Value& deployment : All(kube::kDeployments)) {
    Patch(kube::kDeployments, deployment.At("metadata.name").Text(),
          fmt::format(R"({{"status":{{"replicas":{0},"availableReplicas":{0}}}}})",
                      deployment.At("spec.replicas").Int()),
          "status");
  }
}

void ShardSetWorld::StopPods() {
  for (const Value& pod : All(kube::kPods)) {
    const std::string name = pod.At("metadata.name").Text();
    if (!Exists(kube::kStatefulSets, name.substr(0, name.rfind('-')))) Remove(kube::kPods, name);
  }
}

void ShardSetWorld::SetPodReady(const std::string& pod, bool ready) {
  Patch(kube::kPods, pod,
        fmt::format(R"({{"status":{{"conditions":[{{"type":"Ready","status":"{}"}}]}}}})",
                    ready ? "True" : "False"),
        "status");
}

Value ShardSetWorld::Get(const kube::ResourceKind& kind, const std::string& name) {
  const auto object = kube.Get(kind, {ref.name_space, name}, Soon());
  if (!object || !*object) return {};
  return *ParseJson((*object)->json);
}

bool ShardSetWorld::Exists(const kube::ResourceKind& kind, const std::string& name) {
  return !Get(kind, name).is_null();
}

std::vector<Value> ShardSetWorld::All(const kube::ResourceKind& kind) {
  std::vector<Value> values;
  const auto list = kube.List(
      kind, {.name_space = ref.name_space, .label_selector = {}, .field_selector = {}}, Soon());
  for (const kube::Object& object : list->items) values.push_back(*ParseJson(object.json));
  return values;
}

std::size_t ShardSetWorld::Count(const kube::ResourceKind& kind) { return All(kind).size(); }

void ShardSetWorld::Patch(const kube::ResourceKind& kind, const std::string& name,
                          const std::string& merge_patch, const std::string& subresource) {
  const auto done = kube.Patch(kind, {ref.name_space, name}, merge_patch,
                               {.subresource = subresource, .field_manager = "test"}, Soon());
  EXPECT_TRUE(done.ok()) << kind.kind << " " << name << ": "
                         << (done.ok() ? "" : done.error().message);
}

void ShardSetWorld::Remove(const kube::ResourceKind& kind, const std::string& name) {
  EXPECT_TRUE(kube.Delete(kind, {ref.name_space, name}, {}, Soon()).ok());
}

void ShardSetWorld::Create(const kube::ResourceKind& kind, const std::string& name,
                           const std::string& json) {
  const auto done = kube.Create(kind, {ref.name_space, name}, json, Soon());
  EXPECT_TRUE(done.ok()) << kind.kind << " " << name << ": "
                         << (done.ok() ? "" : done.error().message);
}

std::string ShardSetWorld::Condition(const std::string& type) {
  const auto conditions = ParseConditions(Get(kube::kShardSets, ref.name).At("status.conditions"));
  const model::Condition* condition = FindCondition(conditions, type);
  return condition != nullptr ? condition->status : "";
}

std::string ShardSetWorld::ConditionReason(const std::string& type) {
  const auto conditions = ParseConditions(Get(kube::kShardSets, ref.name).At("status.conditions"));
  const model::Condition* condition = FindCondition(conditions, type);
  return condition != nullptr ? condition->reason : "";
}

std::string ShardSetWorld::ConditionMessage(const std::string& type) {
  const auto conditions = ParseConditions(Get(kube::kShardSets, ref.name).At("status.conditions"));
  const model::Condition* condition = FindCondition(conditions, type);
  return condition != nullptr ? condition->message : "";
}

std::vector<std::string> ShardSetWorld::Shards() {
  std::vector<std::string> shards;
  const Value table = Get(kube::kRoutingTables, ref.name);
  for (const Value& range : table.At("spec.ranges").Items()) {
    shards.push_back(range["shard"].Text());
  }
  return shards;
}

}  // namespace foreshard::op
