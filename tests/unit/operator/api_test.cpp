#include <gtest/gtest.h>

#include "operator/api/conditions.h"
#include "operator/api/shard_set_json.h"

namespace foreshard::op {
namespace {

constexpr const char* kGood =
    R"({"metadata":{"name":"orders","namespace":"shop","uid":"u","generation":3},"spec":{
  "sharding":{"tables":[{"name":"public.orders","column":"id"}]},
  "shardTemplate":{"storage":{"size":"20Gi"}}}})";

std::string With(const std::string& path, const Value& value) {
  Value object = *ParseJson(kGood);
  Value* place = &object.Member("spec");
  std::string_view rest = path;
  while (true) {
    const std::size_t dot = rest.find('.');
    if (dot == std::string_view::npos) break;
    place = &place->Member(rest.substr(0, dot));
    rest = rest.substr(dot + 1);
  }
  place->Set(rest, value);
  return ToJson(object);
}

TEST(ShardSetJson, TakesTheDefaultsOfTheSchema) {
  const Result<model::ShardSet> set = ParseShardSet(kGood);
  ASSERT_TRUE(set.ok()) << set.error().message;
  EXPECT_EQ(set->name, "orders");
  EXPECT_EQ(set->generation, 3);
  EXPECT_EQ(set->spec.sharding.initial_shards, 2);
  EXPECT_EQ(set->spec.shard_template.members, 2);
  EXPECT_EQ(set->spec.shard_template.storage.size_bytes, std::int64_t{20} << 30);
  EXPECT_EQ(set->spec.scaling.bin, std::chrono::minutes(5));
  EXPECT_EQ(set->spec.scaling.seasons.size(), 2U);
  EXPECT_EQ(set->spec.scaling.max_moved_bytes_per_hour, std::int64_t{50} << 30);
  EXPECT_EQ(set->spec.deletion_policy, model::DeletionPolicy::kRetain);
}

struct Bad {
  const char* path;
  const char* value;
  const char* named;  // what the message must name
};

