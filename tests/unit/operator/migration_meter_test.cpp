#include "operator/migration_meter.h"

#include <gtest/gtest.h>

#include "tests/fakes/fake_clock.h"

namespace foreshard::op {
namespace {

bool Has(Exporter& exporter, const std::string& line) {
  const std::string text = exporter.Text();
  return ("\n" + text).find("\n" + line) != std::string::npos;
}

TEST(MigrationMeter, ShowsWhereItStandsAndHowLongPhasesTook) {
  Exporter exporter;
  fakes::FakeClock clock;
  MigrationMeter meter(exporter, clock);
  model::ShardMigration migration;
  migration.name_space = "shop";
  migration.name = "split";
  migration.uid = "u";
  migration.spec.shard_set_name = "orders";
  migration.status.phase = "Copying";
  meter.Look(migration);
  EXPECT_NE(exporter.Text().find("phase=\"Copying\",shardset=\"orders\",type=\"Split\"} 1"),
            std::string::npos)
      << exporter.Text();
  clock.Advance(std::chrono::seconds(30));
  migration.status.phase = "CatchingUp";
  meter.Look(migration);
  EXPECT_TRUE(
      Has(exporter, "foreshard_migration_seconds_sum{phase=\"Copying\",type=\"Split\"} 30"));
  migration.status.phase = "Aborted";
  migration.status.conditions = {{.type = "Failed",
                                  .status = "True",
                                  .reason = "VerifyFailed",
                                  .message = "",
                                  .observed_generation = 1,
                                  .last_transition_time = ""}};
  meter.Look(migration);
  EXPECT_TRUE(Has(exporter, "foreshard_migration_failures_total{reason=\"VerifyFailed\"} 1"));
  EXPECT_EQ(exporter.Text().find("migration=\"split\""), std::string::npos);
}

model::ShardMigration Running(const char* name, const char* uid) {
  model::ShardMigration migration;
  migration.name_space = "shop";
  migration.name = name;
  migration.uid = uid;
  migration.spec.shard_set_name = "orders";
  migration.status.phase = "Copying";
  return migration;
}

TEST(MigrationMeter, WhatIsForgottenIsShownAgainOnlyWhenItIsSeenAgain) {
  Exporter exporter;
  fakes::FakeClock clock;
  MigrationMeter meter(exporter, clock);
  meter.Look(Running("split", "u"));
  meter.Look(Running("move", "v"));
  meter.Forget({"shop", "split"});
  EXPECT_EQ(exporter.Text().find("migration=\"split\""), std::string::npos) << "a stuck series";
  EXPECT_NE(exporter.Text().find("migration=\"move\""), std::string::npos);
  meter.Look(Running("split", "u"));
  EXPECT_NE(exporter.Text().find("migration=\"split\""), std::string::npos);
}

TEST(MigrationMeter, LeftoversAddUpAndEndWithTheirMigration) {
  Exporter exporter;
  fakes::FakeClock clock;
  MigrationMeter meter(exporter, clock);
  meter.SetLeftovers({"shop", "split"}, 3);
  meter.SetLeftovers({"shop", "move"}, 2);
  EXPECT_TRUE(Has(exporter, "foreshard_leftover_objects 5"));
  meter.SetLeftovers({"shop", "split"}, 1);
  EXPECT_TRUE(Has(exporter, "foreshard_leftover_objects 3"));
  meter.Forget({"shop", "move"});
  EXPECT_TRUE(Has(exporter, "foreshard_leftover_objects 1"));
}

}  // namespace
}  // namespace foreshard::op
