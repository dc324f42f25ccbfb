#include "router/server_login.h"

#include <gtest/gtest.h>

#include "pg/wire_writer.h"

namespace foreshard::router {
namespace {

// A server that asks for no password, is believed, and has Foreshard's tables.
class ServerLoginTest : public testing::Test {
 protected:
  static ServerLogin::Options Options(const std::string& warm_up) {
    return {.user = "app",
            .database = "app",
            .identity = {},
            .router = "r-1",
            .nonce = "nonce",
            .binding_hash = {},
            .warm_up = warm_up,
            .believes = true};
  }
  ServerLogin::Next Hear(ServerLogin& login, const std::string& bytes) {
    said_.clear();
    std::string_view rest = bytes;
    const ServerLogin::Next next = login.Receive(&rest, &said_);
    EXPECT_TRUE(rest.empty());
    return next;
  }
  std::string Answer(std::span<const std::string_view> row) const {
    std::string bytes;
    if (!row.empty()) pg::AppendTextRow(&bytes, row);
    pg::AppendCommandComplete(&bytes, "SELECT 1");
    pg::AppendReadyForQuery(&bytes, 'I');
    return bytes;
  }
  // Up to the answer that tells of the ranges, without it.
  void LogIn(ServerLogin& login) {
    login.Start(&said_);
    std::string bytes;
    pg::WireWriter(&bytes, 'R').Int32(0).End();
    pg::AppendReadyForQuery(&bytes, 'I');
    EXPECT_EQ(Hear(login, bytes), ServerLogin::Next::kMore);
    constexpr std::string_view kFacts[] = {"t", "f", "t", "t"};
    EXPECT_EQ(Hear(login, Answer(kFacts)), ServerLogin::Next::kMore);
    EXPECT_NE(said_.find("foreshard.connected"), std::string::npos);
    EXPECT_EQ(Hear(login, Answer({})), ServerLogin::Next::kMore);
  }

  std::string said_;
};

TEST_F(ServerLoginTest, IsOverOnceTheRangesAreKnown) {
  ServerLogin login(Options(""));
  LogIn(login);
  EXPECT_EQ(Hear(login, Answer({})), ServerLogin::Next::kDone);
  EXPECT_EQ(said_, "");
}

TEST_F(ServerLoginTest, WarmsUpLastWhateverComesOfIt) {
  ServerLogin login(Options("EXPLAIN UPDATE no_such_table"));
  LogIn(login);
  EXPECT_EQ(Hear(login, Answer({})), ServerLogin::Next::kMore);
  EXPECT_NE(said_.find("EXPLAIN UPDATE no_such_table"), std::string::npos);
  std::string refused;
  pg::AppendError(
      &refused, {.severity = "ERROR", .code = "42P01", .message = "no", .detail = {}, .hint = {}});
  EXPECT_EQ(Hear(login, refused), ServerLogin::Next::kMore);
  constexpr std::string_view kPlan[] = {"Update on t"};
  EXPECT_EQ(Hear(login, Answer(kPlan)), ServerLogin::Next::kDone);
}

}  // namespace
}  // namespace foreshard::router
