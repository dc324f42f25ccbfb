#include "operator/controllers/audit_decide.h"

#include <gtest/gtest.h>

#include <array>

#include "operator/api/conditions.h"

namespace foreshard::op {
namespace {

using namespace std::chrono_literals;

constexpr auto kDay = 24h;

// A set of two shards in the middle of its day, looked through in this day's pass already.
AuditObservation Quiet() {
  AuditObservation seen;
  seen.now = WallTime(std::chrono::seconds(1'700'000'000));
  seen.interval = kDay;
  seen.set.name_space = "shop";
  seen.set.name = "orders";
  seen.set.uid = "uid-1";
  seen.set.spec.sharding.tables = {{"public.orders", "customer_id"},
                                   {"public.lines", "customer_id"}};
  seen.set.spec.sharding.reference_tables = {"public.countries"};
  seen.created = seen.now - 240h;
  seen.ready = true;
  model::RoutingTable table;
  table.epoch = {12};
  table.ranges = {{{"", "80"}, {"s-b"}}, {{"80", ""}, {"s-a"}}};
  table.shards = {{{"s-b"}, "b", ""}, {{"s-a"}, "a", ""}};
  seen.table = table;
  seen.audit.start_time = FormatRfc3339(NewestSlot("uid-1", kDay, seen.now) + 1s);
  seen.audit.time = FormatRfc3339(NewestSlot("uid-1", kDay, seen.now) + 60s);
  return seen;
}

model::ShardMigration In(const std::string& phase) {
  model::ShardMigration migration;
  migration.status.phase = phase;
  return migration;
}

TEST(AuditDecide, ASetIsLookedThroughOnceAnInterval) {
  AuditObservation seen = Quiet();
  const AuditDecision quiet = DecideAudit(seen);
  EXPECT_EQ(quiet.action, AuditAction::kWait);
  EXPECT_EQ(quiet.reason, "NotDue");
  EXPECT_GT(quiet.wait_for, 0ms) << "time is the only event";
  EXPECT_LE(quiet.wait_for, 1h);
  seen.now = NewestSlot("uid-1", kDay, seen.now) + kDay - 1s;
  EXPECT_EQ(DecideAudit(seen).action, AuditAction::kWait);
  seen.now += 1s;
  EXPECT_EQ(DecideAudit(seen).action, AuditAction::kBegin);
  seen.interval = 0ms;
  EXPECT_EQ(DecideAudit(seen).reason, "Off");
}

TEST(AuditDecide, ANewSetWaitsForItsMomentToo) {
  AuditObservation seen = Quiet();
  seen.audit = {};
  seen.created = seen.now;
  EXPECT_EQ(DecideAudit(seen).reason, "NotDue");
  seen.created = seen.now - kDay;
  EXPECT_EQ(DecideAudit(seen).reason, "Due");
}

TEST(AuditDecide, ManySetsAreSpreadOverTheInterval) {
  const WallTime now = Quiet().now;
  std::array<int, 24> hours{};
  for (int set = 0; set < 2'400; ++set) {
    const WallTime slot = NewestSlot("uid-" + std::to_string(set), kDay, now);
    EXPECT_LE(slot, now);
    EXPECT_GT(slot + kDay, now);
    EXPECT_EQ(NewestSlot("uid-" + std::to_string(set), kDay, slot), slot) << "the moment itself";
    ++hours[static_cast<std::size_t>((now - slot) / 1h)];
  }
  for (const int sets : hours) {
    EXPECT_GT(sets, 50);
    EXPECT_LT(sets, 200);
  }
}

TEST(AuditDecide, WhoAsksGetsAPassOfItsOwn) {
  AuditObservation seen = Quiet();
  seen.verify = "now";
  EXPECT_EQ(DecideAudit(seen).reason, "Asked");
  EXPECT_EQ(NewRun(seen).request, "now");
  seen.audit.request = "now";
  EXPECT_EQ(DecideAudit(seen).reason, "NotDue") << "that was answered";
  seen.interval = 0ms;
  seen.verify = "again";
  EXPECT_EQ(DecideAudit(seen).reason, "Asked") << "also where no pass runs by itself";
}

TEST(AuditDecide, NothingRunsPastVerifyingNorInAPausedSetNorInOneThatIsNotReady) {
  AuditObservation seen = Quiet();
  seen.verify = "now";
  for (const char* phase : {"", "Planned", "Preflight", "Preparing", "Copying", "CatchingUp",
                            "Verifying", "Completed", "RolledBack", "Aborted"}) {
    seen.migrations = {In(phase)};
    EXPECT_EQ(DecideAudit(seen).action, AuditAction::kBegin) << phase;
  }
  for (const char* phase : {"Ready", "Cutover", "Soaking", "RollingBack", "CleaningUp", "Aborting",
                            "OfANewerOperator"}) {
    seen.migrations = {In("Copying"), In(phase)};
    EXPECT_EQ(DecideAudit(seen).reason, "MigrationPastVerifying") << phase;
    EXPECT_GT(DecideAudit(seen).wait_for, 0ms);
  }
  seen.migrations.clear();
  seen.ready = false;
  EXPECT_EQ(DecideAudit(seen).reason, "NotReady");
  seen.paused = true;
  EXPECT_EQ(DecideAudit(seen).reason, "Paused");
  seen = Quiet();
  seen.table.reset();
  EXPECT_EQ(DecideAudit(seen).reason, "NoRoutingTable");
}

TEST(AuditDecide, APassGoesOnWhereItStoodUnlessOwnersHaveChanged) {
  AuditObservation seen = Quiet();
  seen.audit.running = NewRun(seen);
  seen.audit.running->step = 3;
  EXPECT_EQ(seen.audit.running->steps, 5) << "two tables on two shards, and a reference table";
  EXPECT_EQ(DecideAudit(seen).action, AuditAction::kGoOn);
  seen.table->epoch = {13};
  EXPECT_EQ(DecideAudit(seen).reason, "OwnersChanged");
  seen.table->epoch = {12};
  seen.set.spec.sharding.tables.push_back({"public.more", "customer_id"});
  EXPECT_EQ(DecideAudit(seen).action, AuditAction::kBegin) << "steps have other numbers now";
}

TEST(AuditDecide, StepsAreInTheOrderOfShardsAndTables) {
  const std::vector<AuditStep> steps = StepsOf(Quiet());
  ASSERT_EQ(steps.size(), 5u);
  EXPECT_EQ(steps[0].shard.value, "s-a");
  EXPECT_EQ(steps[1].table.name, "public.lines");
  EXPECT_EQ(steps[2].shard.value, "s-b");
  EXPECT_EQ(steps[4].table.name, "public.countries");
  EXPECT_EQ(steps[4].shard.value, "");
}

TEST(AuditDecide, ARepairIsOfWhatWasSeenAndOnlyWhileNothingMoves) {
  AuditObservation seen = Quiet();
  seen.audit.found.strays = {{{"s-a"}, "public.orders", 2, {"7"}}};
  seen.audit.fingerprint = model::Fingerprint(seen.audit.found);
  seen.repair = seen.audit.fingerprint;
  EXPECT_EQ(DecideAudit(seen).action, AuditAction::kRepair);
  seen.repair += " s-b";
  EXPECT_EQ(ParseRepair(seen.repair).right_copy, model::ShardId{"s-b"});
  EXPECT_FALSE(ParseRepair(seen.audit.fingerprint + " - 12:00").right_copy);
  EXPECT_EQ(DecideAudit(seen).action, AuditAction::kRepair);
  seen.migrations = {In("Copying")};
  EXPECT_EQ(DecideAudit(seen).reason, "MigrationUnderWay");
  seen.migrations.clear();
  seen.paused = true;
  EXPECT_EQ(DecideAudit(seen).reason, "Paused");
  seen.paused = false;
  seen.repair = "0123456789abcdef";
  EXPECT_EQ(DecideAudit(seen).action, AuditAction::kRefuseRepair);
  seen.audit.repair =
      model::AuditRepair{.request = seen.repair, .time = {}, .rows = 0, .problem = {}};
  EXPECT_EQ(DecideAudit(seen).reason, "NotDue") << "an answer is given once";
  seen.repair = seen.audit.fingerprint;
  seen.audit.running = NewRun(seen);
  EXPECT_EQ(DecideAudit(seen).action, AuditAction::kGoOn) << "what a pass finds may differ";
}

TEST(AuditDecide, TheConditionSaysWhatWasFoundAndWhatToDo) {
  AuditObservation seen = Quiet();
  EXPECT_EQ(AuditCondition(seen.set, seen.audit).status, "True");
  seen.audit.found.diverged = {{"public.countries", {}}};
  EXPECT_EQ(AuditCondition(seen.set, seen.audit).reason, "ReferenceTablesDiffer");
  seen.audit.found.strays = {{{"s-a"}, "public.orders", 2, {"7"}}};
  const model::Condition condition = AuditCondition(seen.set, seen.audit);
  EXPECT_EQ(condition.status, "False");
  EXPECT_EQ(condition.reason, "StrayRows");
  EXPECT_NE(condition.message.find("2 rows"), std::string::npos);
  EXPECT_NE(condition.message.find("kubectl foreshard verify orders -n shop"), std::string::npos);
}

}  // namespace
}  // namespace foreshard::op
