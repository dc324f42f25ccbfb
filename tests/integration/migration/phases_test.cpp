#include <fmt/format.h>
#include <gtest/gtest.h>

#include "migration/shard_objects.h"
#include "tests/integration/migration/local_operator.h"
#include "tests/integration/migration/oracle.h"
#include "tests/support/needs.h"
#include "tests/support/wait.h"

// What a person may ask for, in every phase, on real PostgreSQL under load.

namespace foreshard::migration {
namespace {

const support::Needs kNeeds({"postgres", "initdb", "psql"});

using namespace std::chrono_literals;
using support::Good;

class InPhase : public testing::TestWithParam<Phase> {
 protected:
  void SetUp() override {
    auto made = TwoShards::Make();
    ASSERT_TRUE(Good(made));
    shards_ = std::move(*made);
    oracle_ = std::make_unique<Oracle>(*shards_, Oracle::Options{.clients = 2});
    oracle_->Load();
    oracle_->Start();
    model::ShardMigrationSpec spec;
    spec.type = MigrationType::kSplit;
    spec.source = {"s-aaaa"};
    spec.destination = {"s-bbbb"};
    spec.range = model::KeyRange{"40", "80"};
    spec.soak = 1s;
    spec.approved = true;
    controller_ = std::make_unique<LocalOperator>(*shards_, spec);
    ASSERT_EQ(controller_->RunUntil(GetParam()), GetParam()) << controller_->Why();
  }
  bool CutOverAlready() const {
    return GetParam() == Phase::kSoaking || GetParam() == Phase::kCleaningUp;
  }
  void ExpectAWholeEnd(Phase end) {
    controller_->Settle();
    oracle_->Stop();
    EXPECT_EQ(oracle_->errors(), 0) << oracle_->first_error();
    EXPECT_EQ(oracle_->Check(end == Phase::kCompleted ? Side::kDestination : Side::kSource), "");
    EXPECT_TRUE(controller_->table().moving.empty());
    EXPECT_FALSE(controller_->table().switching);
    EXPECT_EQ(controller_->job(), nullptr);
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
  std::unique_ptr<LocalOperator> controller_;
};

// behaviour-15
TEST_P(InPhase, AbortEndsItBeforeTheKeysHaveANewOwnerAndNotAfterwards) {
  controller_->object().spec.abort = true;
  const Phase end = controller_->RunToEnd();
  if (GetParam() != Phase::kCutover) {
    EXPECT_EQ(end, CutOverAlready() ? Phase::kCompleted : Phase::kAborted) << controller_->Why();
  }
  ExpectAWholeEnd(end);
}

// behaviour-15
TEST_P(InPhase, DeletingTheObjectEndsItWhole) {
  controller_->object().deleting = true;
  const Phase end = controller_->RunToEnd();
  if (GetParam() != Phase::kCutover) {
    EXPECT_EQ(end, CutOverAlready() ? Phase::kCompleted : Phase::kAborted) << controller_->Why();
  }
  ExpectAWholeEnd(end);
  EXPECT_TRUE(controller_->object().finalizers.empty()) << "now it may go";
}

// behaviour-15
TEST_P(InPhase, PausedItStopsBeforeTheNextPhaseAndGoesOnWhenAsked) {
  controller_->object().spec.paused = true;
  const Deadline end = Deadline::After(shards_->clock(), 4s);
  controller_->RunWhile([&] { return !end.Passed(shards_->clock()); });
  // An attempt is never interrupted, and clean-up is not left half done.
  const bool goes_on = GetParam() == Phase::kCutover || GetParam() == Phase::kCleaningUp;
  if (!goes_on) {
    EXPECT_EQ(controller_->phase(), GetParam()) << controller_->Why();
  }
  controller_->object().spec.paused = false;
  const Phase last = controller_->RunToEnd();
  EXPECT_EQ(last, Phase::kCompleted) << controller_->Why();
  ExpectAWholeEnd(last);
}

INSTANTIATE_TEST_SUITE_P(Migration, InPhase,
                         testing::Values(Phase::kPreflight, Phase::kPreparing, Phase::kCopying,
                                         Phase::kCatchingUp, Phase::kVerifying, Phase::kReady,
                                         Phase::kCutover, Phase::kSoaking, Phase::kCleaningUp),
                         [](const auto& phase) { return std::string(ToString(phase.param)); });

}  // namespace
}  // namespace foreshard::migration
