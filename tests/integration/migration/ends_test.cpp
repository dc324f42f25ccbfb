#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "migration/predicate.h"
#include "migration/shard_objects.h"
#include "tests/integration/migration/local_operator.h"
#include "tests/integration/migration/oracle.h"
#include "tests/support/needs.h"
#include "tests/support/wait.h"

// Migrations that end otherwise than asked for by a person at that moment: rehearsed, too late, or
// because clients fared worse.

namespace foreshard::migration {
namespace {

const support::Needs kNeeds({"postgres", "initdb", "psql"});

using namespace std::chrono_literals;
using support::Good;

class EndsTest : public testing::Test {
 protected:
  void SetUp() override {
    auto made = TwoShards::Make();
    ASSERT_TRUE(Good(made));
    shards_ = std::move(*made);
    oracle_ = std::make_unique<Oracle>(*shards_, Oracle::Options{.clients = 2});
    oracle_->Load();
    oracle_->Start();
  }
  static model::ShardMigrationSpec Move() {
    model::ShardMigrationSpec spec;
    spec.type = MigrationType::kMove;
    spec.source = {"s-aaaa"};
    spec.destination = {"s-bbbb"};
    spec.range = model::KeyRange{"40", "80"};
    spec.soak = 10min;
    spec.approved = true;
    return spec;
  }
  static std::string Reason(LocalOperator& controller, std::string_view type) {
    for (const model::Condition& one : controller.object().status.conditions) {
      if (one.type == type && one.status == "True") return one.reason;
    }
    return "";
  }
  // All rows on the source, none on the destination, nothing of the migration anywhere.
  void ExpectEverythingAtHome(LocalOperator& controller) {
    controller.Settle();
    oracle_->Stop();
    EXPECT_EQ(oracle_->errors(), 0) << oracle_->first_error();
    EXPECT_EQ(oracle_->Check(Side::kSource), "");
    EXPECT_GT(oracle_->acknowledged(), 10);
    EXPECT_EQ(model::OwnerOfBound(controller.table(), "60").value, "s-aaaa");
    EXPECT_EQ(shards_->Sql(Side::kDestination, "SELECT count(*) FROM orders"), "0");
    for (const Side side : {Side::kSource, Side::kDestination}) {
      EXPECT_EQ(shards_->Sql(side, fmt::format("SELECT string_agg(kind || ' ' || name, ', ') FROM "
                                               "({}) x",
                                               LeftoverSql(std::nullopt))),
                "NULL")
          << ToString(side);
    }
  }

  std::unique_ptr<TwoShards> shards_;
  std::unique_ptr<Oracle> oracle_;
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

}  // namespace
}  // namespace foreshard::migration
