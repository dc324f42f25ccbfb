#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"
#include "operator/api/duration.h"
#include "operator/api/migration_json.h"
#include "operator/api/quantity.h"
#include "operator/api/routing_table_json.h"
#include "operator/api/shard_set_json.h"
#include "operator/builders/patroni_config.h"
#include "operator/builders/router_deployment.h"
#include "operator/builders/stateful_set.h"
#include "operator/metrics/prometheus_json.h"
#include "operator/routers/heat_json.h"
#include "tests/fuzz/operator/damaged.h"

// Objects that a person with kubectl, an older CRD, a broken router or a lying Prometheus may send:
// damaged in their structure and in their bytes. Nothing of it may end the process, and what is
// accepted must be usable.

namespace foreshard::op {
namespace {

constexpr const char* kShardSet = R"({"apiVersion":"foreshard.dev/v1alpha1","kind":"ShardSet",
  "metadata":{"name":"orders","namespace":"shop","uid":"u","generation":3,"resourceVersion":"9",
    "finalizers":["foreshard.dev/shardset"],"annotations":{"foreshard.dev/pause":"false"}},
  "spec":{"postgres":{"version":"15","database":"app","parameters":[{"name":"work_mem",
    "value":"4MB"}]},
  "sharding":{"strategy":"Hash","keyType":"Bigint","tables":[{"name":"public.customers",
    "column":"id"},
    {"name":"public.orders","column":"customer_id"}],"referenceTables":["public.countries"],
    "initialShards":2},
  "shardTemplate":{"members":2,"synchronousReplication":true,
    "storage":{"size":"20Gi","maxSize":"200Gi","storageClassName":"fast"},
    "resources":{"requests":{"cpu":"1","memory":"2Gi"},"limits":{"cpu":"1","memory":"2Gi"}},
    "zones":["a","b"],"affinity":{},"tolerations":[{"key":"k","operator":"Exists"}],
    "nodeSelector":{"disk":"ssd"},"priorityClassName":"high"},
  "router":{"replicas":2,"service":{"type":"ClusterIP","port":5432},"serverConnectionsPerShard":20,
    "clientConnections":2000,"resources":{"requests":{"cpu":"500m"}},"tls":{"mode":"Prefer",
    "secretName":""},
    "readConsistency":"Strong","boundedStaleness":"500ms",
    "accessLog":{"oneIn":1000,"users":true,"keys":false}},
  "scaling":{"mode":"Auto","minShards":2,"maxShards":16,"maxMembers":5,"targetCpuPercent":70,
    "limitCpuPercent":80,"targetStoragePercent":70,"bin":"5m","seasons":["24h","168h"],
    "horizon":"2h",
    "planQuantilePercent":95,"benefitRatioPercent":130,"scaleInConfirmations":3,"coolDown":"1h",
    "maxConcurrentMigrations":1,"maxMovedBytesPerHour":"50Gi",
    "freezeWindows":[{"name":"payroll","schedule":"0 8 28 * *","duration":"4h","timeZone":"UTC"}]},
  "metrics":{"prometheusURL":"http://p:9090","history":"28d","selector":""},
    "deletionPolicy":"Retain"},
  "status":{"observedGeneration":2,"epoch":1,"shards":2,"conditions":[{"type":"Ready",
    "status":"True",
    "reason":"r","message":"m","lastTransitionTime":"2026-05-01T09:10:00Z"}],
    "shardStatuses":[{"id":"s-a","ready":true,"primary":"p","members":2,"ranges":["-80"],
    "sizeBytes":9,
    "cpuPercent":41}],"orphanedShards":[{"id":"s-b","reason":"x"}],
    "plan":{"time":"t","steps":[{"type":"Split","shard":"s-a"}],"summary":"s",
    "decision":"Waiting"}}})";

constexpr const char* kMigration =
    R"({"apiVersion":"foreshard.dev/v1alpha1","kind":"ShardMigration",
  "metadata":{"name":"m","namespace":"shop","uid":"u"},"spec":{"shardSetName":"orders",
    "type":"Split",
  "source":"s-a","destination":"","range":{"from":"40","to":"80"},"keys":[],"deadline":"6h",
    "soak":"10m",
  "dryRun":false,"rehearse":false,"approved":true,"paused":false,"abort":false,"rollback":false},
  "status":{"observedGeneration":1,"number":7,"record":12,"attempt":1,"phase":"CatchingUp",
  "progress":{"copiedRows":1,"copyPercent":-1},"cutover":{"holdMillis":7,"epoch":13},
  "estimate":{"durationSeconds":190},"startTime":"2026-05-01T09:10:00Z","conditions":[]}})";

