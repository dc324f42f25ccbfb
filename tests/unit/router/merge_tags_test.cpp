#include <gtest/gtest.h>

#include "router/merge.h"
#include "tests/unit/router/merge_world.h"

namespace foreshard::router {
namespace {

TEST(MergeTags, CountsAddUp) {
  EXPECT_EQ(AddCommandTags({"INSERT 0 2", "INSERT 0 3"}), "INSERT 0 5");
  EXPECT_EQ(AddCommandTags({"UPDATE 1", "UPDATE 0"}), "UPDATE 1");
  EXPECT_EQ(AddCommandTags({"COPY 10", "COPY 5"}), "COPY 15");
  EXPECT_EQ(AddCommandTags({"CREATE TABLE", "CREATE TABLE"}), "CREATE TABLE");
  EXPECT_EQ(AddCommandTags({}), "");
}

TEST(MergeTags, HiddenColumnsAreAskedForInText) {
  MergeRecipe recipe;
  recipe.hidden = 2;
  EXPECT_EQ(ShardFormats(&recipe, {1, 0}), (std::vector<std::int16_t>{1, 0, 0, 0}));
  EXPECT_EQ(ShardFormats(&recipe, {1}), (std::vector<std::int16_t>{1}));
  EXPECT_EQ(ShardFormats(nullptr, {1, 0}), (std::vector<std::int16_t>{1, 0}));
}

TEST(MergeTags, RowsOfASplitInsertComeBackInTheClientsOrder) {
  RowInterleaver rows({{0, 2}, {1, 3}});
  std::string out;
  rows.DataRow(1, RowBody({"b"}));
  rows.Take(out);
  EXPECT_EQ(out, "");
  rows.DataRow(0, RowBody({"a"}));
  rows.DataRow(0, RowBody({"c"}));
  rows.Take(out);
  EXPECT_EQ(ReadMessages(out), (std::vector<std::string>{"a", "b", "c"}));
  out.clear();
  rows.TakeRest(out);  // shard 1 gave one row less than it was sent
  EXPECT_EQ(out, "");
}

}  // namespace
}  // namespace foreshard::router
