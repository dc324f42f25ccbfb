#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/forecast/backtest.h"
#include "cli/forecast/evaluate.h"
#include "cli/forecast/events.h"
#include "cli/forecast/m4.h"
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
  EXPECT_EQ(Refusal(head + "20200-01-01T00:00:00Z,2\n").rfind("line 3:", 0), 0u);
  EXPECT_EQ(Refusal(head + "1577836860000,2\n").rfind("line 3: '1577836860000' is beyond", 0), 0u)
      << "milliseconds";
  EXPECT_EQ(Refusal(head + "15778368600,2\n"), "line 3: more than a year after the line before");
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

std::string M4Refusal(std::string_view text) {
  const auto parsed = ParseM4(text);
  return parsed.ok() ? "accepted" : parsed.error().message;
}

TEST(M4, RowsAreReadWithQuotesAndEmptyEnds) {
  const auto series = ParseM4("\"V1\",\"V2\",\"V3\"\n\"H1\",1,2.5,,\nH2,7,NA\r\n");
  ASSERT_TRUE(series.ok()) << series.error().message;
  ASSERT_EQ(series->size(), 2u);
  EXPECT_EQ((*series)[0].id, "H1");
  EXPECT_EQ((*series)[0].values, (std::vector<double>{1, 2.5}));
  EXPECT_EQ((*series)[1].values, (std::vector<double>{7}));
}

TEST(M4, BadRowsAreRefusedWithTheirLine) {
  EXPECT_NE(M4Refusal("").find("no series"), std::string::npos);
  EXPECT_NE(M4Refusal("id,v\n").find("no series"), std::string::npos);
  EXPECT_EQ(M4Refusal("id,v\nA,1,x\n"), "line 2: 'x' is not a number");
  EXPECT_EQ(M4Refusal("id,v\nA,1,,3\n"), "line 2: series A goes on after an empty cell");
  EXPECT_EQ(M4Refusal("id,v\nA,1\nA,2\n"), "line 3: id A comes twice");
  EXPECT_EQ(M4Refusal("id,v\nA,\n"), "line 2: series A has no values");
}

TEST(M4, TestRowsAreMatchedById) {
  const std::vector<NamedSeries> train = {{"A", {1}}, {"B", {2}}};
  const auto matched = MatchTest(train, {{"B", {5, 6, 7}}, {"A", {3, 4}}}, 2);
  ASSERT_TRUE(matched.ok());
  EXPECT_EQ((*matched)[0], (std::vector<double>{3, 4}));
  EXPECT_EQ((*matched)[1], (std::vector<double>{5, 6}));
  EXPECT_FALSE(MatchTest(train, {{"A", {3, 4}}}, 2).ok());
  EXPECT_FALSE(MatchTest(train, {{"A", {3}}, {"B", {1, 2}}}, 2).ok());
}

TEST(Evaluate, MeasuresAreThoseOfTheCompetition) {
  EXPECT_DOUBLE_EQ(Smape({100, 50}, {110, 50}), (200.0 * 10 / 210) / 2);
  EXPECT_DOUBLE_EQ(MaseScale({1, 2, 4, 8}, 2), (3 + 6) / 2.0);
  // No season: the last value. A clear season: the season goes on.
  EXPECT_EQ(Naive2Forecast({3, 1, 2}, 24, 2), (std::vector<double>{2, 2}));
  std::vector<double> wave;
  for (int i = 0; i < 24 * 8; ++i) wave.push_back(i % 24 < 12 ? 10 : 30);
  const std::vector<double> ahead = Naive2Forecast(wave, 24, 24);
  EXPECT_NEAR(ahead[0], 10, 1e-9);
  EXPECT_NEAR(ahead[12], 30, 1e-9);
}