constexpr const char* kTable = R"({"apiVersion":"foreshard.dev/v1alpha1","kind":"RoutingTable",
  "metadata":{"name":"orders","namespace":"shop","annotations":{"foreshard.dev/switching":"7/12"}},
  "spec":{"shardSetName":"orders","epoch":12,"ranges":[{"from":"","to":"80","shard":"s-a"},
  {"from":"80","to":"","shard":"s-b"}],"pins":[{"key":"4711","shard":"s-b"}],
  "shards":[{"id":"s-a","primaryService":"a","replicaService":"b"},{"id":"s-b",
    "primaryService":"c"}],
  "moving":[{"migration":"m","range":{"from":"40","to":"80"},"keys":["1"]}]}})";

constexpr const char* kEvent = R"({"metadata":{"name":"e","namespace":"shop"},"spec":{
  "shardSetName":"orders","class":"Campaign","start":"2026-11-27T06:00:00Z","duration":"18h",
  "recurrence":"FREQ=WEEKLY;BYDAY=MO","timeZone":"UTC","before":"30m","after":"2h",
  "expectedMultiplierPercent":300,"scope":{"shards":["s-a"],"keys":["1"]}}})";

constexpr const char* kHeat = R"({"ranges":[{"from":"","to":"80","shard":"s-a","backendNanos":2,
  "samples":[{"quarter":0,"totalWeight":1.5,"offered":9,"keys":["2","7"]}]}],
  "keys":[{"key":"1","count":9,"error":1}],"pairs":[]})";

constexpr const char* kMatrix = R"({"status":"success","data":{"resultType":"matrix","result":[
  {"metric":{"shard":"s-a"},"values":[[1.5,"1"],[2.5,"NaN"],[3.5,"1e9"]]}]}})";

void ExpectUsable(const model::ShardSetSpec& spec) {
  EXPECT_FALSE(spec.sharding.tables.empty());
  EXPECT_GT(spec.shard_template.storage.size_bytes, 0);
  EXPECT_TRUE(spec.shard_template.storage.max_size.empty() ||
              spec.shard_template.storage.max_size_bytes >= spec.shard_template.storage.size_bytes);
  EXPECT_LE(spec.scaling.min_shards, spec.scaling.max_shards);
  EXPECT_LT(spec.scaling.target_cpu_percent, spec.scaling.limit_cpu_percent);
  EXPECT_GE(spec.scaling.plan_quantile_percent, 50);
  EXPECT_LE(spec.scaling.plan_quantile_percent, 99);
  EXPECT_LE(spec.shard_template.members, spec.scaling.max_members);
  EXPECT_GE(spec.scaling.bin, std::chrono::seconds(1));
  EXPECT_GE(spec.scaling.horizon, spec.scaling.bin);
  for (const std::chrono::milliseconds season : spec.scaling.seasons) EXPECT_GT(season.count(), 0);
  EXPECT_GT(spec.metrics.history.count(), 0);
}

// behaviour-06
TEST(ObjectsFuzz, AShardSetIsRefusedByFieldOrBecomesObjects) {
  FuzzDamaged(kShardSet, 2'000, [](const std::string& text) {
    const auto set = ParseShardSet(text);
    const auto frame = ParseShardSetFrame(text);
    if (!set) {
      EXPECT_EQ(set.error().kind, Error::Kind::kGiveUp);
      EXPECT_FALSE(set.error().message.empty());
      if (frame) {  // it is JSON: then a field is named
        EXPECT_EQ(set.error().reason, "InvalidSpec");
        EXPECT_NE(set.error().message.find("spec"), std::string::npos) << set.error().message;
      }
      return false;
    }
    EXPECT_TRUE(frame.ok());
    ExpectUsable(set->spec);
    const SetName name = NameOf(*set);
    for (const Value& object : {BuildStatefulSet(name, {"s-a"}, set->spec, Images{}),
                                BuildPatroniConfigMap(name, {"s-a"}, set->spec),
                                BuildRouterDeployment(name, set->spec, Images{})}) {
      EXPECT_TRUE(ParseJson(ToJson(object)).ok());
    }
    EXPECT_TRUE(ParseJson(ToJson(FleetStatusApply(*set, set->status))).ok());
    return true;
  });
}

