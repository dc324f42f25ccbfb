#include "bench/load_generator/trace.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace foreshard::load {
namespace {

class TraceFile : public testing::Test {
 protected:
  std::string Write(const std::string& text) {
    path_ = testing::TempDir() + "trace_" +
            testing::UnitTest::GetInstance()->current_test_info()->name() + ".csv";
    std::ofstream(path_) << text;
    return path_;
  }
  void TearDown() override { std::filesystem::remove(path_); }

  std::string path_;
};

TEST_F(TraceFile, IsReadRelativeToItsHighestValue) {
  const Result<Trace> trace =
      ReadTrace(Write("timestamp,value\n2018-04-25T00:00:00Z,5\n2018-04-25T00:01:00Z,20\n"));
  ASSERT_TRUE(trace) << trace.error().message;
  EXPECT_EQ(trace->levels, (std::vector<double>{0.25, 1.0}));
  EXPECT_EQ(trace->step_seconds, 60);
}

TEST_F(TraceFile, ErrorsNameTheLine) {
  EXPECT_NE(ReadTrace(Write("timestamp,value\n2018-04-25T00:00:00Z,5\n2018-04-25T00:01:00Z,-1\n"))
                .error()
                .message.find("line 3"),
            std::string::npos);
  EXPECT_NE(ReadTrace(Write("timestamp,value\n2018-04-25T00:01:00Z,5\n2018-04-25T00:00:00Z,1\n"))
                .error()
                .message.find("forward"),
            std::string::npos);
  EXPECT_NE(ReadTrace(Write("timestamp,value\nyesterday,5\n")).error().message.find("timestamp"),
            std::string::npos);
  EXPECT_FALSE(ReadTrace("/nonexistent/trace.csv"));
}

TEST(RateCurve, DueIsTheIntegralOfTheRate) {
  const RateCurve curve({.levels = {0.0, 1.0}, .step_seconds = 43'200}, /*seconds_per_day=*/20,
                        /*peak_rate=*/100);
  EXPECT_DOUBLE_EQ(curve.duration_seconds(), 20);
  EXPECT_DOUBLE_EQ(curve.At(0), 0);
  EXPECT_DOUBLE_EQ(curve.At(5), 50);
  EXPECT_DOUBLE_EQ(curve.At(15), 100);
  EXPECT_DOUBLE_EQ(curve.Due(10), 500);
  EXPECT_DOUBLE_EQ(curve.Due(20), 1'500);
}

TEST(Trace, PartsAreGivenInDays) {
  const Trace trace = GenerateTrace(2, 1);
  const Result<Trace> part = Days(trace, 0.75, 2);
  ASSERT_TRUE(part);
  EXPECT_EQ(part->levels.size(), 1'800u);
  EXPECT_EQ(part->levels.front(), trace.levels[1'080]);
  const Result<Trace> third = Days(trace, 2, 3);
  ASSERT_FALSE(third);
  EXPECT_NE(third.error().message.find("2.00 days"), std::string::npos);
  EXPECT_FALSE(Days(trace, 1, 1));
  EXPECT_FALSE(Days(trace, -1, 1));
}

}  // namespace
}  // namespace foreshard::load
