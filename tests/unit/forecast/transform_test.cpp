#include "forecast/transform.h"

#include <gtest/gtest.h>

#include <vector>

namespace foreshard::forecast {
namespace {

TEST(Transform, ThereAndBack) {
  const std::vector<double> y = {0, 1, 2, 50, 1000};
  for (const Space space : {Space::kLinear, Space::kSquareRoot, Space::kLog1p}) {
    const Transform transform = FitTransform(y, space);
    for (const double value : y)
      EXPECT_NEAR(transform.From(transform.To(value)), value, 1e-9 * (1 + value));
  }
  const std::vector<double> positive = {1, 2, 50};
  const Transform log = FitTransform(positive, Space::kLog);
  for (const double value : positive) EXPECT_NEAR(log.From(log.To(value)), value, 1e-9 * value);
}

TEST(Transform, IsStandardised) {
  const std::vector<double> y = {1, 2, 3, 4};
  const Transform transform = FitTransform(y, Space::kLinear);
  EXPECT_DOUBLE_EQ(transform.To(2.5), 0);
  EXPECT_NEAR(transform.To(4), 1.5 / 1.118033988749895, 1e-9);
}

TEST(Transform, LogOfOnePlusDoesNotDependOnUnits) {
  const std::vector<double> y = {0, 3, 10, 40};
  std::vector<double> scaled;
  for (const double value : y) scaled.push_back(1e6 * value);
  const Transform a = FitTransform(y, Space::kLog1p);
  const Transform b = FitTransform(scaled, Space::kLog1p);
  for (const double value : y) EXPECT_NEAR(a.To(value), b.To(1e6 * value), 1e-12);
}

TEST(Transform, TheReferenceChoosesByTheSignOfTheMinimum) {
  EXPECT_EQ(ReferenceSpace(std::vector<double>{1, 2}), Space::kLog);
  EXPECT_EQ(ReferenceSpace(std::vector<double>{0, 2}), Space::kSquareRoot);
  EXPECT_EQ(ReferenceSpace(std::vector<double>{-1, 2}), Space::kLinear);
}

}  // namespace
}  // namespace foreshard::forecast
