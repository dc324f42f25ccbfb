#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "migration/predicate.h"
#include "operator/records/move_record_store.h"
#include "tests/fakes/fake_kube_api.h"
#include "tests/integration/migration/walk.h"
#include "tests/support/needs.h"
#include "tests/support/wait.h"

// Migrations that end otherwise than asked for by a person at that moment: rehearsed, too late, or
// because clients fared worse.

namespace foreshard::migration {
namespace {

const support::Needs kNeeds({"postgres", "initdb", "psql"});

using namespace std::chrono_literals;

class EndsTest : public Walk {
 protected:
  void SetUp() override { Make(); }
  static model::ShardMigrationSpec Move() { return SpecOfRange(MigrationType::kMove, true, 10min); }
  static std::string Reason(LocalOperator& controller, std::string_view type,
                            std::string_view status = "True") {
    for (const model::Condition& one : controller.object().status.conditions) {
      if (one.type == type && one.status == status) return one.reason;
    }
    return "";
  }
  // All rows on the source, none on the destination, nothing of the migration anywhere.
  void ExpectEverythingAtHome(LocalOperator& controller) {
    controller.Settle();
    ExpectNothingLost(10);
    EXPECT_EQ(model::OwnerOfBound(controller.table(), "60").value, "s-aaaa");
    EXPECT_EQ(shards_->Sql(Side::kDestination, "SELECT count(*) FROM orders"), "0");
    ExpectNothingLeft(*shards_);
  }
};

TEST_F(EndsTest, ARehearsalDoesEverythingButTheCutover) {
  model::ShardMigrationSpec spec = Move();
  spec.rehearse = true;
  LocalOperator controller(*shards_, spec);
  std::vector<std::string> phases;
  controller.after_pass = [&] {
    const std::string& phase = controller.object().status.phase;
    if (phases.empty() || phases.back() != phase) phases.push_back(phase);
  };
  ASSERT_EQ(controller.RunToEnd(), Phase::kAborted) << controller.Why();
  EXPECT_EQ(std::count(phases.begin(), phases.end(), "Ready"), 1) << "it came as far as it may";
  EXPECT_EQ(std::count(phases.begin(), phases.end(), "Cutover"), 0);
  EXPECT_EQ(oracle_->fenced(), 0) << "no client was ever refused";
  EXPECT_NE(controller.Why().find("Rehearsed"), std::string::npos) << controller.Why();
  EXPECT_EQ(Reason(controller, "Failed"), "") << "a rehearsal that went well has not failed";
  EXPECT_GT(controller.object().status.progress.copied_rows, 0);
  ExpectEverythingAtHome(controller);
}

TEST_F(EndsTest, AfterItsDeadlineItIsAborted) {
  model::ShardMigrationSpec spec = Move();
  spec.deadline = 4s;
  LocalOperator controller(*shards_, spec);
  bool paused = false;
  controller.after_pass = [&] {  // so that no machine is fast enough
    if (!paused && controller.phase() == Phase::kCopying)
      controller.object().spec.paused = paused = true;
  };
  ASSERT_EQ(controller.RunToEnd(), Phase::kAborted) << controller.Why();
  EXPECT_TRUE(paused);
  EXPECT_EQ(Reason(controller, "Failed"), "DeadlineExceeded") << controller.Why();
  ExpectEverythingAtHome(controller);
}

TEST_F(EndsTest, ServedWorseTheKeysGoBackByThemselves) {
  LocalOperator controller(*shards_, Move());
  controller.service["s-aaaa"] = {
      .statements_per_second = 500, .error_ratio = 0, .p99_seconds = 0.004};
  controller.service["s-bbbb"] = {
      .statements_per_second = 500, .error_ratio = 0, .p99_seconds = 0.300};
  ASSERT_EQ(controller.RunUntil(Phase::kSoaking), Phase::kSoaking) << controller.Why();
  ASSERT_EQ(controller.RunToEnd(240s), Phase::kRolledBack) << controller.Why();
  EXPECT_FALSE(controller.object().spec.rollback) << "nobody asked";
  EXPECT_NE(controller.Why().find("LatencyDoubled"), std::string::npos) << controller.Why();
  ExpectEverythingAtHome(controller);
}

// The operator dies as it leaves each of two phases; what they took is in the record all the same.
TEST_F(EndsTest, WhatItTookIsKeptThroughDeathsOfTheOperator) {
  model::ShardMigrationSpec spec = Move();
  spec.soak = 1s;
  LocalOperator controller(*shards_, spec);
  controller.service["s-aaaa"] = {
      .statements_per_second = 500, .error_ratio = 0, .p99_seconds = 0.004};
  const SystemClock clock;
  fakes::FakeKubeApi api(clock);
  const op::SetName set{.name_space = "shop", .name = "orders", .uid = {}};
  controller.keep_record = [&](const op::MigrationObservation& seen, Deadline deadline) {
    return op::KeepMoveRecord(api, set, op::RecordOf(seen.migration), deadline);
  };
  std::set<Phase> died;
  controller.after_pass = [&] {
    const Phase phase = controller.phase();
    if ((phase == Phase::kCopying || phase == Phase::kCleaningUp) && died.insert(phase).second)
      controller.death = LocalOperator::Death{.call = "WriteStatus", .after = true};
  };
  ASSERT_EQ(controller.RunToEnd(), Phase::kCompleted) << controller.Why();
  controller.Settle();
  oracle_->Stop();
  EXPECT_EQ(controller.deaths(), 2);

  std::vector<op::MoveRecord> records;
  op::MoveRecordReader().Read(api, set, records, Deadline::After(clock, 5s));
  ASSERT_EQ(records.size(), 1u);
  const op::MoveRecord& record = records[0];
  EXPECT_EQ(record.outcome, "Completed");
  EXPECT_GT(record.rows, 0);
  EXPECT_GT(record.copy_bytes_per_second, 0);
  EXPECT_GT(controller.object().status.progress.copy_rows_per_second, 0) << "the mover's word";
  EXPECT_EQ(controller.object().status.progress.copy_seconds_left, 0);
  EXPECT_GT(record.predicted_seconds, 0);
  std::map<std::string, model::MigrationPhase> phases;
  std::int64_t millis = 0;
  for (const model::MigrationPhase& one : record.phases) {
    phases[one.phase] = one;
    millis += one.millis;
  }
  for (const char* phase : {"Planned", "Preflight", "Preparing", "Copying", "CatchingUp",
                            "Verifying", "Ready", "Cutover", "Soaking", "CleaningUp"}) {
    EXPECT_GE(phases[phase].visits, 1) << phase;
    EXPECT_EQ(phases[phase].hold_millis >= 0, std::string_view(phase) == "Cutover") << phase;
  }
  EXPECT_GT(phases["Copying"].millis, 0);
  EXPECT_GE(phases["Soaking"].millis, 1'000);
  EXPECT_EQ(phases["Planned"].p99_micros, 4'000);
  const auto since = [](const std::string& text) { return *ParseRfc3339(text); };
  const auto whole = since(record.completion_time) - since(record.start_time);
  const std::chrono::duration<double, std::milli> whole_millis = whole;
  EXPECT_NEAR(static_cast<double>(millis), whole_millis.count(), 1'100)
      << "no second of it is missing; the two times are whole seconds";
}

// What anti-entropy can know of a row that is gone from its owner: as long as the source has it,
// the soak finds it, and the source's copy stays until a person has put it right.
TEST_F(EndsTest, ARowThatIsMissingOnItsOwnerKeepsTheSourcesCopy) {
  model::ShardMigrationSpec spec = Move();
  spec.soak = 1s;
  LocalOperator controller(*shards_, spec);
  const std::string id =
      shards_->Sql(Side::kSource, fmt::format("SELECT max(customer_id) FROM orders WHERE {}",
                                              PredicateSql(shards_->Spec(), "customer_id")));
  const std::string row = fmt::format("customer_id = {} AND id = -1", id);
  const std::string price = shards_->Sql(Side::kSource, "SELECT price FROM orders WHERE " + row);
  bool lost = false;
  controller.after_pass = [&] {  // after Verifying, before the reverse stream begins
    if (lost || controller.phase() != Phase::kReady) return;
    lost = true;
    shards_->Sql(Side::kDestination,
                 "SET session_replication_role = replica; DELETE FROM orders WHERE " + row);
  };
  const auto failure = [&] {
    return shards_->Sql(Side::kDestination,
                        "SELECT progress->'failure'->>'reason' FROM foreshard.migration");
  };
  ASSERT_EQ(controller.RunUntil(Phase::kSoaking), Phase::kSoaking) << controller.Why();
  ASSERT_TRUE(lost);
  EXPECT_EQ(model::OwnerOfBound(controller.table(), "60").value, "s-bbbb");
  const SystemClock clock;
  const auto limit = clock.Monotonic() + 60s;
  const auto soon = [&] { return clock.Monotonic() < limit; };
  controller.RunWhile([&] { return soon() && failure() != "DigestMismatch"; });
  controller.RunWhile(
      [&] { return soon() && Reason(controller, "Completed", "False") != "DigestMismatch"; });
  EXPECT_EQ(Reason(controller, "Completed", "False"), "DigestMismatch") << controller.Why();
  EXPECT_EQ(Reason(controller, "RollbackPossible", "False"), "DigestNotCompared");
  const auto since = ParseRfc3339(controller.object().status.phase_start_time);
  controller.RunWhile([&] { return clock.Wall() - *since < 3s; });  // the soak is over
  EXPECT_EQ(controller.phase(), Phase::kSoaking);
  EXPECT_EQ(shards_->Sql(Side::kSource, "SELECT count(*) FROM orders WHERE " + row), "1");

  // As docs/runbooks/migration-failed.md says: the reverse stream brings it to the source again.
  shards_->Sql(Side::kSource,
               "SET session_replication_role = replica; DELETE FROM orders WHERE " + row);
  shards_->Sql(Side::kDestination,
               fmt::format("SET session_replication_role = replica; INSERT INTO orders "
                           "(customer_id, id, price) VALUES ({}, -1, {})",
                           id, price));
  ASSERT_EQ(controller.RunToEnd(), Phase::kCompleted) << controller.Why();
  oracle_->Stop();
  EXPECT_EQ(oracle_->errors(), 0) << oracle_->first_error();
  EXPECT_EQ(oracle_->Check(Side::kDestination), "");
  EXPECT_EQ(shards_->Sql(Side::kDestination, "SELECT count(*) FROM orders WHERE " + row), "1");
}

}  // namespace
}  // namespace foreshard::migration
