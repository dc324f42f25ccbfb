#include "forecast/forecaster.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "tests/unit/forecast/synthetic.h"

namespace foreshard::forecast {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// Forecasts bin by bin over the tail of a history, as in production.
std::vector<model::Fan> Replay(const History& history, std::size_t known, std::size_t until) {
  Random random(1);
  Fitted fitted = MustFit(Head(history, known));
  std::vector<model::Fan> fans = {Forecast(fitted, {})};
  for (std::size_t i = known; i < until; ++i) {
    if (RefitDue(fitted)) fitted = *Refit(std::move(fitted), nullptr, random);
    fitted = MustUpdate(std::move(fitted), history.mean[i], history.state[i]);
    fans.push_back(Forecast(fitted, {}));
  }
  return fans;
}

bool AllFinite(const model::Fan& fan) {
  for (const model::Quantiles& step : fan.steps) {
    for (const double q : step) {
      if (!std::isfinite(q) || q < 0) return false;
    }
  }
  return std::all_of(
      fan.windows.begin(), fan.windows.end(),
      [](const model::WindowMaximum& window) { return std::isfinite(window.maximum.back()); });
}

TEST(Forecaster, NothingFromTheFutureIsUsed) {
  const History history = Noisy(6 * kTestDay, 0.1, 3);
  Random random(17);
  for (int trial = 0; trial < 4; ++trial) {
    const std::size_t origin = 4 * kTestDay + static_cast<std::size_t>(random.Below(kTestDay));
    const std::vector<model::Fan> wanted = Replay(history, 4 * kTestDay - 7, origin);
    for (int change = 0; change < 4; ++change) {
      History other = history;
      for (std::size_t i = origin; i < other.mean.size(); ++i) {
        if (change == 0) other.mean[i] *= 10;
        if (change == 1) other.mean[i] = 0;
        if (change == 2) other.mean[i] = kNan;
        if (change == 3) other.mean[i] = history.mean[history.mean.size() - 1 - (i - origin)];
      }
      EXPECT_EQ(Replay(other, 4 * kTestDay - 7, origin), wanted)
          << "origin " << origin << " change " << change;
    }
  }
}

TEST(Forecaster, ConstantInConstantOut) {
  const Fitted fitted = MustFit(Make(10 * kTestDay, [](int) { return 42.5; }));
  for (const model::Quantiles& step : Forecast(fitted, {}).steps) {
    for (const double q : step) EXPECT_DOUBLE_EQ(q, 42.5);
  }
  EXPECT_DOUBLE_EQ(Score(fitted).Value(), 1);
}

TEST(Forecaster, AScaledHistoryGivesAScaledFan) {
  const History history = Noisy(9 * kTestDay, 0.1, 5);
  const model::Fan fan = Forecast(MustFit(history), {});
  for (const double c : {1e-6, 7.3, 1e9}) {
    History scaled = history;
    for (double& value : scaled.mean) value *= c;
    const model::Fan other = Forecast(MustFit(scaled), {});
    for (std::size_t h = 0; h < fan.steps.size(); ++h) {
      for (std::size_t i = 0; i < model::kFanLevels; ++i) {
        EXPECT_NEAR(other.steps[h][i] / (c * fan.steps[h][i]), 1, 1e-9)
            << c << " " << h << " " << i;
      }
    }
  }
}

TEST(Forecaster, AShiftByWholeSeasonsOnlyShiftsTheFan) {
  const History history = Noisy(9 * kTestDay, 0.1, 6);
  History later = history;
  later.first += 14 * kTestDay;
  model::Fan fan = Forecast(MustFit(history), {});
  const model::Fan other = Forecast(MustFit(later), {});
  fan.origin += 14 * kTestDay;
  EXPECT_EQ(fan, other);
}

TEST(Forecaster, QuantilesAreOrderedAndTheWindowIsNeverBelowItsSteps) {
  const History history = Noisy(6 * kTestDay, 0.4, 8);
  for (const model::Fan& fan : Replay(history, 3 * kTestDay, 5 * kTestDay)) {
    ASSERT_EQ(fan.steps.size(), 24u);
    for (const model::Quantiles& step : fan.steps) {
      EXPECT_TRUE(std::is_sorted(step.begin(), step.end()));
      EXPECT_GE(step.front(), 0);
    }
    for (const model::WindowMaximum& window : fan.windows) {
      for (std::size_t i = 0; i < model::kFanLevels; ++i) {
        for (int h = 0; h < window.bins; ++h) {
          EXPECT_GE(window.maximum[i], fan.steps[static_cast<std::size_t>(h)][i]);
        }
      }
    }
  }
}

TEST(Forecaster, AWaveIsFollowedAndTrusted) {
  const Fitted fitted = MustFit(Noisy(8 * kTestDay, 0.02, 11));
  const model::Fan fan = Forecast(fitted, {});
  for (int h = 1; h <= 24; ++h) {
    EXPECT_NEAR(fan.steps[static_cast<std::size_t>(h - 1)][model::kMedian],
                Daily(8 * kTestDay - 1 + h), 5)
        << h;
  }
  EXPECT_GT(Score(fitted).Value(), model::kTrustToActFully) << Score(fitted).Weakest();
}

struct NoiseCase {
  const char* name;
  double deviation;
  bool level_shift;
};

class Coverage : public testing::TestWithParam<NoiseCase> {};

TEST_P(Coverage, IsWithinTwoPointsAfterTwoThousandForecasts) {
  const NoiseCase noise = GetParam();
  const int bins = 28 * kTestDay;
  History history = Noisy(bins, noise.deviation, 21);
  if (noise.level_shift) {
    for (std::size_t i = 16 * kTestDay; i < history.mean.size(); ++i) history.mean[i] *= 1.5;
  }
  Random random(1);
  const std::size_t known = 7 * kTestDay;
  Fitted fitted = MustFit(Head(history, known));
  const std::array<std::pair<std::size_t, std::size_t>, 4> levels = {
      {{4, 6}, {3, 7}, {2, 8}, {0, 10}}};
  std::array<double, 4> inside{};
  double scored = 0;
  const int ahead = 6;
  for (std::size_t i = known; i + ahead < history.mean.size(); ++i) {
    if (RefitDue(fitted)) fitted = *Refit(std::move(fitted), nullptr, random);
    fitted = MustUpdate(std::move(fitted), history.mean[i]);
    const model::Quantiles quantiles = Forecast(fitted, {.bins = ahead}).steps.back();
    const double y = history.mean[i + ahead];
    for (std::size_t k = 0; k < levels.size(); ++k) {
      inside[k] += y >= quantiles[levels[k].first] && y <= quantiles[levels[k].second] ? 1 : 0;
    }
    scored += 1;
  }
  ASSERT_GE(scored, 2000);
  const std::array<double, 4> nominal = {0.50, 0.80, 0.90, 0.98};
  for (std::size_t k = 0; k < nominal.size(); ++k)
    EXPECT_NEAR(inside[k] / scored, nominal[k], 0.02) << nominal[k];
}

INSTANTIATE_TEST_SUITE_P(Noise, Coverage,
                         testing::Values(NoiseCase{"small", 0.05, false},
                                         NoiseCase{"lognormal", 0.3, false},
                                         NoiseCase{"shift", 0.1, true}),
                         [](const auto& noise) { return noise.param.name; });

TEST(Forecaster, OddSeriesGiveFiniteAnswers) {
  const std::vector<History> odd = {
      Make(0, Daily),
      Make(1, Daily),
      Make(3, Daily),
      Make(kTestDay / 2, Daily),
      Make(kTestDay + 5, Daily),
      Make(3 * kTestDay, [](int) { return 0.0; }),
      Make(3 * kTestDay, [](int i) { return i == 2 * kTestDay ? 1e12 : 1.0; }),
      Make(3 * kTestDay, [](int i) { return i < 2 * kTestDay + 7 ? 0.0 : 5.0; }),
      Make(9 * kTestDay, [](int i) { return 1e-300 * i; }),
  };
  for (std::size_t i = 0; i < odd.size(); ++i) {
    const Fitted fitted = MustFit(odd[i]);
    EXPECT_TRUE(AllFinite(Forecast(fitted, {}))) << i;
    EXPECT_TRUE(std::isfinite(Score(fitted).Value())) << i;
  }
  EXPECT_EQ(Score(MustFit(Make(kTestDay, Daily))).Value(), 0)
      << "under two seasons nobody should trust it";
}

TEST(Forecaster, SeriesThatComesAliveIsTreatedAsNew) {
  const Fitted fitted =
      MustFit(Make(6 * kTestDay, [](int i) { return i < 5 * kTestDay + 40 ? 0.0 : 80.0; }));
  EXPECT_EQ(Score(fitted).history, 0);
  EXPECT_NEAR(Forecast(fitted, {}).steps[0][model::kMedian], 80, 1);
}

TEST(Forecaster, RandomHistoriesNeverBreakIt) {
  for (std::uint64_t seed = 1; seed <= 25; ++seed) {
    Random random(seed);
    History history = Make(static_cast<int>(random.Between(1, 5 * kTestDay)), [&](int i) {
      if (random.Chance(0.1)) return 0.0;
      if (random.Chance(0.01)) return 1e9 * random.Unit();
      return Daily(i) * random.Exponential(1);
    });
    for (model::BinState& state : history.state) {
      if (random.Chance(0.1)) state = model::BinState::kMissing;
      if (random.Chance(0.05)) state = model::BinState::kCensored;
    }
    Fitted fitted = MustFit(history);
    for (int i = 0; i < 60; ++i) {
      const bool gap = random.Chance(0.2);
      fitted = MustUpdate(std::move(fitted), gap ? kNan : random.Exponential(100),
                          gap ? model::BinState::kMissing : model::BinState::kGood);
      ASSERT_TRUE(AllFinite(Forecast(fitted, {}))) << "seed " << seed << " bin " << i;
    }
  }
}

TEST(Forecaster, BadInputIsRefusedByName) {
  Random random(1);
  History history = Make(200, Daily);
  history.mean[100] = kNan;
  const Result<Fitted> nan = Fit(history, {}, SmallOptions(), nullptr, random);
  ASSERT_FALSE(nan.ok());
  EXPECT_NE(nan.error().message.find(std::to_string(kTestFirst + 100)), std::string::npos)
      << nan.error().message;
  history.mean[100] = -1;
  EXPECT_FALSE(Fit(history, {}, SmallOptions(), nullptr, random).ok());
  history.mean[100] = std::numeric_limits<double>::infinity();
  EXPECT_FALSE(Fit(history, {}, SmallOptions(), nullptr, random).ok());

  const Fitted fitted = MustFit(Make(200, Daily));
  EXPECT_FALSE(Update(fitted, {.at = fitted.last(), .mean = 1}).ok()) << "a repeated bin";
  EXPECT_FALSE(Update(fitted, {.at = fitted.last() - 1, .mean = 1}).ok()) << "time going back";
  EXPECT_FALSE(Update(fitted, {.at = fitted.last() + 2, .mean = 1}).ok()) << "a bin left out";
  EXPECT_FALSE(Update(fitted, {.at = fitted.last() + 1, .mean = -1}).ok());

  Options options = SmallOptions();
  options.horizon_bins = 0;
  EXPECT_FALSE(Fit(Make(200, Daily), {}, options, nullptr, random).ok());
}

TEST(Forecaster, StaleInputLowersTrustUntilDataComesBack) {
  Fitted fitted = MustFit(Noisy(8 * kTestDay, 0.02, 12));
  for (int i = 0; i < 3; ++i) fitted = MustUpdate(std::move(fitted), 0, model::BinState::kMissing);
  EXPECT_EQ(Score(fitted).freshness, 0);
  EXPECT_NEAR(Forecast(fitted, {}).steps[0][model::kMedian], Daily(8 * kTestDay + 3), 8)
      << "from what was known before";
  fitted = MustUpdate(std::move(fitted), Daily(8 * kTestDay + 3));
  EXPECT_EQ(Score(fitted).freshness, 1);
}

TEST(Forecaster, AStateThatWasSavedForecastsTheSameBits) {
  const History history = Noisy(9 * kTestDay, 0.1, 13);
  Fitted fitted = MustFit(Head(history, 8 * kTestDay));
  for (std::size_t i = 8 * kTestDay; i < 8 * kTestDay + 50; ++i)
    fitted = MustUpdate(std::move(fitted), history.mean[i]);
  const std::string bytes = Serialize(fitted);
  const History now = Head(history, 8 * kTestDay + 50);
  const Result<Fitted> again = Parse(bytes, now, {}, SmallOptions(), nullptr);
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_EQ(Forecast(*again, {}), Forecast(fitted, {}));
  EXPECT_EQ(Draw(*again, {}), Draw(fitted, {}));
  EXPECT_EQ(Score(*again), Score(fitted));
  // And goes on the same way.
  const Fitted a = MustUpdate(*again, 123);
  const Fitted b = MustUpdate(fitted, 123);
  EXPECT_EQ(Forecast(a, {}), Forecast(b, {}));
}

TEST(Forecaster, DamagedStateIsRefused) {
  const History history = Noisy(4 * kTestDay, 0.1, 14);
  const std::string bytes = Serialize(MustFit(history));
  Random random(4);
  for (int i = 0; i < 200; ++i) {
    std::string damaged = bytes;
    const auto at = static_cast<std::size_t>(random.Below(damaged.size()));
    damaged[at] = static_cast<char>(damaged[at] ^ static_cast<char>(1 << random.Below(8)));
    EXPECT_FALSE(Parse(damaged, history, {}, SmallOptions(), nullptr).ok()) << "byte " << at;
  }
  for (const std::size_t length :
       {std::size_t{0}, std::size_t{3}, std::size_t{16}, bytes.size() - 1}) {
    EXPECT_FALSE(Parse(bytes.substr(0, length), history, {}, SmallOptions(), nullptr).ok())
        << length;
  }
  EXPECT_FALSE(Parse(bytes, Head(history, 100), {}, SmallOptions(), nullptr).ok())
      << "another history";
}

// Models fitted in good days know the wave; days of chaos would teach them worse.
TEST(Forecaster, ARefitThatWentWrongIsRefusedAndCounted) {
  Random random(8);
  Fitted fitted = MustFit(Make(6 * kTestDay, Daily));
  EXPECT_EQ(CountsOf(fitted).refits_refused, 0);
  for (int i = 0; i < 4 * kTestDay; ++i)
    fitted = MustUpdate(std::move(fitted), 1000 * random.Unit());
  for (int i = 10 * kTestDay; i < 11 * kTestDay; ++i)
    fitted = MustUpdate(std::move(fitted), Daily(i));
  ASSERT_TRUE(RefitDue(fitted));
  const Counts before = CountsOf(fitted);
  const auto errors_of = [](const Fitted& of) {
    double sum = 0;
    const model::Fan fan = Forecast(of, {});
    for (std::size_t i = 0; i < fan.steps.size(); ++i) {
      const double truth = Daily(11 * kTestDay + static_cast<int>(i));
      sum += std::abs(fan.steps[i][model::kMedian] - truth);
    }
    return sum;
  };
  const Result<Fitted> again = Refit(fitted, nullptr, random);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(CountsOf(*again).refits, before.refits + 1);
  EXPECT_EQ(CountsOf(*again).refits_refused, before.refits_refused + 1);
  EXPECT_NEAR(errors_of(*again), errors_of(fitted), 0.02 * errors_of(fitted) + 1);
  EXPECT_FALSE(RefitDue(*again)) << "the next try is a day later";
}

TEST(Forecaster, ARefitThatIsNoWorseIsKept) {
  const History history = Noisy(9 * kTestDay, 0.05, 21);
  Fitted fitted = MustFit(Head(history, 6 * kTestDay));
  Random random(8);
  for (std::size_t i = 6 * kTestDay; i < history.mean.size(); ++i) {
    if (RefitDue(fitted)) fitted = *Refit(std::move(fitted), nullptr, random);
    fitted = MustUpdate(std::move(fitted), history.mean[i]);
  }
  EXPECT_GT(CountsOf(fitted).refits, 3);
  EXPECT_EQ(CountsOf(fitted).refits_refused, 0);
}

TEST(Forecaster, ScenariosComeFromTheSameOriginsForAllSeries) {
  const model::Scenarios a = Draw(MustFit(Noisy(8 * kTestDay, 0.1, 15)), {});
  const model::Scenarios b = Draw(MustFit(Noisy(8 * kTestDay, 0.3, 16)), {});
  ASSERT_FALSE(a.paths.empty());
  EXPECT_EQ(a.drawn_from, b.drawn_from);
  for (const std::vector<double>& path : a.paths) EXPECT_EQ(path.size(), 24u);
}

TEST(Forecaster, WeightsFavourTheModelsThatWereRight) {
  // Every day is the same but for noise; the last value is a bad guess six hours ahead.
  const std::vector<StepReport> reports = Explain(MustFit(Noisy(8 * kTestDay, 0.05, 18)));
  ASSERT_FALSE(reports.empty());
  double last = 0;
  double day = 0;
  double sum = 0;
  for (const ModelReport& model : reports.back().models) {
    if (model.name == "last") last = model.weight;
    if (model.name == "day-1") day = model.weight;
    sum += model.weight;
  }
  EXPECT_GT(day, 20 * last);
  EXPECT_NEAR(sum, 1, 1e-12);
}

}  // namespace
}  // namespace foreshard::forecast