TEST(ShardSetJson, RefusesWithFieldValueAndWhatWouldBeAccepted) {
  const Bad cases[] = {
      {"postgres.version", R"("9.6")", "spec.postgres.version: '9.6'"},
      {"postgres.database", R"("template1")", "spec.postgres.database: 'template1'"},
      {"postgres.parameters", R"([{"name":"wal_level","value":"minimal"}])",
       "spec.postgres.parameters[0].name: 'wal_level'"},
      {"sharding.strategy", R"("Modulo")", "one of Hash, Range"},
      {"sharding.initialShards", "0", "spec.sharding.initialShards: '0'"},
      {"sharding.tables", "[]", "spec.sharding.tables"},
      {"sharding.tables", R"([{"name":"orders","column":"id"}])", "schema.table"},
      {"sharding.tables", R"([{"name":"a.b","column":"id"},{"name":"a.b","column":"id"}])",
       "each table once"},
      {"sharding.referenceTables", R"(["public.orders"])", "spec.sharding.referenceTables[0]"},
      {"shardTemplate.members", "6", "at most scaling.maxMembers, 5"},
      {"shardTemplate.storage.size", R"("lots")", "spec.shardTemplate.storage.size: 'lots'"},
      {"shardTemplate.storage.maxSize", R"("10Gi")", "at least size, 20Gi"},
      {"shardTemplate.resources.limits", R"({"cpu":"x"})", "resources.limits.cpu: 'x'"},
      {"router.service.type", R"("Gateway")", "spec.router.service.type: 'Gateway'"},
      {"router.boundedStaleness", R"("soon")", "spec.router.boundedStaleness: 'soon'"},
      {"router.accessLog.oneIn", "-1", "spec.router.accessLog.oneIn: '-1'"},
      {"router.accessLog.keys", R"("all")", "spec.router.accessLog.keys: 'all'"},
      {"scaling.minShards", "17", "at most maxShards, 16"},
      {"scaling.limitCpuPercent", "74", "more than targetCpuPercent, 74"},
      {"scaling.planQuantilePercent", "49", "a whole number from 50 to 99"},
      {"scaling.bin", R"("3h")", "at most the horizon"},
      {"scaling.mode", R"("Always")", "one of Off, Observe, Recommend, Auto"},
      {"scaling.freezeWindows", R"([{"name":"f","schedule":"0 0 30 2 *","duration":"1h"}])",
       "spec.scaling.freezeWindows[0].schedule: '0 0 30 2 *'"},
      {"scaling.freezeWindows", R"([{"name":"f","schedule":"0 25 * * *","duration":"1h"}])",
       "hour: '25'"},
      {"scaling.freezeWindows",
       R"([{"name":"f","schedule":"0 0 * * *","duration":"1h","timeZone":"Mars/Olympus"}])",
       "spec.scaling.freezeWindows[0].timeZone: 'Mars/Olympus'"},
      {"metrics.prometheusURL", R"("prometheus:9090")", "spec.metrics.prometheusURL"},
      {"backup", "{}", "spec.backup.repository: '{}' is not accepted; give exactly one of"},
      {"backup.repository", R"({"volume":{"claimName":"a"},"s3":{}})",
       "spec.backup.repository: 'volume and s3'"},
      {"backup.repository", R"({"volume":{}})", "spec.backup.repository.volume.claimName"},
      {"backup.repository",
       R"({"s3":{"endpoint":"https://s3","bucket":"b","region":"r","credentialsSecretName":"c"}})",
       "spec.backup.repository.s3.endpoint: 'https://s3'"},
      {"backup.repository",
       "{\"s3\":{\"endpoint\":\"s3\",\"bucket\":\"b\\nrepo1-path=/\",\"region\":\"r\","
       "\"credentialsSecretName\":\"c\"}}",
       "the name of a bucket"},
      {"backup.repository",
       R"({"s3":{"endpoint":"s3","bucket":"b","region":"r","credentialsSecretName":"c",
                 "path":"shop","uriStyle":"Query"}})",
       "spec.backup.repository.s3.uriStyle: 'Query' is not accepted; give one of Host, Path"},
      {"backup", R"({"repository":{"volume":{"claimName":"a"}},"schedule":{"full":"0 0 30 2 *"}})",
       "spec.backup.schedule.full: '0 0 30 2 *'"},
      {"backup",
       R"({"repository":{"volume":{"claimName":"a"}},"schedule":{"incremental":"0 25 * * *"}})",
       "spec.backup.schedule.incremental: '0 25 * * *'"},
      {"backup",
       R"({"repository":{"volume":{"claimName":"a"}},"schedule":{"timeZone":"Mars/Olympus"}})",
       "spec.backup.schedule.timeZone: 'Mars/Olympus'"},
      {"backup", R"({"repository":{"volume":{"claimName":"a"}},"retention":{"full":0}})",
       "spec.backup.retention.full: '0'"},
      {"backup", R"({"repository":{"volume":{"claimName":"a"}},"points":{"interval":"1s"}})",
       "spec.backup.points.interval: '1s' is not accepted; give from 30s to 24h"},
      {"deletionPolicy", R"("Maybe")", "one of Retain, Delete"},
      {"router", R"([])", "spec.router: '[]' is not accepted; give an object"},
  };
  for (const Bad& bad : cases) {
    const Result<model::ShardSet> set = ParseShardSet(With(bad.path, *ParseJson(bad.value)));
    ASSERT_FALSE(set.ok()) << bad.path << " = " << bad.value;
    EXPECT_EQ(set.error().reason, "InvalidSpec");
    EXPECT_NE(set.error().message.find(bad.named), std::string::npos) << set.error().message;
  }
}

TEST(ShardSetJson, TellsAllProblemsAtOnce) {
  Value object = *ParseJson(With("scaling.mode", Value("Never")));
  object.Member("spec").Set("deletionPolicy", "Burn");
  const Result<model::ShardSet> set = ParseShardSet(ToJson(object));
  ASSERT_FALSE(set.ok());
  EXPECT_NE(set.error().message.find("spec.scaling.mode"), std::string::npos);
  EXPECT_NE(set.error().message.find("spec.deletionPolicy"), std::string::npos);
}

