#include <fmt/format.h>
#include <gtest/gtest.h>

#include <memory>
#include <thread>

#include "migration/mover.h"
#include "tests/integration/migration/stage.h"
#include "tests/support/needs.h"

namespace foreshard::migration {
namespace {

const support::Needs kNeeds({"postgres", "initdb", "psql"});

using namespace std::chrono_literals;
using support::Good;

// A stream that runs, in the phase Ready.
class MoverProbe : public testing::Test {
 protected:
  void SetUp() override {
    auto made = TwoShards::Make();
    ASSERT_TRUE(Good(made));
    shards_ = std::move(*made);
    shards_->Sql(Side::kSource, kSomeRows);
    stage_ = std::make_unique<Stage>(*shards_);
    ASSERT_NO_FATAL_FAILURE(stage_->Stream());
    stage_->Enter(Phase::kReady);
  }

  std::unique_ptr<TwoShards> shards_;
  std::unique_ptr<Stage> stage_;
};

// A publisher that ends without a word is an error of the apply worker, and disable_on_error makes
// no difference between this one and a wrong row: without the mover nothing would start it again.
TEST_F(MoverProbe, AStreamThatEndedWithItsPublishersCrashRunsAgain) {
  TwoShards& shards = *shards_;
  Stage& stage = *stage_;
  shards.server(Side::kSource).Crash();
  ASSERT_TRUE(Good(shards.server(Side::kSource).Start()));
  ASSERT_TRUE(support::WaitFor("the subscription stops", 20s, [&] {
    return support::Seen(
        shards.Sql(Side::kDestination, "SELECT bool_or(subenabled) FROM pg_subscription") == "f");
  }));

  std::stop_source stop;
  const Work work{stage.options(), shards.clock(), stop.get_token(), stage.board()};
  std::jthread probe([&] { RunMoverProbe(work); });
  shards.Sql(Side::kSource, "UPDATE public.orders SET pad = 'after the crash'");
  EXPECT_TRUE(support::WaitFor("the stream", 30s, [&] {
    return support::Seen(
        shards.Sql(Side::kDestination,
                   "SELECT bool_and(pad = 'after the crash') FROM public.orders") == "t",
        shards.ErrorsOf(Side::kDestination));
  }));
  EXPECT_EQ(shards.Sql(Side::kDestination,
                       "SELECT sum(apply_error_count) FROM pg_stat_subscription_stats"),
            "0")
      << "a rollback would count as impossible";
  stop.request_stop();
}

// An attempt begins when the last probes were quick: those of before the owner nearly changed, of
// before a crash or of a mover that is gone say nothing of the stream as it is now.
TEST_F(MoverProbe, WhatWasMeasuredBeforeSaysNothingOfNow) {
  TwoShards& shards = *shards_;
  Stage& stage = *stage_;
  const auto lag = [&] {
    return shards.Sql(Side::kDestination,
                      "SELECT progress->>'lagLast3Millis' FROM foreshard.migration");
  };
  const auto becomes_known = [&](bool known) {
    return support::WaitFor(known ? "the lag" : "that the lag is not known", 30s, [&] {
      const std::string said = lag();
      return support::Seen((said != "-1" && said != "NULL") == known, said);
    });
  };
  {
    const std::jthread probe([&](const std::stop_token& stop) {
      RunMoverProbe({stage.options(), shards.clock(), stop, stage.board()});
    });
    ASSERT_TRUE(becomes_known(true));
    stage.Enter(Phase::kCutover);
    ASSERT_TRUE(becomes_known(false));
    const std::int64_t before = stage.board().counters().probes;
    stage.Enter(Phase::kReady);
    ASSERT_TRUE(support::WaitFor("the lag", 30s, [&] {
      return support::Seen(stage.board().progress().lag_last3_millis >= 0);
    }));
    EXPECT_GE(stage.board().counters().probes, before + 3);
    ASSERT_TRUE(becomes_known(true));
  }
  stage.Enter(Phase::kCutover);
  ASSERT_TRUE(becomes_known(true)) << "nobody looks";
  Board board;
  const std::jthread next([&](const std::stop_token& stop) {
    RunMoverProbe({stage.options(), shards.clock(), stop, board});
  });
  EXPECT_TRUE(becomes_known(false)) << "the next mover has not measured either";
  stage.Enter(Phase::kReady);
  ASSERT_TRUE(becomes_known(true));
  shards.server(Side::kSource).Crash();
  EXPECT_TRUE(becomes_known(false));
  ASSERT_TRUE(Good(shards.server(Side::kSource).Start()));
  ASSERT_TRUE(becomes_known(true));
}

}  // namespace
}  // namespace foreshard::migration
