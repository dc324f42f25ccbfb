#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/forecast/predict.h"
#include "tests/support/golden.h"

namespace foreshard::cli {
namespace {

constexpr int kDay = 24;

// Six days of hours: a wave, a little noise from a seed.
model::DemandSeries Wave(int days) {
  Random random(4);
  model::DemandSeries series;
  series.bin = std::chrono::hours(1);
  series.first = 20'000 * kDay;
  for (int i = 0; i < days * kDay; ++i) {
    const double wave = 100 + 60 * std::sin(i * 0.2617993877991494);
    series.mean.push_back(wave * std::exp(0.02 * random.Normal()));
    series.state.push_back(model::BinState::kGood);
  }
  series.peak = series.mean;
  return series;
}

PredictOptions SixHours() {
  PredictOptions options;
  options.horizon = std::chrono::hours(6);
  options.week = std::chrono::seconds(0);
  return options;
}

model::DemandSeries Prefix(model::DemandSeries series, std::size_t bins) {
  series.mean.resize(bins);
  series.peak.resize(bins);
  series.state.resize(bins);
  return series;
}

TEST(Predict, FollowsTheWave) {
  const model::DemandSeries all = Wave(12);
  const auto prediction = Predict(Prefix(all, 11 * kDay), SixHours(), {});
  ASSERT_TRUE(prediction.ok());
  ASSERT_EQ(prediction->fan.steps.size(), 6u);
  for (std::size_t h = 0; h < 6; ++h) {
    const double actual = all.mean[11 * kDay + h];
    EXPECT_NEAR(prediction->fan.steps[h][model::kMedian], actual, 0.1 * actual);
  }
}

TEST(Predict, ASavedStateGoesOnWhereItEnded) {
  const model::DemandSeries all = Wave(12);
  const auto state = FitState(Prefix(all, 10 * kDay), SixHours());
  ASSERT_TRUE(state.ok());
  const auto same = Predict(Prefix(all, 10 * kDay), SixHours(), *state);
  const auto anew = Predict(Prefix(all, 10 * kDay), SixHours(), {});
  ASSERT_TRUE(same.ok() && anew.ok());
  EXPECT_EQ(same->note, "");
  EXPECT_EQ(same->fan, anew->fan);
  const auto later = Predict(Prefix(all, 11 * kDay), SixHours(), *state);
  ASSERT_TRUE(later.ok());
  EXPECT_EQ(later->note, "");
  EXPECT_EQ(later->fan.origin, all.first + 11 * kDay - 1);
  EXPECT_NEAR(later->fan.steps[3][model::kMedian], all.mean[11 * kDay + 3], 12);
}

TEST(Predict, ADamagedStateIsRefusedAndEverythingIsFittedAnew) {
  const model::DemandSeries all = Wave(10);
  const auto state = FitState(all, SixHours());
  ASSERT_TRUE(state.ok());
  const auto anew = Predict(all, SixHours(), {});
  Random random(5);
  for (int i = 0; i < 8; ++i) {
    std::string damaged = *state;
    damaged[random.Below(damaged.size())] ^= static_cast<char>(1 + random.Below(255));
    if (i % 2 == 0) damaged.resize(random.Below(damaged.size() - 1) + 1);
    const auto prediction = Predict(all, SixHours(), damaged);
    ASSERT_TRUE(prediction.ok());
    EXPECT_NE(prediction->note, "") << i;
    EXPECT_EQ(prediction->fan, anew->fan);
  }
}

TEST(Predict, ReportsAreJson) {
  const auto prediction = Predict(Wave(10), SixHours(), {});
  ASSERT_TRUE(prediction.ok());
  const auto fan = nlohmann::json::parse(PredictJson(*prediction));
  EXPECT_EQ(fan["steps"].size(), 6u);
  EXPECT_EQ(fan["steps"][0]["quantiles"].size(), model::kFanLevels);
  EXPECT_EQ(fan["origin"], TimeOf(prediction->fan.origin, std::chrono::hours(1)));
  const auto who = nlohmann::json::parse(ExplainJson(*prediction));
  double weights = 0;
  for (const auto& model : who["steps"][0]["models"]) weights += model["weight"].get<double>();
  EXPECT_NEAR(weights, 1, 1e-3);
}

TEST(Predict, SaysHowLikelyAThresholdIsPassedAndWhenThePeakIs) {
  PredictOptions options = SixHours();
  options.threshold = 130;
  const auto prediction = Predict(Wave(10), options, {});  // from midnight: it rises for six hours
  ASSERT_TRUE(prediction.ok());
  const auto fan = nlohmann::json::parse(PredictJson(*prediction));
  double before = -1;
  double peak = 0;
  for (const auto& step : fan["steps"]) {
    EXPECT_GE(step["exceedance"].get<double>(), before - 0.02)
        << "more and more likely, as it rises";
    before = step["exceedance"].get<double>();
    peak += step["peakHere"].get<double>();
  }
  EXPECT_LT(fan["steps"][0]["exceedance"].get<double>(), 0.05);
  EXPECT_GT(before, 0.95);
  EXPECT_GE(fan["exceedanceInHorizon"].get<double>(), before);
  EXPECT_NEAR(peak, 1, 0.01);
  EXPECT_GT(fan["steps"][5]["peakHere"].get<double>(), 0.5);
  EXPECT_NE(PredictTable(*prediction).find("over 130: "), std::string::npos);
  const auto plain = nlohmann::json::parse(PredictJson(*Predict(Wave(10), SixHours(), {})));
  EXPECT_FALSE(plain["steps"][0].contains("exceedance"));
}

TEST(Predict, ThePictureShowsBandsAndEvents) {
  PredictOptions options = SixHours();
  const model::DemandSeries all = Wave(10);
  options.calendar.events.push_back(
      {.name = "launch",
       .expected_multiplier = 2,
       .occurrences = {{.start = all.last() + 2, .before = 1, .plateau = 2, .after = 1}}});
  const auto prediction = Predict(all, options, {});
  ASSERT_TRUE(prediction.ok());
  const std::string svg = PredictSvg(*prediction, options.calendar);
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  EXPECT_EQ(svg.find("inf"), std::string::npos);
  std::size_t polygons = 0;
  for (std::size_t at = svg.find("<polygon"); at != std::string::npos;
       at = svg.find("<polygon", at + 1)) {
    ++polygons;
  }
  EXPECT_EQ(polygons, 3u);
  EXPECT_NE(svg.find("#fdebc8"), std::string::npos) << "the event";
  std::string_view heaviest;
  double most = 0;
  for (const forecast::ModelReport& model : prediction->steps.back().models) {
    if (model.weight > most) heaviest = model.name;
    most = std::max(most, model.weight);
  }
  EXPECT_NE(svg.find(fmt::format(">{} ", heaviest)), std::string::npos) << "named in the legend";
  EXPECT_NE(svg.find(fmt::format("<title>{} {:.2f}", heaviest, most)), std::string::npos)
      << "a dot with its weight";
}

// The whole fan of a small trace to three digits: a change of any model shows here and is reviewed.
TEST(Predict, TheFanOfASmallTraceIsAsReviewed) {
  PredictOptions options = SixHours();
  options.forecast.without_models = {"lstm"};  // Its last digits follow the compiler.
  const auto prediction = Predict(Wave(12), options, {});
  ASSERT_TRUE(prediction.ok());
  EXPECT_TRUE(support::IsGolden("forecast/fan.txt", PredictTable(*prediction)));
}

}  // namespace
}  // namespace foreshard::cli
