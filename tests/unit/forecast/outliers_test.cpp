#include "forecast/outliers.h"

#include <gtest/gtest.h>

#include "forecast/series.h"
#include "tests/unit/forecast/synthetic.h"

namespace foreshard::forecast {
namespace {

constexpr int kDays = 8;
constexpr int kAt = 5 * kTestDay + 30;

bool Never(model::BinIndex) { return false; }

Series SeriesWith(int bins, double factor, int days = kDays) {
  History history = Noisy(days * kTestDay, 0.02, 5);
  for (int i = 0; i < bins && kAt + i < days * kTestDay; ++i)
    history.mean[static_cast<std::size_t>(kAt + i)] *= factor;
  Result<Series> series = Series::FromHistory(history, SmallOptions());
  CHECK(series.ok(), "history");
  return *std::move(series);
}

TEST(Outliers, ABinOrTwoFarOffAreCutAndNothingElse) {
  for (const double factor : {9.0, 0.05}) {
    for (const int bins : {1, 2}) {
      const Series series = SeriesWith(bins, factor);
      const Past past = series.View();
      const std::vector<double> cut = WithoutOutliers(past, 6, Never);
      for (int i = 0; i < past.size(); ++i) {
        const double value = cut[static_cast<std::size_t>(i)];
        if (i >= kAt && i < kAt + bins) {
          EXPECT_NEAR(value, Daily(i), 0.25 * Daily(i)) << i;
          EXPECT_EQ(value > Daily(i), factor > 1) << "it stays on its side";
        } else {
          EXPECT_NEAR(value, past[i], 0.01 * past[i]) << i;
        }
      }
    }
  }
}

TEST(Outliers, AnHourIsNoOutlierButNews) {
  const Series series = SeriesWith(3, 9);
  const Past past = series.View();
  const std::vector<double> cut = WithoutOutliers(past, 6, Never);
  for (int i = kAt; i < kAt + 3; ++i) EXPECT_EQ(cut[static_cast<std::size_t>(i)], past[i]);
}

TEST(Outliers, AKnownEventIsNone) {
  const Series series = SeriesWith(1, 9);
  const Past past = series.View();
  const auto exempt = [](model::BinIndex bin) { return bin == kTestFirst + kAt; };
  EXPECT_EQ(WithoutOutliers(past, 6, exempt)[kAt], past[kAt]);
}

TEST(Outliers, WithoutAMeasureOfFarNothingIsCut) {
  const Series young = SeriesWith(1, 9, 3);
  EXPECT_EQ(WithoutOutliers(young.View(), 6, Never), young.values());
  History flat = Make(kDays * kTestDay, [](int) { return 7; });
  flat.mean[kAt] = 70;
  const Result<Series> constant = Series::FromHistory(flat, SmallOptions());
  ASSERT_TRUE(constant.ok());
  EXPECT_EQ(WithoutOutliers(constant->View(), 6, Never), constant->values());
}

// What was cut does not bend the fit: forecasts made days after the accident, with and without it.
TEST(Outliers, AnAccidentLastWeekLeavesTomorrowAlone) {
  const History clean = Noisy(12 * kTestDay, 0.02, 7);
  History hit = clean;
  Random random(3);
  for (int k = 0; k < 12;
       ++k)  // three days and more before the end: no lag of a model reaches them
    hit.mean[static_cast<std::size_t>(kTestDay + 5 + k * 67)] *= 20;
  Options only = SmallOptions();
  only.only_models = {"spar-daily"};  // least squares, which an outlier bends most
  only.week_bins = 0;
  only.replay_days = 0;
  Options bent = only;
  bent.clip_mads = 1e9;
  const auto off = [&](const Options& options) {
    const model::Fan wanted = Forecast(MustFit(clean, options), {});
    const model::Fan got = Forecast(MustFit(hit, options), {});
    double sum = 0;
    for (std::size_t i = 0; i < got.steps.size(); ++i) {
      const double wants = wanted.steps[i][model::kMedian];
      sum += std::abs(got.steps[i][model::kMedian] - wants) / wants;
    }
    return sum / static_cast<double>(got.steps.size());
  };
  EXPECT_LT(off(only), 0.25 * off(bent));
}

}  // namespace
}  // namespace foreshard::forecast
