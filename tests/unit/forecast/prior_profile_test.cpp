#include "forecast/models/prior_profile.h"

#include <gtest/gtest.h>

#include <cmath>

#include "forecast/shared.h"

namespace foreshard::forecast {
namespace {

constexpr int kDay = 96;

double Shape(int bin, int kind) {
  const double phase = 6.283185307179586 * bin / kDay + (kind == 0 ? 0 : 2.5);
  return 1 + 0.8 * std::sin(phase);
}

History Load(int bins, double level, int kind, std::uint64_t seed) {
  Random random(seed);
  History history;
  history.bin = std::chrono::minutes(15);
  history.first = 20'000 * kDay;
  for (int i = 0; i < bins; ++i) {
    history.mean.push_back(level * Shape(i, kind) * std::exp(0.02 * random.Normal()));
    history.state.push_back(model::BinState::kGood);
  }
  history.peak = history.mean;
  return history;
}

// Eight series with a peak early in the day, eight with a late one, of any size.
std::vector<History> ASet() {
  std::vector<History> all;
  for (int i = 0; i < 16; ++i) {
    all.push_back(Load(10 * kDay, std::pow(3, i % 8), i / 8, static_cast<std::uint64_t>(i) + 1));
  }
  return all;
}

Options FifteenMinutes() {
  Options options;
  options.bin = std::chrono::minutes(15);
  options.day_bins = kDay;
  options.week_bins = 0;
  options.horizon_bins = 24;
  options.without_models = {"lstm"};
  return options;
}

double ErrorOfNewborn(const Shared* shared, int kind) {
  const History whole = Load(kDay, 40, kind, 99);
  double error = 0;
  Random random(1);
  for (const int n : {12, 24, 36, 48}) {
    History young = whole;
    young.mean.resize(static_cast<std::size_t>(n));
    young.peak.resize(static_cast<std::size_t>(n));
    young.state.resize(static_cast<std::size_t>(n));
    const Result<Fitted> fitted = Fit(young, {}, FifteenMinutes(), shared, random);
    CHECK(fitted.ok(), "fit");
    EXPECT_EQ(Score(*fitted).history, 0) << "a guess from others is not to be acted on";
    const model::Fan fan = Forecast(*fitted, {});
    for (std::size_t h = 0; h < 24; ++h) {
      error += std::abs(whole.mean[static_cast<std::size_t>(n) + h] - fan.steps[h][model::kMedian]);
    }
  }
  return error;
}

TEST(PriorProfile, ANewbornIsForecastFromDaysOfItsKind) {
  const std::vector<History> all = ASet();
  const Result<Shared> shared = Shared::Train(all, FifteenMinutes(), 0);
  ASSERT_TRUE(shared.ok());
  for (const int kind : {0, 1}) {
    EXPECT_LT(ErrorOfNewborn(&*shared, kind), 0.7 * ErrorOfNewborn(nullptr, kind)) << kind;
  }
}

TEST(PriorProfile, GroupsAreFoundAndKept) {
  const std::vector<History> all = ASet();
  std::vector<std::vector<std::uint8_t>> usable;
  std::vector<Past> views;
  for (const History& one : all) {
    usable.emplace_back(one.mean.size(), 1);
    views.push_back({one.mean, usable.back(), one.last(), kDay, 0});
  }
  const PriorProfiles profiles = PriorProfiles::Fit(views);
  ASSERT_GE(profiles.size(), 2u);
  const auto says = [&](std::size_t like) {
    return profiles.Forecast(views[0], profiles.Nearest(views[like]), 30);
  };
  EXPECT_NEAR(says(0), says(7), 0.1 * says(0)) << "of one kind";
  EXPECT_GT(std::abs(says(0) - says(15)), 0.3 * says(0)) << "of the other";
  ByteWriter out;
  profiles.Save(out);
  const std::string bytes = out.Take();
  ByteReader in(bytes);
  PriorProfiles again;
  ASSERT_TRUE(again.Load(in));
  EXPECT_EQ(again.Forecast(views[3], 0, 5), profiles.Forecast(views[3], 0, 5));
}

TEST(PriorProfile, WithoutLongSeriesThereIsNone) {
  const History young = Load(kDay, 5, 0, 1);
  const std::vector<std::uint8_t> usable(young.mean.size(), 1);
  const Past view{young.mean, usable, young.last(), kDay, 0};
  EXPECT_TRUE(PriorProfiles::Fit(std::span(&view, 1)).empty());
}

}  // namespace
}  // namespace foreshard::forecast
