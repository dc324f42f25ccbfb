#include <fmt/format.h>
#include <gtest/gtest.h>

#include "router/limits.h"
#include "tests/unit/router/session_world.h"

namespace foreshard::router {
namespace {

using W = SessionWorld;

std::string Parse(std::string_view name, std::string_view sql) {
  std::string out;
  pg::AppendParse(&out, name, sql, {});
  return out;
}
std::string Only(char type) {
  std::string out;
  pg::AppendEmpty(&out, type);
  return out;
}

constexpr const char* kSelect = "SELECT name FROM customers WHERE id = $1";

// pgbench -M prepared: each session prepares the same texts, in the middle of its transactions, on
// servers that know them from another session.
TEST(SessionPrepared, AStatementThatTheServerKnowsIsParsedInATransactionToo) {
  SessionWorld w;
  w.ClientSays(Parse("first", kSelect) + Only('S'));
  w.ServerSays(0, Only('1') + W::Ready());
  EXPECT_EQ(w.ToClient(), Only('1') + W::Ready());
  w.links_[0].Take();
  w.LearnColumns("public.orders", {"customer_id", "id"});  // What is known of the text is too old.

  w.ClientSays(W::Query("BEGIN"));
  EXPECT_EQ(w.ToClient(), W::Done("BEGIN", 'T'));
  w.ClientSays(Parse("second", kSelect) + Only('S'));
  if (W::Types(w.links_[0].Take()) == "Q") w.ServerSays(0, W::Done("BEGIN", 'T'));
  EXPECT_EQ(w.ToClient(), Only('1') + W::Ready('T'));
  w.ClientSays(W::Query("ROLLBACK"));
  w.ServerSays(0, W::Done("ROLLBACK"));
  EXPECT_TRUE(w.session_.at_rest());
}

// A client that waits for the end of a Flush hears of what was refused here; asyncpg does.
TEST(SessionPrepared, AnErrorOfOursIsSaidAtFlush) {
  SessionWorld w;
  w.ClientSays(Parse("s", "LISTEN news") + Only('H'));
  EXPECT_EQ(W::Types(w.ToClient()), "E");
  w.ClientSays(Only('S'));
  EXPECT_EQ(W::Types(w.ToClient()), "Z");
}

TEST(SessionPrepared, ASessionHasSoManyStatementsAndNoMore) {
  SessionWorld w;
  w.ClientSays(Parse("s0", kSelect) + Only('S'));
  w.ServerSays(0, Only('1') + W::Ready());
  for (std::size_t i = 1; i < kStatementsPerSessionMax; ++i) {
    w.ToClient();
    w.ClientSays(Parse(fmt::format("s{}", i), kSelect) + Only('S'));
    ASSERT_EQ(W::Types(w.ToClient()), "1Z") << i;
  }
  w.ClientSays(Parse("more", kSelect) + Only('S'));
  const std::string told = w.ToClient();
  EXPECT_EQ(W::Types(told), "EZ");
  EXPECT_NE(told.find("C54000"), std::string::npos);
  std::string close;
  pg::AppendClose(&close, 'S', "s0");
  w.ClientSays(close + Parse("more", kSelect) + Only('S'));
  EXPECT_EQ(W::Types(w.ToClient()), "31Z");
}

}  // namespace
}  // namespace foreshard::router
