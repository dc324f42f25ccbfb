#include "migration/mover_work.h"

#include <gtest/gtest.h>

namespace foreshard::migration {
namespace {

TEST(MoverWork, TheRowCountsOnlyBeforeWeKnowBetter) {
  Board board;
  Progress row;
  row.copied_rows = 7;
  board.LoadOnce(row);
  EXPECT_EQ(board.progress().copied_rows, 7);
  board.Change([](Progress& progress) { progress.copied_rows = 9; });
  board.LoadOnce(row);
  EXPECT_EQ(board.progress().copied_rows, 9);
}

TEST(MoverWork, WhatIsPublishedIsTheNewest) {
  Board board;
  board.Change([](Progress& progress) { progress.done = Done{"Copying", 4}; });
  std::string seen;
  EXPECT_TRUE(board.Publish([&](const std::string& json) {
    seen = json;
    return Ok();
  }));
  const auto parsed = ParseProgress(seen);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->done, (Done{"Copying", 4}));
}

TEST(MoverWork, APauseEndsWithTheProcess) {
  std::stop_source source;
  EXPECT_TRUE(Pause(source.get_token(), std::chrono::milliseconds(1)));
  source.request_stop();
  EXPECT_FALSE(Pause(source.get_token(), std::chrono::hours(1))) << "and does not take an hour";
}

TEST(MoverWork, OnlyBusyLocksAreTriedAgain) {
  const MoverOptions options;
  const SystemClock clock;
  Board board;
  const Work work{options, clock, {}, board};
  int calls = 0;
  EXPECT_TRUE(Repeat(work, std::chrono::seconds(10), [&]() -> Status {
    return ++calls < 3 ? Status(Error::Retry("lock not available")) : Ok();
  }));
  EXPECT_EQ(calls, 3);
  calls = 0;
  const Status refused = Repeat(work, std::chrono::seconds(10), [&]() -> Status {
    ++calls;
    return Error::Fenced("a newer token");
  });
  EXPECT_FALSE(refused);
  EXPECT_EQ(calls, 1);
}

TEST(MoverWork, SessionsOfTwoMoversHaveDifferentNamesOfOneForm) {
  MoverOptions options;
  options.spec.number = {7};
  options.process = "x4f";
  EXPECT_EQ(SessionName(options), "foreshard mover 7 x4f");
  EXPECT_EQ(SessionPattern(options.spec), "foreshard mover 7 %");
}

}  // namespace
}  // namespace foreshard::migration
