#include "operator/api/quantity.h"

#include <gtest/gtest.h>

#include "operator/api/duration.h"

namespace foreshard::op {
namespace {

TEST(Quantity, ReadsWhatKubernetesReads) {
  const std::pair<const char*, std::int64_t> cases[] = {{"0", 0},
                                                        {"1", 1},
                                                        {"1500m", 2},
                                                        {"20Gi", 21474836480},
                                                        {"1k", 1000},
                                                        {"1Ki", 1024},
                                                        {"0.5", 1},
                                                        {"2.5Mi", 2621440},
                                                        {"1e3", 1000},
                                                        {"12E6", 12000000},
                                                        {"100n", 1},
                                                        {"8Ei", INT64_MAX},
                                                        {"1T", 1000000000000},
                                                        {"-5", -5}};
  for (const auto& [text, value] : cases) {
    const Result<std::int64_t> quantity = ParseQuantity(text);
    ASSERT_TRUE(quantity.ok()) << text;
    EXPECT_EQ(*quantity, value) << text;
  }
  EXPECT_EQ(*ParseMilliQuantity("0.1"), 100);
  EXPECT_EQ(*ParseMilliQuantity("300m"), 300);
  EXPECT_EQ(*ParseMilliQuantity("2"), 2000);
}

TEST(Quantity, RefusesTheRestNamingIt) {
  for (const char* text :
       {"", "Gi", "1 Gi", "1GiB", "one", "1.2.3", "0x10", "1e", "--1", "1e999"}) {
    const Result<std::int64_t> quantity = ParseQuantity(text);
    ASSERT_FALSE(quantity.ok()) << text;
    EXPECT_NE(quantity.error().message.find(text), std::string::npos);
  }
}

TEST(Duration, ReadsAndWritesAllUnits) {
  using std::chrono::milliseconds;
  const std::pair<const char*, std::int64_t> cases[] = {
      {"500ms", 500},         {"90s", 90'000},      {"5m", 300'000},    {"2h", 7'200'000},
      {"28d", 2'419'200'000}, {"1h30m", 5'400'000}, {"1m500ms", 60'500}};
  for (const auto& [text, millis] : cases) {
    const Result<milliseconds> duration = ParseDuration(text);
    ASSERT_TRUE(duration.ok()) << text;
    EXPECT_EQ(duration->count(), millis) << text;
    EXPECT_EQ(*ParseDuration(FormatDuration(*duration)), *duration);
  }
  EXPECT_EQ(FormatDuration(std::chrono::minutes(90)), "1h30m");
  EXPECT_EQ(FormatDuration(milliseconds(0)), "0s");
}

TEST(Duration, RefusesTheRest) {
  for (const char* text : {"", "5", "m", "5 m", "-5m", "5m3", "1.5h", "99999999999999999999s"}) {
    EXPECT_FALSE(ParseDuration(text).ok()) << text;
  }
}

}  // namespace
}  // namespace foreshard::op
