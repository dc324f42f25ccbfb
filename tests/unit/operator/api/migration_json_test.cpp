#include "operator/api/migration_json.h"

#include <gtest/gtest.h>

namespace foreshard::op {
namespace {

Value Split() {
  return *ParseJson(
      R"({"metadata":{"name":"m","namespace":"shop","uid":"u","resourceVersion":"12"},
    "spec":{
    "shardSetName":"orders","type":"Split","source":"s-a",
    "range":{"from":"40","to":"80"},"soak":"30s"}})");
}

TEST(MigrationJson, ReadsASplit) {
  const Result<model::ShardMigration> migration = ParseShardMigration(ToJson(Split()));
  ASSERT_TRUE(migration.ok()) << migration.error().message;
  EXPECT_EQ(migration->spec.type, model::MigrationType::kSplit);
  EXPECT_EQ(migration->spec.range->from, "40");
  EXPECT_EQ(migration->spec.soak, std::chrono::seconds(30));
  EXPECT_TRUE(migration->spec.approved);
  EXPECT_EQ(migration->status.progress.copy_percent, -1);
}

TEST(MigrationJson, RefusesWhatFitsNoType) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"type":"Isolate","range":null})", "spec.keys"},
      {R"({"type":"Merge","range":null})", "spec.destination"},
      {R"({"range":null})", "spec.range"},
      {R"({"keys":["1"]})", "spec.keys"},
      {R"({"destination":"s-a"})", "spec.destination"},
      {R"({"dryRun":true,"rehearse":true})", "spec.rehearse"},
      {R"({"deadline":"never"})", "spec.deadline: 'never'"},
  };
  for (const auto& [change, named] : cases) {
    Value object = Split();
    const Value parsed = *ParseJson(change);
    for (const auto& [name, item] : parsed.Fields()) object.Member("spec").Set(name, item);
    const Result<model::ShardMigration> migration = ParseShardMigration(ToJson(object));
    ASSERT_FALSE(migration.ok()) << change;
    EXPECT_NE(migration.error().message.find(named), std::string::npos)
        << migration.error().message;
    EXPECT_TRUE(ParseShardMigrationFrame(ToJson(object)).ok()) << "it can still be deleted";
  }
}

TEST(MigrationJson, TheStatusSurvivesBeingWrittenAndRead) {
  model::ShardMigration migration = *ParseShardMigration(ToJson(Split()));
  model::ShardMigrationStatus status;
  status.number = 7;
  status.record = 12;
  status.attempt = 2;
  status.phase = "Cutover";
  status.destination = {"s-new"};
  status.progress.copied_rows = 5;
  status.progress.copy_rows_per_second = 70;
  status.progress.copy_seconds_left = 9;
  status.cutover = model::CutoverStatus{
      .hold_millis = 7, .fenced_retries = 1, .routers_acknowledged = 2, .epoch = 13};
  status.phases = {{.phase = "Copying", .visits = 1, .millis = 12'345, .p99_micros = 0},
                   {.phase = "Cutover",
                    .visits = 2,
                    .millis = 80,
                    .hold_millis = 7,
                    .statements_per_second = 9}};
  status.estimate = model::MigrationEstimate{.duration_seconds = 190, .p80_duration_seconds = 240};
  const Value patch = MigrationStatusPatch(migration, status);
  EXPECT_EQ(patch.At("metadata.resourceVersion").Text(), "12") << "it must be a compare-and-swap";
  Value object = Split();
  object.Set("status", patch["status"]);
  EXPECT_EQ(ParseShardMigration(ToJson(object))->status, status);
}

TEST(MigrationJson, ANewOneIsReadBackAsItWasMeant) {
  model::ShardMigration migration = *ParseShardMigration(ToJson(Split()));
  migration.spec.approved = false;
  const Result<model::ShardMigration> read = ParseShardMigration(ToJson(NewMigration(migration)));
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->spec.source, migration.spec.source);
  EXPECT_EQ(read->spec.range, migration.spec.range);
  EXPECT_FALSE(read->spec.approved);
}

model::ShardMigrationStatus InPhase(const char* phase) {
  model::ShardMigrationStatus status;
  status.phase = phase;
  return status;
}

TEST(MigrationJson, KnowsWhatIsOver) {
  for (const char* phase : {"Completed", "RolledBack", "Aborted", "Failed"}) {
    EXPECT_TRUE(IsTerminal(InPhase(phase))) << phase;
  }
  for (const char* phase : {"", "Planned", "Cutover", "Soaking", "Aborting"}) {
    EXPECT_FALSE(IsTerminal(InPhase(phase))) << phase;
  }
}

}  // namespace
}  // namespace foreshard::op