TEST(ShardSetJson, OneMemberCannotReplicateSynchronously) {
  const Result<model::ShardSet> set = ParseShardSet(With("shardTemplate.members", Value(1)));
  ASSERT_FALSE(set.ok());
  EXPECT_NE(set.error().message.find("spec.shardTemplate.synchronousReplication"),
            std::string::npos);
}

TEST(ShardSetJson, EachControllerTellsOnlyItsOwnPartOfTheStatus) {
  model::ShardSet set = *ParseShardSet(kGood);
  model::ShardSetStatus status;
  status.epoch = 4;
  status.conditions = {{.type = "ForecastTrusted",
                        .status = "True",
                        .reason = "A",
                        .message = "",
                        .observed_generation = 3,
                        .last_transition_time = "t"},
                       {.type = "Ready",
                        .status = "True",
                        .reason = "B",
                        .message = "",
                        .observed_generation = 3,
                        .last_transition_time = "t"}};
  model::ShardStatus shard;
  shard.id = {"s-1"};
  shard.cpu_percent = 40;
  shard.forecast_peak_percent = 88;
  status.shard_statuses = {shard};
  const Value fleet = FleetStatusApply(set, status)["status"];
  const Value scaling = ScalingStatusApply(set, status)["status"];
  EXPECT_EQ(fleet["epoch"].Int(), 4);
  EXPECT_TRUE(scaling["epoch"].is_null());
  ASSERT_EQ(fleet["conditions"].Items().size(), 1U);
  EXPECT_EQ(fleet["conditions"].Items()[0]["type"].Text(), "Ready");
  ASSERT_EQ(scaling["conditions"].Items().size(), 1U);
  EXPECT_EQ(scaling["conditions"].Items()[0]["type"].Text(), "ForecastTrusted");
  EXPECT_TRUE(fleet["shardStatuses"].Items()[0]["cpuPercent"].is_null());
  EXPECT_EQ(scaling["shardStatuses"].Items()[0]["cpuPercent"].Int(), 40);
  EXPECT_EQ(scaling["forecastPeakPercent"].Int(), 88);
}

TEST(Conditions, TheTimeOfTransitionChangesWithTheStatusOnly) {
  std::vector<model::Condition> conditions;
  const WallTime start{std::chrono::seconds(1'000'000)};
  model::Condition ready{.type = "Ready",
                         .status = "False",
                         .reason = "A",
                         .message = "m",
                         .observed_generation = 1,
                         .last_transition_time = ""};
  SetCondition(conditions, ready, start);
  const std::string first = conditions[0].last_transition_time;
  ready.reason = "B";
  SetCondition(conditions, ready, start + std::chrono::hours(1));
  EXPECT_EQ(conditions[0].last_transition_time, first);
  EXPECT_EQ(conditions[0].reason, "B");
  ready.status = "True";
  SetCondition(conditions, ready, start + std::chrono::hours(2));
  EXPECT_NE(conditions[0].last_transition_time, first);
  ASSERT_EQ(conditions.size(), 1U);
  EXPECT_TRUE(IsTrue(conditions, "Ready"));
}

TEST(LoadEventJson, ReadsAnEvent) {
  const Result<model::LoadEvent> event =
      ParseLoadEvent(R"({"metadata":{"name":"bf","namespace":"shop"},"spec":{
    "shardSetName":"orders","class":"Campaign","start":"2026-11-27T06:00:00Z",
    "duration":"18h","before":"30m",
    "expectedMultiplierPercent":300,"scope":{"shards":["s-1"],"keys":["7"]}}})");
  ASSERT_TRUE(event.ok()) << event.error().message;
  EXPECT_EQ(event->duration, std::chrono::hours(18));
  EXPECT_EQ(event->expected_multiplier_percent, 300);
  EXPECT_EQ(event->shards.size(), 1U);
  EXPECT_FALSE(
      ParseLoadEvent(R"({"spec":{"shardSetName":"x","class":"C","start":"t","duration":"long"}})")
          .ok());
}

}  // namespace
}  // namespace foreshard::op
