#include <fmt/format.h>
#include <gtest/gtest.h>

#include "router/session.h"
#include "tests/unit/router/session_world.h"

namespace foreshard::router {
namespace {

using W = SessionWorld;

std::string Rows(int count) {
  std::string rows;
  for (int i = 0; i < count; ++i) {
    const std::string_view values[] = {"7"};
    pg::AppendTextRow(&rows, values);
  }
  return rows;
}

std::string Fatal(const std::string& code) {
  std::string out;
  pg::AppendError(&out,
                  {.severity = "FATAL", .code = code, .message = "m", .detail = {}, .hint = {}});
  return out;
}

std::string Notice(const std::string& routine) {
  std::string out;
  pg::WireWriter writer(&out, 'N');
  writer.Byte('S').String("WARNUNG").Byte('V').String("WARNING").Byte('C').String("01000");
  writer.Byte('M').String("Abbruch").Byte('R').String(routine).Byte(0).End();
  return out;
}

// What the server said before it went comes before what is said of that, and nothing twice.
TEST(SessionReply, RowsComeBeforeTheWordThatTheirServerIsGone) {
  for (const char* code : {"57P01", "XX000"}) {
    SessionWorld w;
    w.ClientSays(W::Query(fmt::format("SELECT name FROM customers WHERE id = {}", w.SomeKeyOf(1))));
    w.ServerSays(1, Rows(1));
    w.ServerSays(1, Rows(2) + Fatal(code));
    EXPECT_EQ(W::Types(w.ToClient()), "DDDEZ") << code;
  }
  // All in one piece: nothing was shown yet, so it may be said again; but not both.
  SessionWorld w;
  w.ClientSays(W::Query(fmt::format("SELECT name FROM customers WHERE id = {}", w.SomeKeyOf(1))));
  w.ServerSays(1, Rows(2) + Fatal("XX000"));
  EXPECT_EQ(W::Types(w.ToClient()), "DDEZ");
  EXPECT_FALSE(w.pause_.has_value());
}

TEST(SessionReply, ACommitThatNoReplicaMayHaveIsNotToldAsDone) {
  SessionWorld w;
  const std::string write =
      fmt::format("UPDATE customers SET name = 'x' WHERE id = {}", w.SomeKeyOf(1));
  w.ClientSays(W::Query(write));
  w.ServerSays(1, Notice("SyncRepWaitForLSN") + W::Done("UPDATE 1"));
  const std::string told = w.ToClient();
  EXPECT_EQ(W::Types(told), "EZ");
  EXPECT_NE(told.find("08007"), std::string::npos);
  EXPECT_EQ(w.broken_[1], 1);
}

TEST(SessionReply, NorIsOneAtTheEndOfABlockOrAtSync) {
  SessionWorld w;
  const std::string write =
      fmt::format("UPDATE customers SET name = 'x' WHERE id = {}", w.SomeKeyOf(1));
  w.ClientSays(W::Query("BEGIN") + W::Query(write));
  w.ServerSays(1, W::Done("BEGIN", 'T') + W::Done("UPDATE 1", 'T'));
  w.ToClient();
  w.ClientSays(W::Query("COMMIT"));
  w.ServerSays(1, Notice("SyncRepWaitForLSN") + W::Done("COMMIT"));
  std::string told = w.ToClient();
  EXPECT_EQ(W::Types(told), "EZ");
  EXPECT_NE(told.find("08007"), std::string::npos);
  EXPECT_TRUE(w.session_.at_rest());

  SessionWorld x;
  std::string turn;
  pg::AppendParse(&turn, "", write, {});
  pg::WireWriter(&turn, 'B').String("").String("").Int16(0).Int16(0).Int16(0).End();
  pg::WireWriter(&turn, 'E').String("").Int32(0).End();
  pg::AppendEmpty(&turn, 'S');
  x.ClientSays(turn);
  std::string answer;
  pg::AppendEmpty(&answer, '1');
  pg::AppendEmpty(&answer, '2');
  pg::AppendCommandComplete(&answer, "UPDATE 1");
  x.ServerSays(1, answer + Notice("SyncRepWaitForLSN") + W::Ready());
  told = x.ToClient();
  EXPECT_EQ(W::Types(told), "12CEZ");
  EXPECT_NE(told.find("08007"), std::string::npos);
}

TEST(SessionReply, OtherNoticesArePassedOn) {
  SessionWorld w;
  w.ClientSays(W::Query(fmt::format("DELETE FROM customers WHERE id = {}", w.SomeKeyOf(1))));
  w.ServerSays(1, Notice("SyncRepWaitForLSM") + W::Done("DELETE 1"));
  EXPECT_EQ(W::Types(w.ToClient()), "NCZ");
}

// Who works for it now, wherever it stands.
TEST(SessionReply, ServersOfACopyAreBusyThoughTheClientIsAwaited) {
  SessionWorld w;
  w.ClientSays(W::Query("COPY customers(id, name) FROM STDIN"));
  std::string in;
  pg::WireWriter(&in, 'G').Byte(0).Int16(0).End();
  for (std::uint32_t shard = 0; shard < 4; ++shard) {
    w.ServerSays(shard, W::Done("BEGIN", 'T'));
    w.ServerSays(shard, in);
  }
  ASSERT_EQ(W::Types(w.ToClient()), "G");
  EXPECT_EQ(w.session_.BusyServers().size(), 4U);
}

TEST(SessionReply, AServerThatIsAskedForTheRouterIsBusyToo) {
  SessionWorld w;
  w.ClientSays(W::Query("SET work_mem = '7MB'"));
  w.ServerSays(0, W::Done("SET"));
  w.links_[1].settings = nullptr;
  w.ClientSays(W::Query(fmt::format("SELECT name FROM customers WHERE id = {}", w.SomeKeyOf(1))));
  ASSERT_TRUE(w.session_.blocked());
  EXPECT_EQ(w.session_.BusyServers(), std::vector<ServerLink*>{&w.links_[1]});
}

}  // namespace
}  // namespace foreshard::router
