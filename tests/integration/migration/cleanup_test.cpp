#include <fmt/format.h>
#include <gtest/gtest.h>

#include <thread>

#include "migration/mover.h"
#include "migration/predicate.h"
#include "tests/integration/migration/stage.h"
#include "tests/support/needs.h"

namespace foreshard::migration {
namespace {

const support::Needs kNeeds({"postgres", "initdb", "psql"});

using support::Good;

// Two shards with rows on one, before anything is copied.
class AbortTest : public testing::Test {
 protected:
  void SetUp() override {
    auto made = TwoShards::Make();
    ASSERT_TRUE(Good(made));
    shards_ = std::move(*made);
    shards_->Sql(Side::kSource, kSomeRows);
    stage_ = std::make_unique<Stage>(*shards_);
  }
  std::string RowsOfK(Side side) {
    return shards_->Sql(side, fmt::format("SELECT count(*) FROM public.orders WHERE {}",
                                          PredicateSql(shards_->Spec(), "customer_id")));
  }

  std::unique_ptr<TwoShards> shards_;
  std::unique_ptr<Stage> stage_;
};

class CleanupTest : public AbortTest {
 protected:
  void SetUp() override {
    AbortTest::SetUp();
    if (!HasFatalFailure()) stage_->Stream();
  }
};

// Two looks around the publication of a pin made the rows: the source's leaves a key out, the destination's and the mover's
// do not. Found by foreshard-dst.
constexpr const char* kOtherKeys = "UPDATE foreshard.range SET keys = '{77}'";

TEST_F(AbortTest, WithNothingCopiedEndsWhateverKeysTheRowsName) {
  stage_->Enter(Phase::kAborting);
  shards_->Sql(Side::kSource, kOtherKeys);
  shards_->Sql(Side::kDestination, kSomeRows);  // another migration's
  const std::string before = RowsOfK(Side::kDestination);
  Board board;
  Mover mover(stage_->options(), shards_->clock(), board, {});
  const auto step = mover.Step();
  ASSERT_TRUE(Good(step));
  EXPECT_EQ(*step, Mover::Outcome::kFinished);
  EXPECT_NE(before, "0");
  EXPECT_EQ(RowsOfK(Side::kDestination), before);
}

TEST_F(CleanupTest, RowsOfOtherKeysAreNotTakenForThoseOfTheMover) {
  shards_->Sql(Side::kSource, kOtherKeys);
  const std::string before = RowsOfK(Side::kDestination);
  EXPECT_NE(before, "0");
  for (const Phase phase : {Phase::kAborting, Phase::kCleaningUp}) {
    stage_->Enter(phase);
    Board board;
    Mover mover(stage_->options(), shards_->clock(), board, {});
    const auto step = mover.Step();
    ASSERT_FALSE(step.ok()) << ToString(phase);
    EXPECT_EQ(step.error().reason, "OtherKeys");
    EXPECT_EQ(RowsOfK(Side::kDestination), before);
  }
}

TEST_F(CleanupTest, AShardThatIsOpenLosesNoRow) {
  const auto source = shards_->Connect(Side::kSource);
  const Turn turn = stage_->Enter(Phase::kCleaningUp);
  const auto table = ReadTable(*source, "public.orders", "customer_id", shards_->Soon());
  ASSERT_TRUE(Good(table));
  const std::string before = RowsOfK(Side::kSource);
  const Status refused = DeleteMovingRows(*source, stage_->work(), turn, Side::kSource, **table);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().reason, "GateOpen");
  EXPECT_EQ(RowsOfK(Side::kSource), before);
}

TEST_F(CleanupTest, WithTwoOwnersOrNoneNothingIsTouched) {
  shards_->Sql(Side::kDestination, "UPDATE foreshard.migration SET state = 'open'");
  const Status both = CleanUp(stage_->work(), stage_->Enter(Phase::kCleaningUp));
  ASSERT_FALSE(both.ok());
  EXPECT_EQ(both.error().reason, "NoClearOwner");
  const Status undo = UndoAll(stage_->work(), stage_->Enter(Phase::kAborting));
  ASSERT_FALSE(undo.ok());
  EXPECT_EQ(undo.error().reason, "GateOpen") << "clients write there";
  EXPECT_EQ(RowsOfK(Side::kDestination), RowsOfK(Side::kSource));
  EXPECT_EQ(shards_->Sql(Side::kSource, "SELECT count(*) FROM pg_replication_slots"), "1");
}

TEST_F(CleanupTest, TheGateStaysUntilTheLastOlderSessionIsGone) {
  shards_->Sql(Side::kSource, "UPDATE foreshard.migration SET state = 'closed'");
  shards_->Sql(Side::kDestination, "UPDATE foreshard.migration SET state = 'open'");
  const auto old = shards_->Connect(Side::kSource, "app");
  ASSERT_TRUE(Good(
      old->Exec("BEGIN; SELECT 1", shards_->Soon())));  // a router's, in the middle of something
  const Turn turn = stage_->Enter(Phase::kCleaningUp);
  std::jthread cleaning([&] { EXPECT_TRUE(Good(CleanUp(stage_->work(), turn))); });
  EXPECT_TRUE(support::WaitFor("the clean-up waits", std::chrono::seconds(20), [&] {
    return support::Seen(stage_->board().progress().waiting == "OlderSessions");
  }));
  EXPECT_NE(RowsOfK(Side::kSource), "0")
      << "an UPDATE through the old session must still find its row";
  EXPECT_TRUE(Good(old->Exec("COMMIT", shards_->Soon())));
  cleaning.join();
  EXPECT_FALSE(old->Exec("SELECT 1", shards_->Soon()).ok()) << "it was ended when it was idle";
  EXPECT_EQ(RowsOfK(Side::kSource), "0");
  EXPECT_NE(RowsOfK(Side::kDestination), "0")
      << "no delete travelled: the streams were gone before";
}

TEST_F(CleanupTest, ASessionThatIsUsedByTheNewTableIsLeftAlone) {
  shards_->Sql(Side::kSource, "UPDATE foreshard.migration SET state = 'closed'");
  shards_->Sql(Side::kDestination, "UPDATE foreshard.migration SET state = 'open'");
  shards_->Sql(Side::kSource, "UPDATE foreshard.range SET epoch = 9");
  const auto fresh = shards_->Connect(Side::kSource, "app");
  const auto stale = shards_->Connect(Side::kSource, "app");
  ASSERT_TRUE(Good(fresh->Exec("SELECT foreshard.connected('router-1', 8)", shards_->Soon())));
  ASSERT_TRUE(Good(fresh->Exec("SELECT foreshard.connected('router-1', 9)", shards_->Soon())));
  ASSERT_TRUE(Good(stale->Exec("SELECT foreshard.connected('router-2', 8)", shards_->Soon())));
  ASSERT_TRUE(Good(CleanUp(stage_->work(), stage_->Enter(Phase::kCleaningUp))));
  EXPECT_TRUE(Good(fresh->Exec("SELECT 1", shards_->Soon())));
  EXPECT_FALSE(stale->Exec("SELECT 1", shards_->Soon()).ok());
}

}  // namespace
}  // namespace foreshard::migration
