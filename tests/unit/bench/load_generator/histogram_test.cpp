#include "bench/load_generator/histogram.h"

#include <gtest/gtest.h>

namespace foreshard::load {
namespace {

TEST(Histogram, QuantilesAreWithinThreePercent) {
  Histogram histogram;
  for (std::uint64_t micros = 1; micros <= 100'000; ++micros) histogram.Add(micros);
  for (const double quantile : {0.01, 0.5, 0.9, 0.99}) {
    EXPECT_NEAR(static_cast<double>(histogram.Quantile(quantile)), quantile * 100'000,
                quantile * 3'200)
        << quantile;
  }
  EXPECT_EQ(histogram.Quantile(1.0), 100'000u);
  EXPECT_EQ(histogram.max_micros(), 100'000u);
}

TEST(Histogram, HoldsTheWholeRangeAndMerges) {
  Histogram a;
  Histogram b;
  a.Add(0);
  b.Add(UINT64_MAX);
  a.Merge(b);
  EXPECT_EQ(a.total(), 2u);
  EXPECT_EQ(a.Quantile(0.0), 0u);
  EXPECT_EQ(a.max_micros(), UINT64_MAX);
  EXPECT_EQ(Histogram().Quantile(0.5), 0u);
}

}  // namespace
}  // namespace foreshard::load
