#include "operator/status/key_bar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/operator/status/status_world.h"

namespace foreshard::op {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(KeyBar, APartIsAsWideAsItsShareOfTheHashes) {
  const std::string bar = KeyBar(tests::Orders());
  EXPECT_THAT(bar, HasSubstr("s0 moving\" style=\"flex-grow:50.000\""));
  EXPECT_THAT(bar, HasSubstr("s1\" style=\"flex-grow:25.000\""));
  EXPECT_THAT(bar, HasSubstr("3 ranges on 3 shards, 1 key pinned elsewhere; striped"));
}

TEST(KeyBar, OnlyWhatAMigrationMovesIsMarked) {
  SetState state = tests::Orders();
  state.table->moving = {{"m", {8}, {"80", "a0"}, {}}};
  EXPECT_THAT(KeyBar(state), HasSubstr("s1 moving"));
  EXPECT_THAT(KeyBar(state), Not(HasSubstr("s0 moving")));
  EXPECT_THAT(KeyBar(state), Not(HasSubstr("s2 moving")));
  state.table->moving = {{"m", {8}, {}, {"4711"}}};  // single keys have no width
  EXPECT_THAT(KeyBar(state), Not(HasSubstr("moving\"")));
}

TEST(KeyBar, RangesOfKeysAreEquallyWide) {
  SetState state = tests::Orders();
  state.table->key_space = {model::Strategy::kRange, model::KeyType::kText};
  state.table->ranges = {{{"", "m"}, {"s-4kq7"}}, {{"m", "\"><x"}, {"s-9x2d"}}};
  state.table->moving.clear();
  EXPECT_THAT(KeyBar(state), HasSubstr("s0\" style=\"flex-grow:50.000\""));
  EXPECT_THAT(KeyBar(state), Not(HasSubstr("<x")));
}

TEST(KeyBar, NeighboursOfOneShardAreOnePart) {
  SetState state = tests::Orders();
  state.table->ranges = {
      {{"", "40"}, {"s-4kq7"}}, {{"40", "80"}, {"s-4kq7"}}, {{"80", ""}, {"s-9x2d"}}};
  EXPECT_THAT(KeyBar(state), HasSubstr("<b>s-4kq7</b> <span>-80</span>"));
}

TEST(KeyBar, OfManyPartsTheWidestAreDrawnAndThatIsSaid) {
  SetState state = tests::Orders();
  state.table->moving.clear();
  state.table->ranges.clear();
  std::string from;
  for (int i = 1; i <= 200; ++i) {
    const std::string to =
        i == 200 ? "" : model::FormatPosition(static_cast<model::Position>(i) << 56);
    state.table->ranges.push_back({{from, to}, {i % 2 == 0 ? "s-4kq7" : "s-9x2d"}});
    from = to;
  }
  const std::string bar = KeyBar(state);
  EXPECT_THAT(bar, HasSubstr("shows the 96 widest of 200 parts"));
  std::size_t parts = 0;
  for (std::size_t at = bar.find("<li"); at != std::string::npos; at = bar.find("<li", at + 1))
    ++parts;
  EXPECT_EQ(parts, 96U);
}

TEST(KeyBar, ASetWithoutATableSaysSo) {
  SetState state = tests::Orders();
  state.table.reset();
  EXPECT_THAT(KeyBar(state), HasSubstr("no routing table yet"));
}

}  // namespace
}  // namespace foreshard::op