TEST(Evaluate, ThreadsAndOrderChangeNothing) {
  std::vector<NamedSeries> train;
  std::vector<std::vector<double>> test;
  Random random(4);
  for (int s = 0; s < 5; ++s) {
    NamedSeries series{"S" + std::to_string(s), {}};
    for (int i = 0; i < 30 * 24; ++i) {
      series.values.push_back((s + 1) *
                              (100 + 50 * std::sin(i * 0.2617993877991494) + 5 * random.Normal()));
    }
    train.push_back(series);
  }
  ASSERT_TRUE(HoldOut(train, test, 48, 48).ok());
  EvaluateOptions options;
  const auto one = Evaluate(train, test, options);
  options.threads = 3;
  const auto three = Evaluate(train, test, options);
  ASSERT_TRUE(one.ok() && three.ok());
  EXPECT_EQ(one->smape, three->smape);
  EXPECT_EQ(one->msis, three->msis);
  EXPECT_EQ(one->wql, three->wql);
  EXPECT_FALSE(one->naive2_official);
  EXPECT_LT(one->owa, 1);
  EXPECT_GT(one->coverage95, 0.85);
  const auto json = nlohmann::json::parse(EvaluateJson(*one, 1.5));
  for (const char* key : {"series", "smape", "mase", "owa", "msis", "coverage95", "wql", "seconds",
                          "naive2", "models"}) {
    EXPECT_TRUE(json.contains(key)) << key;
  }
  EXPECT_EQ(json["naive2"]["source"], "computed");
  EXPECT_EQ(json["models"].size(), one->models.size());
}

TEST(Evaluate, WhatIsHeldOutIsNotSeen) {
  std::vector<NamedSeries> train = {{"A", {}}};
  for (int i = 0; i < 20 * 24; ++i)
    train[0].values.push_back(100 + 50 * std::sin(i * 0.2617993877991494) + i % 7);
  std::vector<NamedSeries> other = train;
  for (std::size_t i = 18 * 24; i < other[0].values.size(); ++i) other[0].values[i] = 1e6;
  std::vector<std::vector<double>> test;
  std::vector<std::vector<double>> other_test;
  ASSERT_TRUE(HoldOut(train, test, 48, 48).ok());
  ASSERT_TRUE(HoldOut(other, other_test, 48, 48).ok());
  EXPECT_EQ(train[0].values, other[0].values);
  const auto a = Evaluate(train, test, {});
  const auto b = Evaluate(other, test, {});
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_EQ(a->smape, b->smape);
  EXPECT_FALSE(HoldOut(train, test, 24, 48).ok()) << "a holdout shorter than the horizon";
}

TEST(Events, AreReadAndRefusedByEntry) {
  const std::chrono::seconds bin(300);
  const auto events = ParseEvents(
      R"([{"class":"Holiday","expectedMultiplierPercent":60,
           "occurrences":[{"start":"1970-01-01T01:00:00Z","duration":"1h","before":"7m"}]}])",
      bin);
  ASSERT_TRUE(events.ok()) << events.error().message;
  ASSERT_EQ(events->size(), 1u);
  EXPECT_EQ((*events)[0].name, "Holiday");
  EXPECT_EQ((*events)[0].expected_multiplier, 0.6);
  ASSERT_EQ((*events)[0].occurrences.size(), 1u);
  EXPECT_EQ((*events)[0].occurrences[0].start, 12);
  EXPECT_EQ((*events)[0].occurrences[0].plateau, 12);
  EXPECT_EQ((*events)[0].occurrences[0].before, 2) << "rounded up to whole bins";
  EXPECT_EQ((*events)[0].occurrences[0].after, 0);
  for (const char* bad : {"", "{}", "[1]", R"([{"class":"A"}])",
                          R"([{"class":"A","occurrences":[{"start":"x","duration":"1h"}]}])",
                          R"([{"class":"A","occurrences":[{"start":"2020-01-01T00:00:00Z"}]}])",
                          R"([{"class":"A","expectedMultiplierPercent":-1,"occurrences":[]}])"}) {
    EXPECT_FALSE(ParseEvents(bad, bin).ok()) << bad;
  }
}

}  // namespace
}  // namespace foreshard::cli
