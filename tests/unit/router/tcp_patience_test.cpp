#include "router/tcp_patience.h"

#include <gtest/gtest.h>

namespace foreshard::router {
namespace {

using namespace std::chrono_literals;

class TcpPatienceTest : public testing::Test {
 protected:
  std::chrono::milliseconds After(std::chrono::milliseconds pause, const TcpState& state) {
    now_ += pause;
    return patience_.Next(state, now_);
  }

  MonotonicTime now_{1'000s};
  TcpPatience patience_{5s};
};

constexpr TcpState kOpen{.acknowledged_bytes = 7};
constexpr TcpState kClosed{.acknowledged_bytes = 7, .unsent_bytes = 100};
constexpr TcpState kSilent{.acknowledged_bytes = 7, .unsent_bytes = 100, .unanswered = true};

TEST_F(TcpPatienceTest, AnOpenWindowHasTheUsualTimeout) {
  EXPECT_EQ(After(0s, kOpen), 5s);
  EXPECT_EQ(After(100s, kOpen), 5s);
}

TEST_F(TcpPatienceTest, AClosedWindowMovesItOnWhileProbesAreAnswered) {
  EXPECT_EQ(After(0s, kOpen), 5s);
  EXPECT_EQ(After(1s, kClosed), 6s);
  EXPECT_EQ(After(60s, kClosed), 66s);
}

TEST_F(TcpPatienceTest, WhoDoesNotAnswerGetsNoMore) {
  After(0s, kOpen);
  EXPECT_EQ(After(10s, kClosed), 15s);
  EXPECT_EQ(After(1s, kSilent), 15s);
  EXPECT_EQ(After(1s, kSilent), 15s);
  EXPECT_EQ(After(1s, kClosed), 18s) << "it answered after all";
}

TEST_F(TcpPatienceTest, BytesThatAreTakenBeginAnew) {
  After(0s, kOpen);
  EXPECT_EQ(After(30s, kClosed), 35s);
  EXPECT_EQ(After(1s, {.acknowledged_bytes = 8, .unsent_bytes = 100}), 5s);
  EXPECT_EQ(After(2s, {.acknowledged_bytes = 8, .unsent_bytes = 50}), 7s);
  EXPECT_EQ(After(1s, kOpen), 5s);
}

}  // namespace
}  // namespace foreshard::router
