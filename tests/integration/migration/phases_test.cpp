#include <gtest/gtest.h>

#include "tests/integration/migration/walk.h"
#include "tests/support/needs.h"

// What a person may ask for, in every phase, on real PostgreSQL under load.

namespace foreshard::migration {
namespace {

const support::Needs kNeeds({"postgres", "initdb", "psql"});

using namespace std::chrono_literals;

class InPhase : public Walk, public testing::WithParamInterface<Phase> {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(Make());
    Begin(1s, MigrationType::kSplit);
    ASSERT_EQ(controller_->RunUntil(GetParam()), GetParam()) << controller_->Why();
  }
  bool CutOverAlready() const {
    return GetParam() == Phase::kSoaking || GetParam() == Phase::kCleaningUp;
  }
  void ExpectTheEnd(Phase end) {
    controller_->Settle();
    if (end == Phase::kCompleted) HasMoved();
    ExpectNothingLost(0);
    EXPECT_TRUE(controller_->table().moving.empty());
    EXPECT_FALSE(controller_->table().switching);
    EXPECT_EQ(controller_->job(), nullptr);
    ExpectAWholeEnd();
  }
};

// behaviour-15
TEST_P(InPhase, AbortEndsItBeforeTheKeysHaveANewOwnerAndNotAfterwards) {
  controller_->object().spec.abort = true;
  const Phase end = controller_->RunToEnd();
  if (GetParam() != Phase::kCutover) {
    EXPECT_EQ(end, CutOverAlready() ? Phase::kCompleted : Phase::kAborted) << controller_->Why();
  }
  ExpectTheEnd(end);
}

// behaviour-15
TEST_P(InPhase, DeletingTheObjectEndsItWhole) {
  controller_->object().deleting = true;
  const Phase end = controller_->RunToEnd();
  if (GetParam() != Phase::kCutover) {
    EXPECT_EQ(end, CutOverAlready() ? Phase::kCompleted : Phase::kAborted) << controller_->Why();
  }
  ExpectTheEnd(end);
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
  ExpectTheEnd(last);
}

INSTANTIATE_TEST_SUITE_P(Migration, InPhase,
                         testing::Values(Phase::kPreflight, Phase::kPreparing, Phase::kCopying,
                                         Phase::kCatchingUp, Phase::kVerifying, Phase::kReady,
                                         Phase::kCutover, Phase::kSoaking, Phase::kCleaningUp),
                         [](const auto& phase) { return std::string(ToString(phase.param)); });

}  // namespace
}  // namespace foreshard::migration
