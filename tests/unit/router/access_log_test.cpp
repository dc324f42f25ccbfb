#include "router/access_log.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "router/config.h"
#include "router/limits.h"
#include "router/scram.h"
#include "tests/support/temporary_directory.h"
#include "tests/unit/router/session_world.h"

namespace foreshard::router {
namespace {

using W = SessionWorld;

int TakenOf(AccessSampler& sampler, int statements) {
  int taken = 0;
  for (int i = 0; i < statements; ++i) {
    sampler.Refill();
    taken += sampler.Take() ? 1 : 0;
  }
  return taken;
}

TEST(AccessSampler, TakesOneInSoManyByChance) {
  AccessSampler sampler(7);
  EXPECT_EQ(TakenOf(sampler, 100'000), 0) << "none before it is configured";
  sampler.Configure({.one_in = 1});
  EXPECT_EQ(TakenOf(sampler, 1'000), 1'000);
  sampler.Configure({.one_in = 100});
  EXPECT_NEAR(TakenOf(sampler, 1'000'000), 10'000, 300) << "seed 7";
  // A client that says four statements in turn shows each of them.
  int seen[4] = {};
  for (int i = 0; i < 100'000; ++i) {
    sampler.Refill();
    if (sampler.Take()) ++seen[i % 4];
  }
  for (const int count : seen) EXPECT_NEAR(count, 250, 90) << "seed 7";
  sampler.Configure({.one_in = 0});
  EXPECT_EQ(TakenOf(sampler, 100'000), 0);
}

TEST(AccessSampler, TheSameConfigurationDoesNotBeginAnew) {
  AccessSampler sampler(7);
  for (int i = 0; i < 1'000; ++i) {
    sampler.Configure({.one_in = 10});
    sampler.Refill();
    (void)sampler.Take();
  }
  EXPECT_NEAR(static_cast<double>(sampler.taken()), 100, 40);
}

TEST(AccessSampler, WritesSoManyAtOnceAndCountsTheOthers) {
  AccessSampler sampler(7);
  sampler.Configure({.one_in = 1});
  sampler.Refill();
  std::uint64_t taken = 0;
  for (int i = 0; i < 1'000; ++i) taken += sampler.Take() ? 1 : 0;
  EXPECT_EQ(taken, kAccessLinesMax);
  EXPECT_EQ(sampler.taken(), kAccessLinesMax);
  EXPECT_EQ(sampler.dropped(), 1'000 - kAccessLinesMax);
  sampler.Refill();
  EXPECT_TRUE(sampler.Take());
}

TEST(AccessLog, AShapeHasNoValue) {
  EXPECT_EQ(ShapeOf("SELECT  Name FROM\n\"Customers\" c WHERE id=7 AND name = 'secret' -- secret\n"),
            "select name from \"Customers\" c where id = ? and name = ?");
  EXPECT_EQ(ShapeOf("INSERT INTO t VALUES ($1, -1.5e3, E'sec\\'ret', $a$secret$a$, U&'secret')"),
            "insert into t values ( $1 , - ? , ? , ? , ? )");
  EXPECT_EQ(ShapeOf("SELECT 'sec'\n'ret', B'01', X'ff', 1abc"), "select ? , ? , ? , ?");
  EXPECT_EQ(ShapeOf("SELECT 1 /* secret */"), "select ?");
  EXPECT_EQ(ShapeOf("SELECT 'secret"), "");
  EXPECT_EQ(ShapeOf("SELECT 1 /* secret"), "");
  std::string long_text = "SELECT 1";
  while (long_text.size() < 10 * kShapeBytesMax) long_text += ", abcdefghij";
  EXPECT_LT(ShapeOf(long_text).size(), kShapeBytesMax + 20);
}

TEST(AccessLog, ALineIsJsonAndSaysWhatHappened) {
  std::string written;
  log::SetSink([&written](std::string_view line) { written = line; });
  WriteAccess({.sample = {.user = "u",
                          .kind = "read",
                          .tables = {"public.customers", "public.orders"},
                          .shape = "select ?",
                          .sqlstate = {}},
               .user = "9f",
               .key = "51",
               .keys = 1,
               .shard = "s-1",
               .replica = true,
               .write = false,
               .backend_micros = 412,
               .rows = 3,
               .bytes = 37});
  log::SetSink({});
  const std::size_t at = written.find(R"("event":"access")");
  ASSERT_NE(at, std::string::npos);
  EXPECT_EQ(written.substr(at),
            R"("event":"access","user":"9f","kind":"read","tables":"public.customers,public.orders",)"
            R"("shape":"select ?","key":"51","keys":1,"shard":"s-1","replica":true,"write":false,)"
            R"("backend_us":412,"rows":3,"bytes":37,"sqlstate":"00000"})");
}

TEST(AccessLog, APseudonymIsTheSameForTheSameTextAndSecret) {
  const ScramKey secret = RandomScramKey();
  EXPECT_EQ(Pseudonym("app", secret), Pseudonym("app", secret));
  EXPECT_NE(Pseudonym("app", secret), Pseudonym("apq", secret));
  EXPECT_NE(Pseudonym("app", secret), Pseudonym("app", RandomScramKey()));
  EXPECT_EQ(Pseudonym("app", secret).size(), 16U);
}

Result<RouterConfig> Configured(const std::string& access_log) {
  return ParseRouterConfig(R"({"shardSet":"s","accessLog":)" + access_log + "}");
}

TEST(AccessLog, IsConfiguredByFieldOrRefusedByName) {
  EXPECT_FALSE(ParseRouterConfig(R"({"shardSet":"s"})")->access_log.has_value());
  const auto good = Configured(R"({"oneIn":1000,"users":true})");
  ASSERT_TRUE(good.ok());
  EXPECT_EQ(*good->access_log, (AccessLogOptions{.one_in = 1000, .users = true, .keys = false}));
  for (const auto& [text, field] :
       {std::pair{R"(7)", "accessLog"}, std::pair{R"({"oneIn":"all"})", "oneIn"},
        std::pair{R"({"oneIn":-1})", "oneIn"}, std::pair{R"({"oneIn":1000000001})", "oneIn"},
        std::pair{R"({"users":1})", "users"}, std::pair{R"({"keys":"no"})", "keys"}}) {
    const auto bad = Configured(text);
    ASSERT_FALSE(bad.ok()) << text;
    EXPECT_TRUE(bad.error().message.starts_with(field)) << bad.error().message;
  }
}

TEST(AccessLog, IsReadAsTheOperatorWritesIt) {
  const Result<RouterConfig> config =
      ParseRouterConfig(support::ReadFile("tests/golden/operator/router.json"));
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->access_log, (AccessLogOptions{.one_in = 1000, .users = false, .keys = true}));
}

struct SampledWorld : SessionWorld {
  SampledWorld() {
    access_.Configure({.one_in = 1});
    access_.Refill();
  }
  AccessSample Only() {
    EXPECT_EQ(samples_.size(), 1U);
    return samples_.empty() ? AccessSample{} : samples_.front();
  }
};

TEST(SessionAccess, AQueryIsSampledAsItWasSaid) {
  SampledWorld w;
  const std::int64_t id = w.SomeKeyOf(1);
  w.ClientSays(W::Query(fmt::format("SELECT name FROM customers WHERE id = {}", id)));
  w.ServerSays(1, W::Done("SELECT 0"));
  const AccessSample sample = w.Only();
  EXPECT_EQ(sample.user, "app");
  EXPECT_EQ(sample.kind, "read");
  EXPECT_EQ(sample.tables, std::vector<std::string>{"public.customers"});
  EXPECT_EQ(sample.shape, "select name from customers where id = ?");
  EXPECT_EQ(sample.sqlstate, "");
}

TEST(SessionAccess, AnErrorIsTold) {
  SampledWorld w;
  w.ClientSays(W::Query(fmt::format("UPDATE customers SET name = 'secret' WHERE id = {}",
                                    w.SomeKeyOf(1))));
  w.ServerSays(1, W::Failed("23505"));
  EXPECT_EQ(w.Only().sqlstate, "23505");
  EXPECT_EQ(w.Only().shape, "update customers set name = ? where id = ?");
}

TEST(SessionAccess, ALostServerIsTold) {
  SampledWorld w;
  w.ClientSays(W::Query(fmt::format("DELETE FROM customers WHERE id = {}", w.SomeKeyOf(1))));
  w.session_.OnServerLost(w.links_[1], "gone");
  w.GoOn();
  EXPECT_EQ(w.Only().sqlstate, "08007");
}

TEST(SessionAccess, PreparedStatementsAndSeveralShardsAreSampledToo) {
  SampledWorld w;
  std::string turn;
  pg::AppendParse(&turn, "", "SELECT count(*) FROM customers WHERE name = $1", {});
  pg::WireWriter(&turn, 'B').String("").String("").Int16(0).Int16(1).Int32(6).Bytes("secret").Int16(0).End();
  pg::WireWriter(&turn, 'E').String("").Int32(0).End();
  pg::AppendEmpty(&turn, 'S');
  w.ClientSays(turn);
  for (std::uint32_t shard = 0; shard < 4; ++shard) w.ServerSays(shard, W::Failed("57014"));
  const AccessSample sample = w.Only();
  EXPECT_EQ(sample.shape, "select count ( * ) from customers where name = $1");
  EXPECT_EQ(sample.sqlstate, "57014");
}

// A value can be a word there.
TEST(SessionAccess, WhatSetsHasNoShape) {
  SampledWorld w;
  w.ClientSays(W::Query("SET app.token TO secret"));
  w.ServerSays(0, W::Done("SET"));
  EXPECT_EQ(w.Only().kind, "set");
  EXPECT_EQ(w.Only().shape, "");
}

TEST(SessionAccess, NothingIsKeptOfAStatementThatIsNotTaken) {
  SessionWorld w;
  w.ClientSays(W::Query(fmt::format("SELECT name FROM customers WHERE id = {}", w.SomeKeyOf(1))));
  w.ServerSays(1, W::Done("SELECT 0"));
  ASSERT_EQ(w.records_.size(), 1U);
  EXPECT_TRUE(w.samples_.empty());
}

}  // namespace
}  // namespace foreshard::router