TEST(ObjectsFuzz, AMigrationIsRefusedOrReadTheSameAgain) {
  FuzzDamaged(kMigration, 2'000, [](const std::string& text) {
    const auto migration = ParseShardMigration(text);
    EXPECT_TRUE(ParseShardMigrationFrame(text).ok() || !migration.ok());
    if (!migration) {
      EXPECT_EQ(migration.error().kind, Error::Kind::kGiveUp);
      return false;
    }
    const auto again = ParseShardMigration(ToJson(NewMigration(*migration)));
    EXPECT_TRUE(again.ok()) << (again.ok() ? "" : again.error().message);
    EXPECT_EQ(again.ok() ? again->spec.keys : migration->spec.keys, migration->spec.keys);
    return true;
  });
}

TEST(ObjectsFuzz, ATableIsRefusedOrReadTheSameAgain) {
  const model::KeySpace space{.strategy = model::Strategy::kHash,
                              .key_type = model::KeyType::kBigint};
  FuzzDamaged(kTable, 2'000, [&space](const std::string& text) {
    const auto table = ParseRoutingTable(text, space);
    if (!table) return false;
    static_cast<void>(model::Validate(*table).ok());
    const Value object = Value::Object({{"spec", RoutingTableSpec(*table)}});
    const auto again = ParseRoutingTable(ToJson(object), space);
    EXPECT_TRUE(again.ok());
    if (again) {
      EXPECT_EQ(ToJson(RoutingTableSpec(*again)), ToJson(RoutingTableSpec(*table)));
    }
    return true;
  });
}

TEST(ObjectsFuzz, EventsHeatAndMetricsAreReadOrRefused) {
  const model::KeySpace space{.strategy = model::Strategy::kHash,
                              .key_type = model::KeyType::kBigint};
  FuzzDamaged(kEvent, 2'000, [](const std::string& text) { return ParseLoadEvent(text).ok(); });
  FuzzDamaged(kHeat, 2'000, [&space](const std::string& text) {
    auto heat = ParseHeat(text, space);
    if (heat) MergeHeat(*heat, *heat);
    return heat.ok();
  });
  FuzzDamaged(kMatrix, 2'000, [](const std::string& text) {
    const auto matrix = ParseMatrix(text);
    if (!matrix) return false;
    for (const MetricSeries& series : *matrix)
      for (const Sample& sample : series.samples) EXPECT_TRUE(std::isfinite(sample.value));
    return true;
  });
}

// A router whose certificate was stolen answers what it likes.
TEST(ObjectsFuzz, DepthEndsInAnErrorAndNotInTheStack) {
  for (const char* open : {"[", "{\"a\":", "[{\"b\":"}) {
    std::string text;
    for (int i = 0; i < 1'000'000; ++i) text += open;
    const auto parsed = ParseJson(text);
    ASSERT_FALSE(parsed);
    EXPECT_NE(parsed.error().message.find("200 levels"), std::string::npos);
  }
  EXPECT_TRUE(ParseJson(R"(["[[[[\"[{", ["]"]])")) << "brackets in texts are no levels";
}

TEST(ObjectsFuzz, QuantitiesAndDurationsNeverOverflowSilently) {
  Random random(7);
  constexpr std::string_view kLetters = "0123456789.eE+-mkMGTPEiunsh d";
  for (int i = 0; i < 50'000; ++i) {
    std::string text;
    for (std::uint64_t n = random.Below(24); n > 0; --n)
      text += kLetters[random.Below(kLetters.size())];
    const auto quantity = ParseQuantity(text);
    const auto milli = ParseMilliQuantity(text);
    const bool both = quantity && milli && *quantity > 0;
    EXPECT_TRUE(!both || *milli >= *quantity) << text;
    const auto duration = ParseDuration(text);
    if (!duration) continue;
    EXPECT_GE(duration->count(), 0) << text;
    const auto again = ParseDuration(FormatDuration(*duration));
    ASSERT_TRUE(again.ok()) << text << " -> " << FormatDuration(*duration);
    EXPECT_EQ(*again, *duration) << text;
  }
}

}  // namespace
}  // namespace foreshard::op
