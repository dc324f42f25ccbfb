#include "base/log.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

namespace foreshard {
namespace {

TEST(Log, WritesOneJsonObjectWithEscapedText) {
  EXPECT_EQ(
      log::FormatLine(log::Level::kWarning, "T", "gate_closed",
                      {{"shard", "s-\"4\"\n"}, {"token", 7}, {"ok", true}, {"share", 0.5}}),
      R"({"time":"T","level":"warning","event":"gate_closed",)"
      R"("shard":"s-\"4\"\n","token":7,"ok":true,"share":0.5})");
}

TEST(Log, ANumberThatJsonCannotSayBecomesNull) {
  EXPECT_EQ(log::FormatLine(log::Level::kInfo, "T", "e",
                            {{"x", std::numeric_limits<double>::quiet_NaN()}}),
            R"({"time":"T","level":"info","event":"e","x":null})");
}

TEST(Log, DropsWhatIsBelowTheLevel) {
  std::vector<std::string> lines;
  log::SetSink([&lines](std::string_view line) { lines.emplace_back(line); });
  log::Debug("quiet");
  log::Info("loud");
  log::SetSink({});
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_NE(lines[0].find("\"event\":\"loud\""), std::string::npos);
}

}  // namespace
}  // namespace foreshard
