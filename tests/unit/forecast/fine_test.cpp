#include <gtest/gtest.h>

#include <numeric>

#include "forecast/fine/calibration.h"
#include "forecast/fine/combination.h"
#include "forecast/fine/models.h"
#include "forecast/series.h"
#include "tests/unit/forecast/synthetic.h"

namespace foreshard::forecast {
namespace {

std::array<bool, kFineModels> All() {
  std::array<bool, kFineModels> all;
  all.fill(true);
  return all;
}

TEST(Anchors, CoverTheHorizonWithoutRepetition) {
  const Anchors day(24);
  EXPECT_EQ(std::vector<int>(day.steps().begin(), day.steps().end()),
            (std::vector<int>{1, 3, 6, 12, 24}));
  const Anchors one(1);
  EXPECT_EQ(one.size(), 1u);
  EXPECT_EQ(day.PlaceOf(12).share, 0);
  EXPECT_EQ(day[day.PlaceOf(12).low], 12);
  const Anchors::Place between = day.PlaceOf(18);
  EXPECT_EQ(day[between.low], 12);
  EXPECT_EQ(day[between.high], 24);
  EXPECT_DOUBLE_EQ(between.share, 0.5);
}

TEST(Combination, WeightsAreTheFourthPowerOfTheErrorsRatio) {
  Combination combination;
  ModelRow forecasts;
  forecasts.fill(20);  // off by 10
  forecasts[2] = 15;   // off by 5
  combination.Learn(forecasts, 10, 1);
  const ModelRow weights = combination.Weights(All(), {.power = 4, .settled_after = 1});
  const double others = static_cast<double>(kFineModels) - 1;
  EXPECT_NEAR(weights[2], 16 / (16 + others), 1e-12);
  EXPECT_NEAR(weights[0], 1 / (16 + others), 1e-12);
  EXPECT_NEAR(std::accumulate(weights.begin(), weights.end(), 0.0), 1, 1e-12);
}

TEST(Combination, FewScoresShrinkToEqualWeights) {
  Combination combination;
  ModelRow forecasts;
  forecasts.fill(20);
  forecasts[2] = 10;
  combination.Learn(forecasts, 10, 1);
  const ModelRow weights = combination.Weights(All(), {.settled_after = 100});
  EXPECT_NEAR(weights[0], 0.99 / static_cast<double>(kFineModels), 1e-12);
}

TEST(Combination, WhoIsNotEligibleHasNoWeight) {
  std::array<bool, kFineModels> only{};
  only[4] = true;
  const ModelRow weights = Combination().Weights(only, {});
  EXPECT_EQ(weights[4], 1);
  EXPECT_EQ(weights[0], 0);
}

TEST(FineModels, AtAnchorsThePathIsWhatTheAnchorsSay) {
  Options options = SmallOptions();
  const Anchors anchors(options.horizon_bins);
  const History history = Noisy(20 * kTestDay, 0.1, 9);
  const Result<Series> series = Series::FromHistory(history, options);
  ASSERT_TRUE(series.ok());
  FineModels models(options, anchors);
  models.Fit(series->View());
  std::array<ModelRow, kAnchorsMax> rows;
  models.AtAnchors(series->View(), rows);
  auto path = std::make_unique<ModelPath>();
  models.Along(series->View(), options.horizon_bins, *path);
  for (std::size_t a = 0; a < anchors.size(); ++a) {
    for (std::size_t k = 0; k < kFineModels; ++k) {
      EXPECT_NEAR(path->step[static_cast<std::size_t>(anchors[a] - 1)][k], rows[a][k], 1e-9)
          << kFineModelNames[k];
    }
  }
}

TEST(FineModels, TheShortHistoryDecidesWhoPlays) {
  const Options options = SmallOptions();
  const Anchors anchors(options.horizon_bins);
  const auto names = [&](int bins) {
    const Result<Series> series = Series::FromHistory(Make(bins, Daily), options);
    FineModels models(options, anchors);
    models.Fit(series->View());
    std::string text;
    const std::array<bool, kFineModels> eligible = models.Eligible(series->View());
    for (std::size_t k = 0; k < kFineModels; ++k) {
      if (eligible[k]) text += std::string(kFineModelNames[k]) + " ";
    }
    return text;
  };
  EXPECT_EQ(names(4), "last ");
  EXPECT_EQ(names(kTestDay / 2), "last trend ");
  EXPECT_EQ(names(kTestDay + 10), "last day-1 day-ratio trend ");
  EXPECT_EQ(names(3 * kTestDay), "last day-1 day-ratio spar-daily ar trend sparse-ar ");
  EXPECT_EQ(names(9 * kTestDay),
            "last day-1 week-1 day-ratio week-ratio spar-daily ar ridge trend sparse-ar ");
}

TEST(Calibration, AWindowCoversItsWholePath) {
  // The band of the window is wider than that of any single step, and its coverage of whole paths
  // is what it says.
  const History history = Noisy(40 * kTestDay, 0.2, 10);
  Random random(1);
  const std::size_t known = 6 * kTestDay;
  Fitted fitted = MustFit(Head(history, known));
  double kept = 0;
  double scored = 0;
  for (std::size_t i = known; i + 24 < history.mean.size(); ++i) {
    if (RefitDue(fitted)) fitted = *Refit(std::move(fitted), nullptr, random);
    fitted = MustUpdate(std::move(fitted), history.mean[i]);
    const model::Fan fan = Forecast(fitted, {});
    const model::WindowMaximum& window = fan.windows.back();
    ASSERT_EQ(window.bins, 24);
    bool whole = true;
    for (std::size_t h = 0; h < 24; ++h) {
      const double band = fan.steps[h][model::kMedian] + window.factor[8] * fan.scale[h];
      whole = whole && history.mean[i + 1 + h] <= band;
    }
    kept += whole ? 1 : 0;
    scored += 1;
  }
  EXPECT_NEAR(kept / scored, 0.95, 0.03);
}

}  // namespace
}  // namespace foreshard::forecast
