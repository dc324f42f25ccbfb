#include "migration/preflight.h"

#include <gtest/gtest.h>

namespace foreshard::migration {
namespace {

MigrationSpec Hash(model::KeyRange range) {
  MigrationSpec spec;
  spec.range = std::move(range);
  return spec;
}

TEST(Preflight, TheWidthOfAHashRangeIsThePartThatMoves) {
  EXPECT_DOUBLE_EQ(MovingFraction(Hash({"40", "80"})), 0.25);
  EXPECT_DOUBLE_EQ(MovingFraction(Hash({"80", ""})), 0.5);
  EXPECT_DOUBLE_EQ(MovingFraction(Hash({"", ""})), 1);
  MigrationSpec keys = Hash({"", ""});
  keys.keys = {"1"};
  EXPECT_DOUBLE_EQ(MovingFraction(keys), 1) << "no more than everything";
}

TEST(Preflight, ReferenceTablesTravelWhole) {
  const std::vector<TableInfo> tables = {
      {.name = "public.orders", .column = "customer_id", .bytes = 800, .rows = 100},
      {.name = "public.countries", .bytes = 80, .rows = 10}};
  const Estimate estimate = EstimateMove(Hash({"40", "80"}), tables);
  EXPECT_EQ(estimate.rows, 35);
  EXPECT_EQ(estimate.bytes, 280);
}

}  // namespace
}  // namespace foreshard::migration
