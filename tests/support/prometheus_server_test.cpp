#include "tests/support/prometheus_server.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/clock.h"
#include "tests/support/needs.h"
#include "tests/support/wait.h"

namespace foreshard::support {
namespace {

using std::chrono_literals::operator""s;

const Needs kNeeds({"prometheus", "promtool", "curl"});

std::string Query(const PrometheusServer& server, const std::string& expression) {
  const Result<std::string> answer =
      RunOrError({.command = {"curl", "-sfG", server.url() + "/api/v1/query", "--data-urlencode",
                              "query=" + expression}},
                 10s);
  return answer.ok() ? *answer : answer.error().message;
}

// A counter `load_total` with one sample a minute for the last `hours`, growing by 60 a minute.
std::string HistoryOfHours(int hours) {
  const auto now = std::chrono::time_point_cast<std::chrono::seconds>(SystemClock().Wall());
  const long long end = now.time_since_epoch().count();
  std::string text = "# TYPE load counter\n";
  for (long long minute = -60LL * hours; minute <= 0; ++minute) {
    text += fmt::format("load_total {} {}\n", (minute + 60LL * hours) * 60, end + minute * 60);
  }
  return text + "# EOF\n";
}

TEST(PrometheusServer, AnswersFromTheHistoryThatWasWritten) {
  const auto server = PrometheusServer::Create({.history = HistoryOfHours(30)});
  ASSERT_TRUE(Good(server));
  const std::string answer = Query(**server, "max_over_time(rate(load_total[10m])[1d:1h])");
  EXPECT_NE(answer.find("\"1\"]"), std::string::npos) << answer;
}

TEST(PrometheusServer, KeepsDataAndPortOverARestart) {
  const auto server = PrometheusServer::Create({.history = HistoryOfHours(3)});
  ASSERT_TRUE(Good(server));
  const int port = (*server)->port();
  ASSERT_TRUE(Good((*server)->Stop()));
  ASSERT_TRUE(Good((*server)->Start()));
  EXPECT_EQ((*server)->port(), port);
  const std::string answer = Query(**server, "count_over_time(load_total[1h])");
  EXPECT_NE(answer.find("\"value\":["), std::string::npos) << answer;
}

TEST(PrometheusServer, AWrongConfigurationIsAnError) {
  const auto server = PrometheusServer::Create({.configuration = "nonsense: true\n"});
  ASSERT_FALSE(server.ok());
  EXPECT_NE(server.error().message.find("nonsense"), std::string::npos) << server.error().message;
}

}  // namespace
}  // namespace foreshard::support
