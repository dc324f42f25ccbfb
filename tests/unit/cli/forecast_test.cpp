#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/forecast/backtest.h"
#include "cli/forecast/report.h"
#include "cli/forecast/trace.h"

namespace foreshard::cli {
namespace {

std::string Refusal(std::string_view text) {
  const auto parsed = ParseTrace(text);
  return parsed.ok() ? "accepted" : parsed.error().message;
}

TEST(Trace, GoodRowsAreRead) {
  const auto samples = ParseTrace(
      "timestamp,value\n2020-01-01T00:00:00Z,1.5\n2020-01-01 00:01:00,2\r\n1577836920,3\n");
  ASSERT_TRUE(samples.ok()) << samples.error().message;
  ASSERT_EQ(samples->size(), 3u);
  EXPECT_EQ((*samples)[0].at, 1577836800);
  EXPECT_EQ((*samples)[1].at, 1577836860);
  EXPECT_EQ((*samples)[2].value, 3);
}

TEST(Trace, BadRowsAreRefusedWithTheirLineAndAReason) {
  const std::string head = "timestamp,value\n2020-01-01T00:00:00Z,1\n";
  EXPECT_NE(Refusal("").find("no samples"), std::string::npos);
  EXPECT_NE(Refusal("timestamp,value\n").find("no samples"), std::string::npos);
  EXPECT_EQ(
      Refusal(head + "2020-01-01T00:01:00Z,many\n").rfind("line 3: 'many' is not a number", 0), 0u);
  EXPECT_EQ(Refusal(head + "2020-01-01T00:01:00Z,-4\n").rfind("line 3: -4 is negative", 0), 0u);
  EXPECT_EQ(Refusal(head + "2020-01-01T00:01:00Z,nan\n").rfind("line 3:", 0), 0u);
  EXPECT_EQ(Refusal(head + "2020-01-01T00:01:00Z,\n"), "line 3: the value is empty");
  EXPECT_EQ(Refusal(head + "2020-01-01T00:01:00Z\n").rfind("line 3: expected two fields", 0), 0u);
  EXPECT_EQ(Refusal(head + "2020-01-01T00:01:00Z,1,2\n").rfind("line 3: expected two fields", 0),
            0u);
  EXPECT_EQ(Refusal(head + "2020-01-01T00:00:00Z,2\n"), "line 3: the same time as the line before");
  EXPECT_EQ(Refusal(head + "2019-01-01T00:00:00Z,2\n"), "line 3: earlier than the line before");
  EXPECT_EQ(Refusal(head + "2020-13-01T00:00:00Z,2\n")
                .rfind("line 3: '2020-13-01T00:00:00Z' is not a time", 0),
            0u);
  EXPECT_EQ(Refusal(head + "yesterday,2\n").rfind("line 3:", 0), 0u);
}

TEST(Trace, OnlyTheHourOfAnAutumnClockChangeMayRepeat) {
  const std::string before = "timestamp,value\n2017-11-05T00:00:00Z,77\n2017-11-05T01:00:00Z,74\n";
  EXPECT_EQ(Refusal(before + "2017-11-05T01:00:00Z,70\n2017-11-05T02:00:00Z,58\n"), "accepted");
  EXPECT_NE(Refusal("timestamp,value\n2017-11-06T00:00:00Z,77\n2017-11-06T01:00:00Z,74\n2017-11-"
                    "06T01:00:00Z,70\n"),
            "accepted")
      << "a Monday";
}

TEST(Trace, RandomBytesNeverBreakTheReader) {
  Random random(1);
  const std::string alphabet = "0123456789-:TZ,.\n\r \"eE+nax";
  for (int i = 0; i < 5000; ++i) {
    std::string text = random.Chance(0.5) ? "timestamp,value\n2020-01-01T00:00:00Z,1\n" : "";
    for (std::uint64_t n = random.Below(60); n > 0; --n)
      text += alphabet[random.Below(alphabet.size())];
    const auto samples = ParseTrace(text);
    if (!samples) {
      EXPECT_EQ(samples.error().message.rfind("line ", 0), 0u) << text;
      continue;
    }
    for (const TraceSample& sample : *samples)
      EXPECT_TRUE(std::isfinite(sample.value) && sample.value >= 0);
  }
}

TEST(Trace, ABinWithTooFewSamplesIsMissing) {
  std::string text = "timestamp,value\n";
  for (int minute = 0; minute < 20; ++minute) {
    if (minute >= 5 && minute < 8) continue;  // two of five are left
    text += std::to_string(1577836800 + 60 * minute) + "," + std::to_string(minute) + "\n";
  }
  const model::DemandSeries series = BinTrace(*ParseTrace(text), std::chrono::seconds(300));
  ASSERT_EQ(series.mean.size(), 4u);
  EXPECT_EQ(series.first, 1577836800 / 300);
  EXPECT_EQ(series.mean[0], 2);
  EXPECT_EQ(series.peak[0], 4);
  EXPECT_EQ(series.state[1], model::BinState::kMissing);
  EXPECT_EQ(series.state[2], model::BinState::kGood);
  EXPECT_EQ(BinTrace(*ParseTrace(text), std::chrono::seconds(1)).bin.count(), 60)
      << "never finer than the trace";
}

TEST(Duration, NeedsAUnit) {
  EXPECT_EQ(ParseDuration("5m")->count(), 300);
  EXPECT_EQ(ParseDuration("8d")->count(), 8 * 86400);
  for (const char* bad : {"", "5", "m", "-5m", "0h", "5 m", "1.5h", "5y"})
    EXPECT_FALSE(ParseDuration(bad).ok()) << bad;
}

TEST(TrainingPart, GrowsWithTheTrace) {
  const auto days = [](std::int64_t trace) {
    return TrainingPart(std::chrono::hours(24 * trace)) / std::chrono::hours(24);
  };
  EXPECT_EQ(days(11), 8);
  EXPECT_EQ(days(28), 28);
  EXPECT_EQ(days(60), 40);
  EXPECT_EQ(days(120), 56);
}

model::DemandSeries Wave(int days) {
  model::DemandSeries series;
  series.bin = std::chrono::seconds(3600);
  series.first = 400'000;
  Random random(2);
  for (int i = 0; i < days * 24; ++i) {
    series.mean.push_back(100 + 50 * std::sin(i * 0.2617993877991494) + random.Normal());
    series.state.push_back(model::BinState::kGood);
  }
  series.peak = series.mean;
  return series;
}

TEST(Backtest, NothingFromTheFutureReachesTheScores) {
  model::DemandSeries series = Wave(12);
  BacktestOptions options;
  options.horizon = std::chrono::hours(3);
  const auto report = Backtest(series, options);
  ASSERT_TRUE(report.ok()) << report.error().message;
  EXPECT_EQ(report->test_bins, 4u * 24);
  // What comes after a row's own bin must not change it.
  for (std::size_t i = 10 * 24; i < series.mean.size(); ++i) series.mean[i] *= 10;
  const auto other = Backtest(series, options);
  ASSERT_TRUE(other.ok());
  for (std::size_t row = 0; row < 2 * 24 + 2; ++row) {
    EXPECT_EQ(report->rows[row].quantiles, other->rows[row].quantiles) << row;
  }
}

TEST(Backtest, TheReportIsJsonWithEveryKey) {
  BacktestOptions options;
  options.horizon = std::chrono::hours(1);
  const auto report = Backtest(Wave(10), options);
  ASSERT_TRUE(report.ok());
  const auto json = nlohmann::json::parse(
      BacktestJson({.trace = "a \"b\"", .bin = "1h", .horizon = "60m", .seconds = 0.5}, *report));
  for (const char* key :
       {"trace", "bin", "horizon", "bins", "testBins", "results", "coverage", "seconds"}) {
    EXPECT_TRUE(json.contains(key)) << key;
  }
  EXPECT_EQ(json["trace"], "a \"b\"");
  std::vector<std::string> names;
  for (const auto& result : json["results"]) {
    names.push_back(result["name"]);
    EXPECT_TRUE(std::isfinite(result["mre"].get<double>()));
  }
  EXPECT_EQ((std::vector<std::string>(names.begin(), names.begin() + 4)),
            (std::vector<std::string>{"last", "day-1", "week-1", "spar"}));
  EXPECT_EQ(names.back(), "ensemble");
  for (const char* level : {"50", "80", "90", "95", "99"})
    EXPECT_TRUE(json["coverage"].contains(level));
  EXPECT_NE(BacktestTable({.trace = "t", .bin = "1h", .horizon = "1h"}, *report).find("ensemble"),
            std::string::npos);
}

TEST(Backtest, AShortTraceIsRefused) {
  EXPECT_FALSE(Backtest(Wave(8), {}).ok());
  EXPECT_FALSE(Backtest({}, {}).ok());
}

}  // namespace
}  // namespace foreshard::cli
