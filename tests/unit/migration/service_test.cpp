#include "migration/service.h"

#include <gtest/gtest.h>

namespace foreshard::migration {
namespace {

const ServiceSeen kGood{.statements_per_second = 500, .error_ratio = 0.001, .p99_seconds = 0.010};

TEST(Service, TwiceTheLatencyIsWorseOnceSomebodyNotices) {
  ServiceSeen now = kGood;
  now.p99_seconds = 0.029;
  EXPECT_EQ(WhyWorse(kGood, now), std::nullopt) << "twice as long, but nobody notices 20 ms";
  now.p99_seconds = 0.031;
  EXPECT_EQ(WhyWorse(kGood, now), "LatencyDoubled");
  ServiceSeen slow = kGood;
  slow.p99_seconds = 0.100;
  now.p99_seconds = 0.190;
  EXPECT_EQ(WhyWorse(slow, now), std::nullopt) << "not twice";
  now.p99_seconds = 0.210;
  EXPECT_EQ(WhyWorse(slow, now), "LatencyDoubled");
}

TEST(Service, TwiceTheErrorsAreWorseFromOnePercentOn) {
  ServiceSeen now = kGood;
  now.error_ratio = 0.009;
  EXPECT_EQ(WhyWorse(kGood, now), std::nullopt);
  now.error_ratio = 0.011;
  EXPECT_EQ(WhyWorse(kGood, now), "ErrorRateDoubled");
  ServiceSeen bad = kGood;
  bad.error_ratio = 0.2;
  now.error_ratio = 0.3;
  EXPECT_EQ(WhyWorse(bad, now), std::nullopt);
}

TEST(Service, NothingIsConcludedFromFewStatementsOrFromNone) {
  ServiceSeen now = kGood;
  now.p99_seconds = 5;
  EXPECT_EQ(WhyWorse(std::nullopt, now), std::nullopt);
  EXPECT_EQ(WhyWorse(kGood, std::nullopt), std::nullopt);
  now.statements_per_second = 9;
  EXPECT_EQ(WhyWorse(kGood, now), std::nullopt);
  now.statements_per_second = 11;
  ServiceSeen idle = kGood;
  idle.statements_per_second = 1;
  EXPECT_EQ(WhyWorse(idle, now), std::nullopt);
  EXPECT_EQ(WhyWorse(kGood, now), "LatencyDoubled");
}

}  // namespace
}  // namespace foreshard::migration
