#pragma once

#include <string>

#include "operator/api/value.h"
#include "operator/controllers/shardset_controller.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_kube_api.h"
#include "tests/fakes/fake_shard_admin.h"

// A cluster in memory around one ShardSet: the API server, kubelet and Patroni as far as the
// controller looks at them.

namespace foreshard::op {

inline constexpr const char* kQuickSpec = R"({
  "sharding": {"strategy": "Hash", "keyType": "Bigint",
    "tables": [{"name": "public.customers", "column": "id"},
      {"name": "public.orders", "column": "customer_id"}],
    "referenceTables": ["public.countries"], "initialShards": 2},
  "shardTemplate": {"members": 2, "storage": {"size": "1Gi"},
    "resources": {"requests": {"cpu": "100m", "memory": "256Mi"},
      "limits": {"cpu": "1000m", "memory": "512Mi"}}},
  "router": {"replicas": 1}})";

class ShardSetWorld {
 public:
  ShardSetWorld();

  // Makes or replaces the spec.
  void Write(const std::string& spec_json);
  // Passes until one has nothing to do; how many.
  int Settle();
  Result<Outcome> Pass();

  // What controllers and kubelet do: pods of StatefulSets, a leader, a router that is available.
  void StartPods();
  void StopPods();  // of what has no StatefulSet or Deployment any more
  void SetPodReady(const std::string& pod, bool ready);

  Value Get(const kube::ResourceKind& kind, const std::string& name);
  bool Exists(const kube::ResourceKind& kind, const std::string& name);
  std::size_t Count(const kube::ResourceKind& kind);
  std::vector<Value> All(const kube::ResourceKind& kind);
  void Patch(const kube::ResourceKind& kind, const std::string& name,
             const std::string& merge_patch, const std::string& subresource = {});
  void Remove(const kube::ResourceKind& kind, const std::string& name);
  void Create(const kube::ResourceKind& kind, const std::string& name, const std::string& json);
  std::string Condition(const std::string& type);  // "True"
  std::string ConditionReason(const std::string& type);
  std::string ConditionMessage(const std::string& type);
  std::vector<std::string> Shards();  // ids of the table, in order

  Deadline Soon() { return Deadline::After(clock, std::chrono::seconds(30)); }

  const kube::ObjectRef ref{"shop", "orders"};
  fakes::FakeClock clock;
  fakes::FakeKubeApi kube{clock};
  fakes::FakeShardAdmin admin;
  ShardSetController controller{kube, admin, clock, Images{}};

 private:
  void StartPod(const Value& stateful_set, int ordinal);
  void StartLeader(const Value& stateful_set);
};

}  // namespace foreshard::op
