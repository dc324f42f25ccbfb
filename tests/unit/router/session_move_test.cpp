#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/unit/router/session_world.h"

// UPDATE of a key whose rows go from shard 0 to shard 2.

namespace foreshard::router {
namespace {

using W = SessionWorld;

std::string Message(char type, std::string_view body) {
  std::string out;
  pg::WireWriter(&out, type).Bytes(body).End();
  return out;
}
std::string Row(const std::vector<std::optional<std::string>>& values) {
  std::string out;
  pg::WireWriter row(&out, 'D');
  row.Int16(static_cast<std::int16_t>(values.size()));
  for (const std::optional<std::string>& value : values)
    row.Int32(value ? static_cast<std::int32_t>(value->size()) : -1).Bytes(value.value_or(""));
  row.End();
  return out;
}

struct Moving {
  Moving() {
    for (auto& [shard, link] : w.links_) link.has_schema = true;
    w.ClientSays(W::Query(
        fmt::format("UPDATE customers SET id = {} WHERE id = {}", w.SomeKeyOf(2), w.SomeKeyOf(0))));
  }
  void Marked(const std::string& rows = Row({"(0,1)"}) + Row({"(0,2)"})) {
    EXPECT_NE(Take(0).find("\"customers\".ctid"), std::string::npos);
    EXPECT_EQ(W::Types(Take(2)), "QQ");
    w.ServerSays(2, W::Done("BEGIN", 'T') + W::Done("SELECT 0", 'T'));
    w.ServerSays(0, W::Done("BEGIN", 'T') + rows + W::Done("UPDATE 2", 'T'));
  }
  void Looked(const std::optional<std::string>& why = std::nullopt) {
    EXPECT_NE(Take(0).find("n.nspname = 'public' AND c.relname = 'customers'"), std::string::npos);
    w.ServerSays(0, Row({"public.customers", "id, name", "CAST('9' AS bigint), name", why}) +
                        W::Done("SELECT 1", 'T'));
  }
  void Opened() {
    EXPECT_EQ(Take(2).substr(5),
              "COPY public.customers (id, name) FROM STDIN (FORMAT binary)" + std::string(1, '\0'));
    w.ServerSays(2, Message('G', std::string_view("\1\0\0", 3)));
    EXPECT_EQ(Take(0).substr(5),
              "COPY (DELETE FROM ONLY public.customers WHERE ctid = ANY "
              "('{\"(0,1)\",\"(0,2)\"}'::pg_catalog.tid[]) RETURNING CAST('9' AS bigint), name) "
              "TO STDOUT (FORMAT binary)" +
                  std::string(1, '\0'));
  }
  std::string Take(std::uint32_t shard) { return w.links_[shard].Take(); }
  SessionWorld w;
};

TEST(SessionMove, RowsAreCarriedAndBothShardsCommit) {
  Moving m;
  m.Marked();
  m.Looked();
  m.Opened();
  m.w.ServerSays(0, Message('H', std::string_view("\1\0\0", 3)) + Message('d', "one"));
  EXPECT_EQ(m.Take(2), Message('d', "one"));
  m.w.ServerSays(0, Message('d', "two") + Message('c', "") + W::Done("COPY 2", 'T'));
  EXPECT_EQ(m.Take(2), Message('d', "two") + Message('c', ""));
  EXPECT_EQ(m.w.ToClient(), "");
  m.w.ServerSays(2, W::Done("COPY 2", 'T'));
  EXPECT_NE(m.Take(2).find("PREPARE TRANSACTION"), std::string::npos);
  m.w.ServerSays(2, W::Done("PREPARE TRANSACTION"));
  EXPECT_NE(m.Take(0).find("decide"), std::string::npos);
  m.w.ServerSays(0, W::Done("COMMIT"));
  m.w.ServerSays(2, W::Done("COMMIT PREPARED"));
  EXPECT_EQ(m.w.ToClient(), W::Done("UPDATE 2"));
  EXPECT_TRUE(m.w.session_.at_rest());
}

TEST(SessionMove, NoRowIsNothingToCarry) {
  Moving m;
  m.Marked("");
  EXPECT_NE(m.Take(2).find("PREPARE TRANSACTION"), std::string::npos);
  m.w.ServerSays(2, W::Done("PREPARE TRANSACTION"));
  m.w.ServerSays(0, W::Done("COMMIT"));
  m.w.ServerSays(2, W::Done("COMMIT PREPARED"));
  EXPECT_EQ(m.w.ToClient(), W::Done("UPDATE 0"));
}

TEST(SessionMove, WhatADeleteWouldDoOtherwiseIsRefusedByName) {
  Moving m;
  m.Marked();
  m.Looked("trigger stamp");
  EXPECT_EQ(W::Types(m.Take(0)) + W::Types(m.Take(2)), "QQ");  // ROLLBACK
  m.w.ServerSays(0, W::Done("ROLLBACK"));
  m.w.ServerSays(2, W::Done("ROLLBACK"));
  const std::string told = m.w.ToClient();
  EXPECT_EQ(W::Types(told), "EZ");
  EXPECT_NE(told.find("another shard, with trigger stamp"), std::string::npos);
  EXPECT_TRUE(m.w.session_.at_rest());
}

TEST(SessionMove, ASourceThatFailsEndsTheCopy) {
  Moving m;
  m.Marked();
  m.Looked();
  m.Opened();
  m.w.ServerSays(0, Message('H', std::string_view("\1\0\0", 3)) + Message('d', "one") +
                        W::Failed("23503", 'E'));
  EXPECT_EQ(W::Types(m.Take(2)), "df");
  m.w.ServerSays(2, W::Failed("57014", 'E'));
  m.w.ServerSays(0, W::Done("ROLLBACK"));
  m.w.ServerSays(2, W::Done("ROLLBACK"));
  EXPECT_NE(m.w.ToClient().find("23503"), std::string::npos);
  EXPECT_TRUE(m.w.session_.at_rest());
}

TEST(SessionMove, ADestinationThatFailsHearsNoMore) {
  Moving m;
  m.Marked();
  m.Looked();
  m.Opened();
  m.w.ServerSays(2, W::Failed("23505", 'E'));
  m.w.ServerSays(0, Message('H', std::string_view("\1\0\0", 3)) + Message('d', "one") +
                        Message('c', "") + W::Done("COPY 2", 'T'));
  EXPECT_EQ(W::Types(m.Take(2)), "Q");  // ROLLBACK, and no row
  m.w.ServerSays(0, W::Done("ROLLBACK"));
  m.w.ServerSays(2, W::Done("ROLLBACK"));
  EXPECT_NE(m.w.ToClient().find("23505"), std::string::npos);
}

TEST(SessionMove, ASourceThatIsLostEndsTheCopyToo) {
  Moving m;
  m.Marked();
  m.Looked();
  m.Opened();
  m.w.session_.OnServerLost(m.w.links_[0], "reset");
  EXPECT_EQ(W::Types(m.Take(2)), "f");
  m.w.ServerSays(2, W::Failed("57014", 'E'));
  EXPECT_EQ(W::Types(m.Take(2)), "Q");
  m.w.ServerSays(2, W::Done("ROLLBACK"));
  EXPECT_NE(m.w.ToClient().find("08006"), std::string::npos);
}

}  // namespace
}  // namespace foreshard::router
