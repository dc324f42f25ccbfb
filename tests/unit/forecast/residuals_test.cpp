#include "forecast/residuals.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"

namespace foreshard::forecast {
namespace {

TEST(Residuals, QuantilesOfASampleAreFound) {
  Random random(1);
  Residuals residuals;
  for (int i = 0; i < 20'000; ++i) residuals.Add(random.Normal(), 1);
  EXPECT_NEAR(residuals.At(0.5), 0, 0.03);
  EXPECT_NEAR(residuals.At(0.9), 1.2816, 0.06);
  EXPECT_NEAR(residuals.At(0.01), -2.326, 0.12);
}

TEST(Residuals, NoErrorsNoWidth) {
  Residuals residuals;
  for (int i = 0; i < 10; ++i) residuals.Add(0, 0.99);
  for (const double level : model::kLevels) EXPECT_EQ(residuals.At(level), 0);
}

TEST(Residuals, TheOldIsForgotten) {
  Residuals residuals;
  for (int i = 0; i < 500; ++i) residuals.Add(10, 0.98);
  for (int i = 0; i < 500; ++i) residuals.Add(i % 2 == 0 ? -1 : 1, 0.98);
  EXPECT_LT(residuals.At(0.99), 1.01);
}

TEST(Residuals, BeyondTheSeenItGrowsByAtMostHalfOfTheRange) {
  Residuals residuals;
  for (int i = -10; i <= 10; ++i) residuals.Add(i, 1);
  EXPECT_NEAR(residuals.At(1), 10, 1);
  EXPECT_GT(residuals.At(1.05), residuals.At(1));
  EXPECT_LE(residuals.At(5), 10 + 0.5 * 20 + 1e-9);
  EXPECT_GE(residuals.At(-5), -10 - 0.5 * 20 - 1e-9);
}

TEST(AdaptiveLevels, CoverageIsHeldWhenTheErrorsGrow) {
  // The sample behind the quantiles never changes, the errors double: only the levels can answer.
  Random random(2);
  Residuals residuals;
  for (int i = 0; i < 5000; ++i) residuals.Add(random.Normal(), 1);
  AdaptiveLevels levels;
  double inside = 0;
  const int last = 4000;
  for (int i = 0; i < 6000 + last; ++i) {
    model::Quantiles issued{};
    for (std::size_t k = 0; k < model::kFanLevels; ++k) issued[k] = residuals.At(levels.At(k));
    const double y = 1.5 * random.Normal();
    if (i >= 6000) inside += y >= issued[2] && y <= issued[8] ? 1.0 / last : 0;
    levels.Learn(issued, y, 0.002);
  }
  EXPECT_NEAR(inside, 0.9, 0.02);
}

TEST(AdaptiveLevels, ATieTeachesNothing) {
  AdaptiveLevels levels;
  model::Quantiles issued;
  issued.fill(7);
  for (int i = 0; i < 1000; ++i) levels.Learn(issued, 7, 0.01);
  for (std::size_t k = 0; k < model::kFanLevels; ++k) EXPECT_EQ(levels.At(k), model::kLevels[k]);
}

}  // namespace
}  // namespace foreshard::forecast
