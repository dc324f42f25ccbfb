#include "router/merge_checks.h"

#include <gtest/gtest.h>

#include "tests/unit/router/merge_world.h"

namespace foreshard::router {
namespace {

TEST(MergeChecks, ColumnsMustBeThoseOfTheRecipe) {
  MergeRecipe recipe;
  recipe.hidden = 2;
  EXPECT_FALSE(CheckMerge(recipe, *ReadRowDescription(Description({{"a", kOidInt8}})), true).ok());
  recipe.hidden = 1;
  EXPECT_TRUE(CheckMerge(recipe, *ReadRowDescription(Description({{"a", kOidInt8}})), true).ok());
  recipe.grouped = true;
  EXPECT_FALSE(CheckMerge(recipe, *ReadRowDescription(Description({{"a", kOidInt8}})), true).ok());
}

TEST(MergeChecks, TheClientSeesAveragesAsNumeric) {
  MergeRecipe recipe;
  recipe.grouped = true;
  recipe.hidden = 1;
  recipe.columns = {{Combine::kAverage, 1, false}, {Combine::kCount, 0, false}};
  const auto fields = ClientFields(
      recipe, *ReadRowDescription(Description({{"avg", kOidInt8}, {"count", kOidInt8}})));
  ASSERT_EQ(fields.size(), 1U);
  EXPECT_EQ(fields[0].type_oid, kOidNumeric);
  EXPECT_EQ(fields[0].type_size, -1);
}

}  // namespace
}  // namespace foreshard::router
