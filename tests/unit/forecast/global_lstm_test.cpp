#include "forecast/models/global_lstm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "forecast/hourly/models.h"
#include "forecast/models/naive.h"

namespace foreshard::forecast {
namespace {

constexpr int kDay = 12;
constexpr int kHorizon = 6;

GlobalLstmOptions Small() {
  return {.day = kDay,
          .week = 0,
          .horizon = kHorizon,
          .patch = 3,
          .patches = 8,
          .cells = 8,
          .windows = 9'000};
}

struct Numbers {
  std::vector<double> y;
  std::vector<std::uint8_t> usable;
  Past View(int upto = 0) const {
    const std::size_t n = upto > 0 ? static_cast<std::size_t>(upto) : y.size();
    return {std::span(y).first(n), std::span(usable).first(n), static_cast<int>(n) - 1, kDay, 0};
  }
};

// Every second day is twice as high: what one lag of a day always gets wrong, and all series share.
Numbers EverySecondDay(int days, double level, std::uint64_t seed) {
  Random random(seed);
  Numbers numbers;
  for (int i = 0; i < days * kDay; ++i) {
    const double wave = 2 + std::sin(6.283185307179586 * i / kDay);
    const double high = i / kDay % 2 == 0 ? 1 : 2;
    numbers.y.push_back(level * wave * high * std::exp(0.02 * random.Normal()));
    numbers.usable.push_back(1);
  }
  return numbers;
}

std::vector<Numbers> ASet() {
  std::vector<Numbers> all;
  for (int i = 0; i < 8; ++i) {
    all.push_back(EverySecondDay(40, std::pow(10, i - 3), static_cast<std::uint64_t>(i) + 1));
  }
  return all;
}

std::vector<Past> Views(const std::vector<Numbers>& all) {
  std::vector<Past> views;
  for (const Numbers& one : all) views.push_back(one.View());
  return views;
}

GlobalLstm MustFit(const std::vector<Numbers>& all, const Executor& run = OneByOne) {
  Result<GlobalLstm> fitted = GlobalLstm::Fit(Views(all), Small(), run);
  CHECK(fitted.ok(), "fit");
  return *std::move(fitted);
}

const std::vector<int>& Steps() {
  static const std::vector<int> kSteps = {1, 2, 3, 4, 5, 6};
  return kSteps;
}

TEST(GlobalLstm, LearnsWhatAllSeriesShareAndANewOneHasToo) {
  const GlobalLstm lstm = MustFit(ASet());
  ASSERT_TRUE(lstm.fitted());
  const Numbers fresh = EverySecondDay(20, 77, 99);  // of no series of the set
  double ours = 0;
  double naive = 0;
  for (int n = 10 * kDay; n + kHorizon <= 20 * kDay; ++n) {
    const Past past = fresh.View(n);
    std::array<double, kHorizon> out{};
    lstm.Forecast(past, Steps(), out);
    for (int h = 1; h <= kHorizon; ++h) {
      const double actual = fresh.y[static_cast<std::size_t>(n + h - 1)];
      ours += std::abs(actual - out[static_cast<std::size_t>(h - 1)]);
      naive += std::abs(actual - DayBack(past, h));
    }
  }
  EXPECT_LT(ours, 0.4 * naive);
}

TEST(GlobalLstm, AScaledSeriesGivesScaledOrderedQuantiles) {
  const GlobalLstm lstm = MustFit(ASet());
  Numbers series = EverySecondDay(12, 5, 50);
  std::vector<std::array<double, kLstmQuantiles>> small(6);
  lstm.Forecast(series.View(), Steps(), small);
  for (double& value : series.y) value *= 1e4;
  std::vector<std::array<double, kLstmQuantiles>> large(6);
  lstm.Forecast(series.View(), Steps(), large);
  for (std::size_t h = 0; h < 6; ++h) {
    for (std::size_t q = 0; q < kLstmQuantiles; ++q) {
      EXPECT_NEAR(large[h][q], 1e4 * small[h][q], 1e-3 * large[h][q]);
      EXPECT_LE(large[h][q > 0 ? q - 1 : 0], large[h][q]);
      EXPECT_GE(large[h][q], 0);
    }
  }
}

TEST(GlobalLstm, TheFutureOfAnOriginChangesNothing) {
  const GlobalLstm lstm = MustFit(ASet());
  Numbers series = EverySecondDay(12, 5, 51);
  std::array<double, 6> before{};
  lstm.Forecast(series.View(100), Steps(), before);
  for (std::size_t i = 100; i < series.y.size(); ++i) {
    series.y[i] = std::numeric_limits<double>::quiet_NaN();
  }
  std::array<double, 6> after{};
  lstm.Forecast(series.View(100), Steps(), after);
  EXPECT_EQ(before, after);
}

TEST(GlobalLstm, NeitherThreadsNorASecondRunChangeABit) {
  const std::vector<Numbers> all = ASet();
  const Executor backwards = [](const Tasks& tasks) {
    for (std::size_t i = tasks.size(); i-- > 0;) tasks[i]();
  };
  EXPECT_EQ(MustFit(all).Serialize(), MustFit(all, backwards).Serialize());
}

TEST(GlobalLstm, TrainingStopsAndGoesOn) {
  const std::vector<Numbers> all = ASet();
  LstmTrainer trainer(Views(all), GlobalLstm(Small()), Small().windows, 4e-3);
  while (!trainer.done()) ASSERT_TRUE(trainer.Step(OneByOne).ok());
  EXPECT_GT(trainer.batches(), 0);
  EXPECT_EQ(trainer.Take().Serialize(), MustFit(all).Serialize());
}

TEST(GlobalLstm, LongTrainingEndsWhenAskedTo) {
  int asked = 0;
  const Result<GlobalLstm> fitted =
      GlobalLstm::Fit(Views(ASet()), Small(), OneByOne, [&asked] { return ++asked > 3; });
  ASSERT_FALSE(fitted.ok());
  EXPECT_EQ(fitted.error().reason, "Stopped");
  EXPECT_EQ(asked, 4) << "it is asked before each batch";
}

TEST(GlobalLstm, TuningNeverLeavesItWorseOnTheNewest) {
  const std::vector<Numbers> all = ASet();
  const GlobalLstm first = MustFit(all);
  LstmTrainer judge(Views(all), first, 0, 1e-3);
  LstmTrainer tuned(Views(all), first, 2'000, 0.5);  // a rate that breaks any network
  while (!tuned.done()) ASSERT_TRUE(tuned.Step(OneByOne).ok());
  EXPECT_LE(tuned.best_loss(), judge.best_loss());
}

TEST(GlobalLstm, WithTooLittleItStaysUnfitted) {
  const std::vector<Numbers> little = {EverySecondDay(1, 5, 1)};
  const Result<GlobalLstm> fitted = GlobalLstm::Fit(Views(little), Small());
  ASSERT_TRUE(fitted.ok());
  EXPECT_FALSE(fitted->fitted());
  EXPECT_FALSE(fitted->CanSee(little[0].View()));
}

TEST(GlobalLstm, DamagedWeightsAreRefused) {
  const GlobalLstm lstm = MustFit(ASet());
  const std::string bytes = lstm.Serialize();
  const Result<GlobalLstm> again = GlobalLstm::Parse(bytes);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->Serialize(), bytes);
  Random random(3);
  for (int i = 0; i < 200; ++i) {
    std::string damaged = bytes;
    damaged[random.Below(bytes.size())] ^= static_cast<char>(1 + random.Below(255));
    EXPECT_FALSE(GlobalLstm::Parse(damaged).ok());
    EXPECT_FALSE(GlobalLstm::Parse(bytes.substr(0, random.Below(bytes.size()))).ok());
  }
}

// Weights that could not be read leave the set without a network, and the ensemble goes on.
TEST(GlobalLstm, WithoutANetworkTheModelIsWeekBack) {
  const Numbers series = EverySecondDay(12, 5, 52);
  HourlyWarmStart warm;
  HourlyRules rules;
  const GlobalModels none;
  const Eigen::ArrayXXd said = ForecastHourly(series.View(), 6, rules, &none, false, warm);
  const auto column = static_cast<Eigen::Index>(HourlyModel::kLstm);
  for (int h = 1; h <= 6; ++h) EXPECT_EQ(said(h - 1, column), WeekBack(series.View(), h));
}

}  // namespace
}  // namespace foreshard::forecast
