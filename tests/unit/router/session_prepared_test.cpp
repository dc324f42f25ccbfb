#include <fmt/format.h>
#include <gtest/gtest.h>

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

}  // namespace
}  // namespace foreshard::router
