#include <fmt/format.h>
#include <gtest/gtest.h>

#include "router/scram.h"
#include "tests/integration/router/bed_test.h"
#include "tests/support/needs.h"
#include "tests/support/wait.h"

// Files that change while clients are connected: users and configuration (certificates are in
// bad_input_test.cpp, the table in chaos_test.cpp). An open transaction sees nothing of it; a file
// that is wrong changes nothing.

namespace foreshard::router {
namespace {

using namespace std::chrono_literals;
using support::Good;
using support::Seen;
using support::WaitFor;

const support::Needs kNeeds({"postgres", "psql"});

class Reload : public BedTest {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(
        Create({.shards = 2}, "CREATE TABLE customers(id bigint PRIMARY KEY, name text)"));
    auto client = bed_->Client();
    ASSERT_TRUE(Good(client));
    client_ = std::move(*client);
    for (const char* sql : {"BEGIN", "INSERT INTO customers VALUES (1, 'a'), (2, 'b'), (3, 'c')"})
      ASSERT_EQ(FirstError(*client_->Ask(sql)), "");
  }
  // The transaction that was open all the time.
  void TearDown() override {
    if (client_ == nullptr) return;
    EXPECT_EQ(FirstError(*client_->Ask("COMMIT")), "");
    EXPECT_EQ(FirstValue(*client_->Ask("SELECT count(*) FROM customers")), "3");
  }
  std::string Login(const std::string& user, const std::string& password) {
    const auto client = WireClient::Connect({.port = bed_->port(),
                                             .user = user,
                                             .database = "app",
                                             .password = password,
                                             .salt = RouterBed::kSalt,
                                             .iterations = 4096,
                                             .hurry = {}});
    return client ? "in" : client.error().message;
  }
  testing::AssertionResult LoginBecomes(const std::string& wanted, const std::string& user,
                                        const std::string& password) {
    return WaitFor(fmt::format("{} of {}", wanted, user), 20s, [&] {
      const std::string seen = Login(user, password);
      return Seen(seen == wanted, seen);
    });
  }
  testing::AssertionResult LogHas(const std::string& words) {
    return WaitFor(words, 20s, [&] {
      return Seen(bed_->RouterLog().find(words) != std::string::npos, bed_->RouterLog());
    });
  }

  std::unique_ptr<WireClient> client_;
};

TEST_F(Reload, UsersComeChangeAndGo) {
  const std::string app =
      fmt::format("app {}\n", MakeScramVerifier(RouterBed::kPassword, RouterBed::kSalt, 4096));
  const std::string first = MakeScramVerifier("first", RouterBed::kSalt, 4096);
  ASSERT_TRUE(
      Good(bed_->postgres().Sql(fmt::format("CREATE ROLE other LOGIN PASSWORD '{}'", first))));
  EXPECT_EQ(Login("other", "first"), "28P01");
  bed_->WriteUsers(app + "other " + first + "\n");
  EXPECT_TRUE(LoginBecomes("in", "other", "first"));
  // The password changes on the shards and here.
  const std::string second = MakeScramVerifier("second", RouterBed::kSalt, 4096);
  ASSERT_TRUE(Good(bed_->postgres().Sql(fmt::format("ALTER ROLE other PASSWORD '{}'", second))));
  bed_->WriteUsers(app + "other " + second + "\n");
  EXPECT_TRUE(LoginBecomes("in", "other", "second"));
  EXPECT_EQ(Login("other", "first"), "28P01");
  // A file that cannot be read is named, and the last good one stays.
  bed_->WriteUsers("app is not here\n");
  EXPECT_TRUE(LogHas("users, line 1"));
  EXPECT_EQ(Login("other", "second"), "in");
  bed_->WriteUsers(app);
  EXPECT_TRUE(LoginBecomes("28P01", "other", "second"));
  EXPECT_EQ(Login("app", RouterBed::kPassword), "in");
}

TEST_F(Reload, ALimitOfClientsHoldsFromThenOn) {
  bed_->WriteConfig(R"("clientConnections":2)");
  auto second = bed_->Client();
  ASSERT_TRUE(Good(second));
  EXPECT_TRUE(LoginBecomes("53300", "app", RouterBed::kPassword));
  EXPECT_EQ(FirstValue(*(*second)->Ask("SELECT 2")), "2");
  bed_->WriteConfig(R"("clientConnections":"many")");
  EXPECT_TRUE(LogHas("clientConnections"));
  EXPECT_EQ(Login("app", RouterBed::kPassword), "53300");
  bed_->WriteConfig(R"("clientConnections":500)");
  EXPECT_TRUE(LoginBecomes("in", "app", RouterBed::kPassword));
}

}  // namespace
}  // namespace foreshard::router
