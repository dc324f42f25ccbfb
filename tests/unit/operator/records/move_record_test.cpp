#include "operator/records/move_record.h"

#include <gtest/gtest.h>

namespace foreshard::op {
namespace {

// Eight GB in 400 s, at which p99 of the source went from 4 ms to 6 ms, and two attempts.
model::ShardMigration Finished() {
  model::ShardMigration migration;
  migration.name = "split-7";
  migration.uid = "u-7";
  migration.spec.source = {"s-aaaa"};
  model::ShardMigrationStatus& status = migration.status;
  status.phase = "Completed";
  status.destination = {"s-new"};
  status.attempt = 2;
  status.start_time = "2026-05-01T09:00:00Z";
  status.completion_time = "2026-05-01T09:20:00Z";
  status.progress.copied_rows = 1'000;
  status.progress.copied_bytes = 8'000'000'000;
  status.estimate = model::MigrationEstimate{.duration_seconds = 500, .p80_duration_seconds = 700};
  status.cutover = model::CutoverStatus{.hold_millis = 5, .fenced_retries = 3};
  status.phases = {{.phase = "Planned",
                    .visits = 1,
                    .millis = 10,
                    .statements_per_second = 900,
                    .errors_per_million = 0,
                    .p99_micros = 4'000},
                   {.phase = "Copying", .visits = 1, .millis = 400'000, .p99_micros = 6'000},
                   {.phase = "Cutover", .visits = 2, .millis = 80, .hold_millis = 9}};
  status.conditions.push_back({.type = "CutOver",
                               .status = "True",
                               .reason = "CutOver",
                               .message = "",
                               .observed_generation = 1,
                               .last_transition_time = "2026-05-01T09:09:00Z"});
  return migration;
}

TEST(MoveRecord, TellsRateDipHoldAndHowWellItWasPredicted) {
  const MoveRecord record = RecordOf(Finished());
  EXPECT_EQ(record.type, "Split");
  EXPECT_EQ(record.destination, "s-new");
  EXPECT_TRUE(record.new_shard);
  EXPECT_EQ(record.outcome, "Completed");
  EXPECT_EQ(record.reason, "");
  EXPECT_EQ(record.cutover_time, "2026-05-01T09:09:00Z");
  EXPECT_EQ(record.copy_bytes_per_second, 20'000'000);
  EXPECT_EQ(record.copy_p99_percent, 150);
  EXPECT_EQ(record.predicted_seconds, 500);
  EXPECT_EQ(record.predicted_p80_seconds, 700);
  EXPECT_EQ(record.attempts, 2);
  EXPECT_EQ(record.refused, 3);
  ASSERT_EQ(record.phases.size(), 3u);
  EXPECT_EQ(record.phases[2].hold_millis, 9);
}

TEST(MoveRecord, WhatIsNotKnownIsNotMadeUp) {
  model::ShardMigration migration = Finished();
  migration.status.phase = "Aborted";
  migration.status.phases = {{.phase = "Planned", .visits = 1, .millis = 10}};
  migration.status.conditions = {{.type = "Failed",
                                  .status = "True",
                                  .reason = "DeadlineExceeded",
                                  .message = "",
                                  .observed_generation = 1,
                                  .last_transition_time = "2026-05-01T09:09:00Z"}};
  const MoveRecord record = RecordOf(migration);
  EXPECT_EQ(record.reason, "DeadlineExceeded");
  EXPECT_EQ(record.cutover_time, "");
  EXPECT_EQ(record.copy_bytes_per_second, 0);
  EXPECT_EQ(record.copy_p99_percent, -1);
}

TEST(MoveRecord, SurvivesBeingWrittenAndRead) {
  const MoveRecord record = RecordOf(Finished());
  const std::string text = ToJson(MoveRecordJson(record));
  const Result<MoveRecord> read = ReadMoveRecord(*ParseJson(text));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, record) << text;
  EXPECT_FALSE(ReadMoveRecord(*ParseJson("{}")));
}

}  // namespace
}  // namespace foreshard::op
