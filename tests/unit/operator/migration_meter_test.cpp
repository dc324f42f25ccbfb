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

}  // namespace
}  // namespace foreshard::op
