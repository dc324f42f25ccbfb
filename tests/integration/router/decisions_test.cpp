#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/integration/router/bed_test.h"
#include "tests/support/needs.h"
#include "tests/support/wait.h"

// Decisions of two-phase transactions stay as long as somebody may ask for them, and no longer.

namespace foreshard::router {
namespace {

using namespace std::chrono_literals;
using support::Good;
using support::Seen;
using support::WaitFor;

const support::Needs kNeeds({"postgres", "psql"});

class DecisionsAre : public BedTest {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(Create({.shards = 2}, "CREATE TABLE customers(id bigint PRIMARY KEY)"));
  }
  std::string OnShard(int shard, const std::string& sql) {
    const auto done = bed_->OnShard(shard, sql);
    return done ? *done : "ERROR " + done.error().message;
  }
  // A decision of the user's, made so many minutes ago.
  void Decide(const std::string& name, const std::string& more, int minutes) {
    const auto client = bed_->Direct(0);
    ASSERT_TRUE(Good(client));
    ASSERT_EQ(FirstError(*(*client)->Ask(fmt::format("SELECT foreshard.{}", more))), "");
    ASSERT_EQ(OnShard(0, fmt::format("UPDATE foreshard.decision SET at = at - interval '{} min' "
                                     "WHERE name = '{}' RETURNING 1",
                                     minutes, name)),
              "1\n");
  }
  // A new router looks as soon as it knows a user.
  void LetARouterLook() {
    ASSERT_TRUE(Good(bed_->ReplaceRouter()));
    auto client = bed_->Client();
    ASSERT_TRUE(Good(client));
    clients_.push_back(std::move(*client));
    ASSERT_EQ(FirstError(*clients_.back()->Ask("SELECT 1")), "");
  }
  std::string Kept() {
    return OnShard(0, "SELECT string_agg(name, ' ' ORDER BY name) FROM foreshard.decision");
  }

  std::vector<std::unique_ptr<WireClient>> clients_;
};

TEST_F(DecisionsAre, ForgottenOnceNobodyCanNeedThem) {
  // Through the router, so that its own words are what is kept and forgotten.
  auto client = bed_->Client();
  ASSERT_TRUE(Good(client));
  ASSERT_EQ(FirstError(*(*client)->Ask("INSERT INTO customers VALUES (1),(2),(3),(4),(5),(6)")),
            "");
  EXPECT_EQ(OnShard(0, "SELECT committed, shards, owner FROM foreshard.decision"),
            "t|{s-1}|app\nt|{s-1}|app\n")
      << "of CREATE TABLE and of this";
  ASSERT_EQ(OnShard(0, "UPDATE foreshard.decision SET at = at - interval '61 min' RETURNING 1"),
            "1\n1\n");
  // Prepared still, and found a moment later by whoever looks for orphans.
  const auto prepares = bed_->Direct(1);
  ASSERT_TRUE(Good(prepares));
  ASSERT_EQ(FirstError(*(*prepares)->Ask("BEGIN; INSERT INTO customers VALUES (100); PREPARE "
                                         "TRANSACTION 'foreshard:s-0:x:needed@s-1'")),
            "");
  const std::string on_s1 = "ARRAY['s-1']::text[]";
  const auto commit = [](const std::string& name, const std::string& shards) {
    return fmt::format("decide('foreshard:s-0:x:{}'{})", name, shards.empty() ? "" : ", " + shards);
  };
  Decide("foreshard:s-0:x:needed", commit("needed", on_s1), 90);
  Decide("foreshard:s-0:x:young", commit("young", on_s1), 59);
  Decide("foreshard:s-0:x:elsewhere", commit("elsewhere", "ARRAY['s-1', 's-9']::text[]"), 90);
  Decide("foreshard:s-0:x:silent", commit("silent", ""), 90);
  Decide("foreshard:s-0:x:against", "resolve('foreshard:s-0:x:against')", 90);
  // Of somebody else, whose business it is.
  ASSERT_EQ(OnShard(0,
                    "SELECT foreshard.decide('foreshard:s-0:x:other', ARRAY['s-1']); UPDATE "
                    "foreshard.decision SET at = at - interval '90 min' WHERE name LIKE '%other'"),
            "\n");
  LetARouterLook();
  const std::string wanted =
      "foreshard:s-0:x:elsewhere foreshard:s-0:x:needed foreshard:s-0:x:other "
      "foreshard:s-0:x:silent foreshard:s-0:x:young\n";
  EXPECT_TRUE(WaitFor("the others are gone", 20s, [&] { return Seen(Kept() == wanted, Kept()); }));
  EXPECT_EQ(OnShard(1, "SELECT count(*) FROM customers WHERE id = 100"), "0\n");
}

// Somebody may be about to decide for what was decided against: not before he has ended. The hour
// is nothing here, because a transaction cannot be made older than it is.
TEST_F(DecisionsAre, KeptAgainstWhoeverBeganBeforeThem) {
  const auto decides = bed_->Direct(0);
  ASSERT_TRUE(Good(decides));
  ASSERT_EQ(FirstError(*(*decides)->Ask("BEGIN")), "");
  Decide("foreshard:s-0:x:late", "resolve('foreshard:s-0:x:late')", 0);
  const std::string forget = "SELECT foreshard.forget_older('app', '0', '{}', '{}')";
  EXPECT_EQ(OnShard(0, forget), "0\n");
  EXPECT_EQ(FirstError(*(*decides)->Ask("SELECT foreshard.decide('foreshard:s-0:x:late', "
                                        "ARRAY['s-1']::text[])")),
            "23505");
  ASSERT_EQ(FirstError(*(*decides)->Ask("ROLLBACK")), "");
  EXPECT_EQ(OnShard(0, forget), "1\n");
  const auto client = bed_->Direct(0);
  ASSERT_TRUE(Good(client));
  EXPECT_EQ(FirstError(*(*client)->Ask(forget)), "42501") << "the hour is not a client's choice";
}

}  // namespace
}  // namespace foreshard::router
