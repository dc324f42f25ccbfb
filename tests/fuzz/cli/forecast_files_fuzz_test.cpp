#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"
#include "cli/forecast/events.h"
#include "cli/forecast/m4.h"
#include "cli/forecast/trace.h"

// Files that a person hands to foreshard-forecast: cut, mixed up, from another program. They are
// refused with the line (or the entry) and a reason, or they are usable.

namespace foreshard::cli {
namespace {

constexpr int kRounds = 4'000;

std::string Mutated(std::string text, std::string_view alphabet, Random& random) {
  for (std::uint64_t n = random.Below(4); n > 0; --n) {
    const auto at = static_cast<std::size_t>(random.Below(text.size() + 1));
    const auto length = static_cast<std::size_t>(random.Below(12));
    switch (random.Below(5)) {
      case 0:
        text.erase(at, length);
        break;
      case 1:
        text.insert(at, 1, alphabet[random.Below(alphabet.size())]);
        break;
      case 2:
        text.insert(at, text.substr(at / 2, length));
        break;
      case 3:
        if (at < text.size()) text[at] = static_cast<char>(random.Below(256));
        break;
      default:
        text.resize(at);
    }
  }
  return text;
}

std::string ATrace(Random& random) {
  std::string text = "timestamp,value\n";
  const int step = random.Chance(0.5) ? 60 : 3'600;
  for (int i = 0; i < 12; ++i)
    text += fmt::format("{},{}\n", 1'577'836'800 + i * step, 10 * random.Unit());
  return text;
}

TEST(ForecastFiles, ATraceIsRefusedByLineOrUsable) {
  int good = 0;
  for (int seed = 1; seed <= kRounds; ++seed) {
    Random random(static_cast<std::uint64_t>(seed));
    const std::string text = Mutated(ATrace(random), "0123456789-:TZ,.\n\r \"eE+na", random);
    const auto samples = ParseTrace(text);
    if (!samples) {
      EXPECT_EQ(samples.error().message.rfind("line ", 0), 0u) << "seed " << seed;
      continue;
    }
    ++good;
    const model::DemandSeries series = BinTrace(*samples, std::chrono::minutes(5));
    ASSERT_EQ(series.mean.size(), series.state.size()) << "seed " << seed;
    for (const double value : series.mean)
      ASSERT_TRUE(std::isfinite(value) && value >= 0) << "seed " << seed;
  }
  EXPECT_GT(good, kRounds / 20);
  EXPECT_LT(good, kRounds);
}

TEST(ForecastFiles, AnM4FileIsRefusedByLineOrUsable) {
  int good = 0;
  for (int seed = 1; seed <= kRounds; ++seed) {
    Random random(static_cast<std::uint64_t>(seed));
    std::string text = "\"V1\",\"V2\",\"V3\",\"V4\"\n";
    for (int row = 0; row < 4; ++row)
      text += fmt::format("\"H{}\",{:.3f},{},NA\n", row + 1, 100 * random.Unit(), row);
    text = Mutated(text, "0123456789,.\n\r\"NAeE-+", random);
    const auto series = ParseM4(text);
    if (!series) {
      EXPECT_EQ(series.error().message.rfind("line ", 0), 0u)
          << "seed " << seed << ": " << series.error().message;
      continue;
    }
    ++good;
    ASSERT_FALSE(series->empty()) << "seed " << seed;
    for (const NamedSeries& one : *series) {
      ASSERT_FALSE(one.id.empty() || one.values.empty()) << "seed " << seed;
      for (const double value : one.values) ASSERT_TRUE(std::isfinite(value)) << "seed " << seed;
    }
  }
  EXPECT_GT(good, kRounds / 20);
  EXPECT_LT(good, kRounds);
}

TEST(ForecastFiles, EventsAreRefusedWithAReasonOrUsable) {
  constexpr const char* kEvents =
      R"([{"class":"Holiday","expectedMultiplierPercent":60,"occurrences":[
        {"start":"2014-11-27T05:00:00Z","duration":"24h","before":"1h","after":"2h"}]}])";
  int good = 0;
  for (int seed = 1; seed <= kRounds; ++seed) {
    Random random(static_cast<std::uint64_t>(seed));
    const auto events =
        ParseEvents(Mutated(kEvents, "0123456789{}[]\",:hms-", random), std::chrono::minutes(5));
    if (!events) {
      EXPECT_FALSE(events.error().message.empty()) << "seed " << seed;
      continue;
    }
    ++good;
    for (const forecast::Event& event : *events) {
      ASSERT_TRUE(std::isfinite(event.expected_multiplier)) << "seed " << seed;
      ASSERT_GE(event.expected_multiplier, 0) << "seed " << seed;
      for (const forecast::Occurrence& one : event.occurrences) {
        ASSERT_GE(one.plateau, 1) << "seed " << seed;
        ASSERT_GE(one.before, 0) << "seed " << seed;
        ASSERT_GE(one.after, 0) << "seed " << seed;
      }
    }
  }
  EXPECT_GT(good, kRounds / 20);
  EXPECT_LT(good, kRounds);
}

}  // namespace
}  // namespace foreshard::cli
