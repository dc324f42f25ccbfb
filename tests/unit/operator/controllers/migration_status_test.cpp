#include "operator/controllers/migration_status.h"

#include <gtest/gtest.h>

#include "tests/unit/operator/controllers/migration_seen.h"

namespace foreshard::op {
namespace {

using migration::Phase;
using namespace std::chrono_literals;

// What a person reads of a copy; one that stands still is not written again.
TEST(MigrationStatus, TheSpeedOfTheCopyIsToldAndWhatIsLeftOfIt) {
  MigrationObservation seen = Seen(Phase::kCopying);
  seen.progress.copied_rows = 400;
  seen.progress.total_rows = 1'000;
  seen.progress.copy_rows_per_second = 3;
  seen.progress.copy_seconds_left = 200;
  const auto told = Upkeep(seen, "", "");
  ASSERT_TRUE(told);
  EXPECT_EQ(told->progress.copy_rows_per_second, 3);
  EXPECT_EQ(told->progress.copy_seconds_left, 200);
  seen.migration.status = *told;
  seen.progress.copy_seconds_left = 190;
  EXPECT_FALSE(Upkeep(seen, "", "")) << "nobody would notice";
  seen.progress.copy_seconds_left = 700;  // throttled: no percent more, and much longer
  ASSERT_TRUE(Upkeep(seen, "", ""));
  seen.progress.copied_rows = 1'010;
  const model::ShardMigrationStatus after = MovedTo(seen, Phase::kCatchingUp);
  EXPECT_EQ(after.progress.copied_rows, 1'010) << "the last chunk counts too";
  EXPECT_EQ(after.progress.copy_seconds_left, 0);
}

// Ready and Cutover come again after an attempt that was revoked: one record each.
TEST(MigrationStatus, VisitsOfAPhaseAddUpAndTheLongestHoldStays) {
  MigrationObservation seen = Seen(Phase::kCutover);
  const auto attempt = [&](Phase next, std::chrono::milliseconds took,
                           std::chrono::milliseconds hold) {
    seen.now += took;
    CutoverReport report;
    report.hold = hold;
    migration::CutoverDecision decision;
    decision.step = migration::CutoverStep::kMoveTo;
    decision.next = next;
    seen.migration.status = AfterAttempt(seen, decision, report);
    seen.phase = next;
  };
  attempt(Phase::kReady, 300ms, 40ms);
  seen.now += 5s;
  seen.migration.status = MovedTo(seen, Phase::kCutover);
  seen.phase = Phase::kCutover;
  attempt(Phase::kSoaking, 100ms, 7ms);
  const auto& phases = seen.migration.status.phases;
  ASSERT_EQ(phases.size(), 2u);
  EXPECT_EQ(phases[0].phase, "Cutover");
  EXPECT_EQ(phases[0].visits, 2);
  EXPECT_EQ(phases[0].millis, 400);
  EXPECT_EQ(phases[0].hold_millis, 40);
  EXPECT_EQ(phases[1].phase, "Ready");
  EXPECT_EQ(phases[1].visits, 1);
  EXPECT_EQ(phases[1].millis, 5'000);
  EXPECT_EQ(phases[1].hold_millis, -1);
}

}  // namespace
}  // namespace foreshard::op
