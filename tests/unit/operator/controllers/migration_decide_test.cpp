#include "operator/controllers/migration_decide.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "operator/api/conditions.h"
#include "operator/controllers/cutover_loop.h"
#include "operator/controllers/migration_status.h"
#include "operator/controllers/migration_time.h"
#include "tests/unit/operator/controllers/migration_seen.h"

namespace foreshard::op {
namespace {

using migration::GateState;
using migration::Phase;

TEST(MigrationDecide, OnlyWhoIsMarkedGivesTheKeysBackToTheSource) {
  MigrationObservation seen = Seen(Phase::kAborting);
  seen.source->gate.range->epoch = {2};  // reopened once: routers must hear of the epoch

  const MigrationDecision marked = DecideMigration(seen);
  ASSERT_EQ(marked.step, MigrationStep::kPublishTable);
  EXPECT_EQ(model::OwnerOfKey(*marked.table, "3").value, "s-a");
  EXPECT_EQ(marked.table->epoch.value, 2);
}

// Seed 2932: an old view of an aborted migration, and a table in which another one has moved K.
TEST(MigrationDecide, AnOldViewOfAnAbortTakesNoKeysBack) {
  MigrationObservation seen = Seen(Phase::kAborting);
  seen.set->table = Table(2, "s-b");
  seen.progress.done = migration::Done{.phase = "Aborting", .record = 5};
  seen.spec = SpecOf(seen.migration, *seen.set);

  const MigrationDecision decision = DecideMigration(seen);
  EXPECT_NE(decision.step, MigrationStep::kPublishTable);
}

// Seed 6229951114311783626: a failover lost a reopening. The mover undid all while the controller
// reopened the source, whose gate nobody took away any more.
TEST(MigrationDecide, TheSourceIsMendedBeforeTheMoverUndoesAnything) {
  MigrationObservation seen = Seen(Phase::kAborting);
  seen.migration.status.attempt = 3;
  seen.destination->gate.row->phase = "Cutover";
  EXPECT_EQ(DecideMigration(seen).step, MigrationStep::kReopenSource);
  seen.source->gate.row->attempt = {3};
  EXPECT_EQ(DecideMigration(seen).step, MigrationStep::kEnterDestination);
  seen.destination->gate.row.reset();
  EXPECT_EQ(DecideMigration(seen).step, MigrationStep::kEnterDestination);
}

// Rows that a late abort makes must not tell routers that the source owns what it gave away.
TEST(MigrationDecide, RowsMadeAfterTheKeysLeftClaimNothing) {
  MigrationObservation seen = Seen(Phase::kAborting);
  EXPECT_EQ(SpecOf(seen.migration, *seen.set)->epoch.value, 1);
  seen.set->table = Table(7, "s-b");
  EXPECT_EQ(SpecOf(seen.migration, *seen.set)->epoch.value, 0);
}

// Seeds 5397 and 19113: two cutovers at once gave the same epoch to two tables.
TEST(MigrationDecide, ASecondCutoverOfTheSetWaits) {
  MigrationObservation seen = Seen(Phase::kCutover);
  seen.migration.status.attempt = 1;
  MigrationDecision decision = DecideMigration(seen);
  ASSERT_EQ(decision.step, MigrationStep::kPublishTable);
  EXPECT_EQ(decision.table->switching, (model::Switching{.number = {2}, .record = 5}));

  seen.set->table = *decision.table;
  EXPECT_EQ(DecideMigration(seen).step, MigrationStep::kCutoverTurn);

  seen.set->table->moving.push_back(
      {.migration = "m9", .number = {9}, .range = {"8", ""}, .keys = {}});
  seen.set->table->switching = {.number = {9}, .record = 7};
  decision = DecideMigration(seen);
  EXPECT_TRUE(decision.step == MigrationStep::kWriteStatus ||
              decision.step == MigrationStep::kWait);
  EXPECT_NE(decision.step, MigrationStep::kCutoverTurn);
}

// Seed 12188802376268581670: two leaders gave one number to two migrations, and the aborted one
// took the switch from the other again and again.
TEST(MigrationDecide, AnUnmarkedMigrationOfTheSameNumberLeavesTheSwitchAlone) {
  MigrationObservation seen = Seen(Phase::kAborting);
  seen.set->table->moving = {{.migration = "m9", .number = {2}, .range = {"8", ""}, .keys = {}}};
  seen.set->table->switching = {.number = {2}, .record = 7};
  EXPECT_NE(DecideMigration(seen).step, MigrationStep::kPublishTable);
}

TEST(MigrationDecide, ANumberThatTheTableKnowsAsAnothersIsRefused) {
  MigrationObservation seen = Seen(Phase::kPreparing);
  seen.set->table->moving = {{.migration = "m9", .number = {9}, .range = {"8", ""}, .keys = {}}};
  model::ShardMigration other = seen.migration;
  other.name = "m9";
  other.status.number = 9;
  other.status.phase = ToString(Phase::kCopying);
  seen.set->migrations = {other};
  EXPECT_EQ(DecideMigration(seen).step, MigrationStep::kPublishTable) << "it marks its keys";

  seen.set->table->moving[0].number = {2};
  seen.set->migrations[0].status.number = 2;
  const MigrationDecision refused = DecideMigration(seen);
  ASSERT_EQ(refused.step, MigrationStep::kWriteStatus);
  EXPECT_EQ(refused.status->phase, ToString(Phase::kAborting));
  EXPECT_EQ(FindCondition(refused.status->conditions, "Failed")->reason, "NumberTaken");
}

TEST(MigrationDecide, TheSwitchGoesBackOnceBothShardsKnowThatTheAttemptIsOver) {
  MigrationObservation seen = Seen(Phase::kReady);
  seen.set->table->switching = {.number = {2}, .record = 4};
  const MigrationDecision decision = DecideMigration(seen);
  ASSERT_EQ(decision.step, MigrationStep::kPublishTable);
  EXPECT_FALSE(decision.table->switching);

  seen.source->gate.row->phase = "Cutover";  // an old view of ours stops here
  EXPECT_EQ(DecideMigration(seen).step, MigrationStep::kEnterSource);
}

// behaviour-18
TEST(MigrationDecide, ADryRunEndsWithItsAnswer) {
  MigrationObservation seen = Seen(Phase::kPreflight);
  seen.migration.spec.dry_run = true;
  seen.source.reset();
  seen.destination.reset();
  seen.job.preflight = migration::PreflightResult{.passed = true, .duration_seconds = 40};
  MigrationDecision decision = DecideMigration(seen);
  ASSERT_EQ(decision.step, MigrationStep::kWriteStatus);
  EXPECT_EQ(decision.status->phase, "Completed");
  EXPECT_EQ(decision.status->estimate->duration_seconds, 40);

  seen.migration.status = *decision.status;
  seen.phase = Phase::kCompleted;
  seen.set->table->moving.clear();
  decision = DecideMigration(seen);
  EXPECT_EQ(decision.step, MigrationStep::kDeleteJob);
}

// behaviour-18
TEST(MigrationDecide, ADryRunWaitsForNoShardThatOnlyTheLaterRunMakes) {
  MigrationObservation seen = Seen(Phase::kPlanned);
  seen.migration.spec.destination = {};
  seen.migration.status.destination = {"s-new1"};
  seen.set->table->moving.clear();
  model::ShardStatus source;
  source.id = {"s-a"};
  source.ready = true;
  seen.set->set.status.shard_statuses = {source};
  for (const bool dry_run : {false, true}) {
    seen.migration.spec.dry_run = dry_run;
    seen.spec = SpecOf(seen.migration, *seen.set);
    const MigrationDecision decision = DecideMigration(seen);
    EXPECT_EQ(decision.status && decision.status->phase == "Preflight", dry_run);
  }
}

// Another cutover at the same time may have used the same epoch.
TEST(MigrationDecide, TheLoserLearnsTheNewestEpochBeforeItIsEmptied) {
  MigrationObservation seen = Seen(Phase::kCleaningUp);
  seen.set->table = Table(4, "s-c");
  seen.set->table->moving = {{.migration = "m2", .number = {2}, .range = {"", "8"}, .keys = {}}};
  for (auto* side : {&seen.source, &seen.destination}) {
    (*side)->gate.row->phase = "Soaking";
    (*side)->gate.range = migration::RangeRow{.owner = {"s-c"}, .epoch = {3}};
  }
  seen.source->gate.row->state = GateState::kClosed;
  seen.destination->gate.row->state = GateState::kOpen;

  MigrationDecision decision = DecideMigration(seen);
  EXPECT_EQ(decision.step, MigrationStep::kTellLoser);
  EXPECT_EQ(decision.epoch.value, 4);

  seen.source->gate.range->epoch = {4};
  decision = DecideMigration(seen);
  EXPECT_EQ(decision.step, MigrationStep::kEndStaleConnections);

  seen.memory.connections_record = seen.migration.status.record;
  decision = DecideMigration(seen);
  EXPECT_EQ(decision.step, MigrationStep::kEnterSource);
}

// The keys may come back: what the rows say of this time must be nobody's by then.
TEST(MigrationDecide, BothRangesAreSettledBeforeTheMarkLeavesTheTable) {
  for (const Phase phase : {Phase::kCleaningUp, Phase::kAborting}) {
    MigrationObservation seen = Seen(phase);
    const std::string name = ToString(phase);
    seen.progress.done = migration::Done{.phase = name, .record = 5};
    EXPECT_EQ(DecideMigration(seen).step, MigrationStep::kSettleSource) << name;
    seen.source->gate.range.reset();
    EXPECT_EQ(DecideMigration(seen).step, MigrationStep::kSettleDestination) << name;
    seen.destination->gate.range.reset();
    const MigrationDecision decision = DecideMigration(seen);
    ASSERT_EQ(decision.step, MigrationStep::kPublishTable) << name;
    EXPECT_TRUE(decision.table->moving.empty()) << name;
  }
}

// Found by foreshard-dst: a key was pinned away and came back between Preflight and Preparing; the
// range moved, the mover left the key's rows behind.
TEST(MigrationDecide, AMoverThatWasToldOtherKeysIsReplacedBeforeThereAreRowsForIt) {
  MigrationObservation seen = Seen(Phase::kPreparing);
  seen.set->migrations = {seen.migration};  // or the mark would be that of a dead one
  seen.source->gate.row.reset();
  seen.destination->gate.row.reset();
  seen.job.spec = seen.spec;
  EXPECT_EQ(DecideMigration(seen).step, MigrationStep::kEnterSource);
  seen.job.spec->excluded_keys = {"3"};
  EXPECT_EQ(DecideMigration(seen).step, MigrationStep::kDeleteJob);
  seen.job = {};
  EXPECT_EQ(DecideMigration(seen).step, MigrationStep::kEnterSource);
}

// Seed 3951: pins of an older table made another K, and the reverse slot covered a key too many.
TEST(MigrationDecide, ATableThatIsOlderThanTheMigrationIsNotActedOn) {
  for (const Phase phase : {Phase::kCopying, Phase::kReady, Phase::kCutover, Phase::kSoaking}) {
    MigrationObservation seen = Seen(phase);
    seen.set->table->moving.clear();
    EXPECT_EQ(DecideMigration(seen).step, MigrationStep::kWait) << ToString(phase);
  }
}

// --- Merge ------------------------------------------------------------------------------------

MigrationObservation NewMerge() {
  MigrationObservation seen = Seen(Phase::kPlanned);
  seen.migration.spec.type = model::MigrationType::kMerge;
  seen.migration.spec.range.reset();
  seen.migration.spec.approved = true;
  seen.migration.status = {};
  seen.set->table->moving.clear();
  seen.high = migration::HighWater{.number = {6}, .epoch = {1}};
  return seen;
}

TEST(MigrationDecide, AMergeMovesAllThatTheSourceOwnsAndRemembersIt) {
  MigrationObservation seen = NewMerge();
  seen.set->table->ranges = {{{"", "4"}, {"s-a"}}, {{"4", "8"}, {"s-a"}}, {{"8", ""}, {"s-c"}}};
  const MigrationDecision decision = DecideMigration(seen);
  ASSERT_EQ(decision.step, MigrationStep::kWriteStatus);
  EXPECT_EQ(decision.status->number, 7);
  EXPECT_EQ(decision.status->range, (model::KeyRange{"", "8"}));

  seen.migration.status = *decision.status;
  seen.set->table->ranges = {{{"", ""}, {"s-c"}}};  // after the cutover the table cannot say it
  EXPECT_EQ(SpecOf(seen.migration, *seen.set)->range, (model::KeyRange{"", "8"}));
}

TEST(MigrationDecide, AMergeOfScatteredKeysIsRefusedByName) {
  MigrationObservation scattered = NewMerge();
  scattered.set->table->ranges = {
      {{"", "4"}, {"s-a"}}, {{"4", "8"}, {"s-c"}}, {{"8", ""}, {"s-a"}}};
  MigrationObservation pinned = NewMerge();
  pinned.set->table->pins = {{"12", {"s-a"}}};
  MigrationObservation empty = NewMerge();
  empty.set->table->ranges = {{{"", ""}, {"s-c"}}};
  for (const MigrationObservation& seen : {scattered, pinned, empty}) {
    const MigrationDecision decision = DecideMigration(seen);
    ASSERT_EQ(decision.step, MigrationStep::kWriteStatus);
    EXPECT_EQ(decision.status->phase, "Aborting");
    EXPECT_EQ(FindCondition(decision.status->conditions, "Failed")->reason, "NotOnePiece");
  }
}

// Another migration, which has not begun.
model::ShardMigration MoveTo(const char* shard) {
  model::ShardMigration other;
  other.uid = "uid-other";
  other.spec.source = {"s-b"};
  other.spec.destination = {shard};
  return other;
}

TEST(MigrationDecide, AShardThatWasMergedAwayLeavesTheTableAfterTheEnd) {
  MigrationObservation seen = NewMerge();
  seen.phase = Phase::kCompleted;
  seen.migration.status.phase = "Completed";
  seen.migration.status.number = 7;
  seen.migration.status.destination = {"s-c"};
  seen.job.exists = false;
  seen.set->table->ranges = {{{"", "8"}, {"s-c"}}, {{"8", ""}, {"s-b"}}};
  const auto listed = [](const MigrationDecision& decision) {
    return std::any_of(decision.table->shards.begin(), decision.table->shards.end(),
                       [](const model::ShardAddress& shard) { return shard.id.value == "s-a"; });
  };
  const MigrationDecision decision = DecideMigration(seen);
  ASSERT_EQ(decision.step, MigrationStep::kPublishTable);
  EXPECT_FALSE(listed(decision));

  // Somebody moves keys to it again: it stays.
  seen.set->migrations = {MoveTo("s-a")};
  EXPECT_EQ(DecideMigration(seen).step, MigrationStep::kNothing);
  seen.set->migrations.clear();
  seen.set->table->pins = {{"12", {"s-a"}}};
  EXPECT_EQ(DecideMigration(seen).step, MigrationStep::kNothing) << "it owns a key";
}

TEST(MigrationDecide, AShardThatWasMadeForNothingLeavesTheTableAfterTheEnd) {
  MigrationObservation seen = Seen(Phase::kAborted);
  seen.job = {};
  seen.migration.spec.destination = {};
  seen.migration.status.destination = {"s-new"};
  seen.set->table->moving.clear();
  seen.set->table->shards.push_back({{"s-new"}, "s-new", "s-new"});
  for (const Phase end : {Phase::kAborted, Phase::kRolledBack}) {
    seen.phase = end;
    seen.migration.status.phase = ToString(end);
    const MigrationDecision decision = DecideMigration(seen);
    ASSERT_EQ(decision.step, MigrationStep::kPublishTable) << ToString(end);
    EXPECT_EQ(decision.table->shards.size(), seen.set->table->shards.size() - 1);
  }

  // Somebody has begun to move keys to it.
  seen.set->migrations = {MoveTo("s-new")};
  EXPECT_EQ(DecideMigration(seen).step, MigrationStep::kNothing);
  seen.set->migrations.clear();
  seen.migration.spec.destination = {"s-new"};
  EXPECT_EQ(DecideMigration(seen).step, MigrationStep::kNothing) << "a shard that was there before";
}

// --- Rollback by itself -----------------------------------------------------------------------

MigrationObservation Soaking() {
  MigrationObservation seen = Seen(Phase::kSoaking);
  seen.migration.spec.soak = std::chrono::hours(1);
  seen.set->table = Table(2, "s-c");
  seen.set->table->moving = {{.migration = "m2", .number = {2}, .range = {"", "8"}, .keys = {}}};
  seen.migration.status.attempt = 1;
  seen.source->gate.row->state = GateState::kClosed;
  seen.destination->gate.row->state = GateState::kOpen;
  for (auto* side : {&seen.source, &seen.destination}) {
    (*side)->gate.row->attempt = {1};
    (*side)->gate.range = migration::RangeRow{.owner = {"s-c"}, .epoch = {2}};
  }
  seen.destination->gate.row->drained_lsn = migration::Lsn{10};
  seen.destination->slot = migration::SlotSeen{.active = true, .confirmed_flush = {12}};
  seen.source->subscription = migration::SubscriptionSeen{.enabled = true, .worker = true};
  seen.progress.done = migration::Done{.phase = "Soaking", .record = 5};
  seen.progress.lag_millis = seen.progress.lag_p99_millis = seen.progress.lag_last3_millis = 5;
  seen.monotonic = MonotonicTime(std::chrono::hours(5));
  seen.now += std::chrono::minutes(1);  // since the attempt
  return seen;
}

TEST(MigrationDecide, KeysThatAreServedWorseForHalfAMinuteGoBack) {
  MigrationObservation seen = Soaking();
  seen.memory.worse_why = "LatencyDoubled";
  seen.memory.worse_since = seen.monotonic - std::chrono::seconds(29);
  MigrationDecision decision = DecideMigration(seen);
  ASSERT_EQ(decision.step, MigrationStep::kWriteStatus) << "rollback is possible, that is all";
  EXPECT_EQ(FindCondition(decision.status->conditions, "AutoRollback"), nullptr);

  seen.memory.worse_since = seen.monotonic - std::chrono::seconds(30);
  decision = DecideMigration(seen);
  ASSERT_EQ(decision.step, MigrationStep::kWriteStatus);
  const model::Condition* why = FindCondition(decision.status->conditions, "AutoRollback");
  ASSERT_NE(why, nullptr);
  EXPECT_EQ(why->reason, "LatencyDoubled");
  EXPECT_EQ(decision.status->phase, "Soaking") << "first it is written down";

  // Whoever leads next reads it, however well the shard serves by then.
  seen.migration.status = *decision.status;
  seen.memory = {};
  decision = DecideMigration(seen);
  ASSERT_EQ(decision.step, MigrationStep::kWriteStatus);
  EXPECT_EQ(decision.status->phase, "RollingBack");
  EXPECT_EQ(decision.status->attempt, 2);
}

TEST(MigrationDecide, WithoutAWayBackNothingGoesBackByItself) {
  MigrationObservation seen = Soaking();
  seen.memory.worse_why = "LatencyDoubled";
  seen.memory.worse_since = seen.monotonic - std::chrono::hours(1);
  seen.source->subscription->apply_errors = 1;
  const MigrationDecision decision = DecideMigration(seen);
  ASSERT_EQ(decision.step, MigrationStep::kWriteStatus);
  EXPECT_EQ(FindCondition(decision.status->conditions, "AutoRollback"), nullptr);
  EXPECT_EQ(FindCondition(decision.status->conditions, "RollbackPossible")->reason,
            "ReverseStreamBroken");
}

}  // namespace
}  // namespace foreshard::op
