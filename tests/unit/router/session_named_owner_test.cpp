#include <fmt/format.h>
#include <gtest/gtest.h>

#include "pg/wire_startup.h"
#include "pg/wire_writer.h"
#include "tests/unit/router/session_world.h"

// Whom a refused statement goes to.

namespace foreshard::router {
namespace {

using W = SessionWorld;

constexpr const char* kMoved = "migration=7 owner=s-1 epoch=2";

TEST(SessionNamedOwner, TwoShardsThatBothRefuseAreAskedInTurn) {
  SessionWorld w;
  w.ClientSays(W::Query(fmt::format("DELETE FROM customers WHERE id = {}", w.SomeKeyOf(0))));
  w.links_[0].Take();
  w.ServerSays(0, W::Failed("FS001", 'I', kMoved));
  EXPECT_EQ(W::Types(w.links_[1].Take()), "Q");
  w.ServerSays(1, W::Failed("FS001", 'I', "migration=7 owner=s-0 epoch=1"));
  EXPECT_EQ(w.links_[0].Take(), "");
  ASSERT_TRUE(w.pause_.has_value());  // Not a busy loop.
  w.session_.OnTimer();
  w.GoOn();
  EXPECT_EQ(W::Types(w.links_[0].Take()), "Q");
  w.now_ += std::chrono::seconds(60);  // It cannot go on for ever.
  w.ServerSays(0, W::Failed("FS001", 'I', kMoved));
  const std::string told = w.ToClient();
  EXPECT_NE(told.find("40001"), std::string::npos);
  EXPECT_EQ(told.find("FS001"), std::string::npos);
}

// A cutover takes milliseconds, an election seconds.
TEST(SessionNamedOwner, TwoShardsThatBothRefuseAreAskedOftenAtFirst) {
  SessionWorld w;
  w.ClientSays(W::Query(fmt::format("DELETE FROM customers WHERE id = {}", w.SomeKeyOf(0))));
  w.links_[0].Take();
  w.ServerSays(0, W::Failed("FS001", 'I', kMoved));
  std::vector<std::int64_t> pauses;
  for (std::uint32_t asked = 1; pauses.size() < 11; asked = 1 - asked) {
    EXPECT_EQ(W::Types(w.links_[asked].Take()), "Q") << pauses.size();
    w.pause_.reset();
    w.ServerSays(asked,
                 W::Failed("FS001", 'I', asked == 0 ? kMoved : "migration=7 owner=s-0 epoch=1"));
    ASSERT_TRUE(w.pause_.has_value());
    pauses.push_back(w.pause_->count());
    w.session_.OnTimer();
    w.GoOn();
  }
  EXPECT_EQ(pauses, (std::vector<std::int64_t>{1, 1, 2, 2, 4, 4, 8, 8, 10, 10, 10}));
}

// Somebody else named it against the table, and may have known no better: it may have lost the keys
// long ago and have no row and no trigger of them any more. bench/cutover --partition was told
// "UPDATE 0" of rows that another shard had.
TEST(SessionNamedOwner, WhoIsNamedAgainstTheTableProvesThatItOwnsTheKeys) {
  const Proof proof = MakeNamedProof(1, "s-1", 7);
  for (const char* sql :
       {"DELETE FROM customers WHERE id = {}", "SELECT name FROM customers WHERE id = {}"}) {
    SCOPED_TRACE(sql);
    SessionWorld w;
    w.ClientSays(W::Query(fmt::format(fmt::runtime(sql), w.SomeKeyOf(0))));
    w.links_[0].Take();
    w.ServerSays(0, W::Failed("FS001", 'I', kMoved));
    const std::string asked = w.links_[1].Take();
    EXPECT_NE(asked.find(proof.sql), std::string::npos) << asked;
  }
}

// The refusal may be of a migration that is over, and that shard lose the keys by a later one.
TEST(SessionNamedOwner, WhoIsNamedProvesWhatTheTablesOwnerWouldHaveTo) {
  SessionWorld w;
  w.proofs_ = {MakeProof(0, "s-0", 9)};
  w.ClientSays(W::Query(fmt::format("SELECT name FROM customers WHERE id = {}", w.SomeKeyOf(0))));
  w.links_[0].Take();
  w.ServerSays(0, W::Failed("FS001", 'E', kMoved) + W::Failed("25P02", 'E'));
  w.ServerSays(0, W::Done("ROLLBACK"));
  w.session_.OnTimer();
  w.GoOn();
  const std::string asked = w.links_[1].Take();
  EXPECT_NE(asked.find(MakeNamedProof(1, "s-1", 7).sql), std::string::npos) << asked;
  EXPECT_NE(asked.find(MakeProof(1, "s-1", 9).sql), std::string::npos) << asked;
}

// The migration was settled there while the statement waited: no row speaks of it any more.
TEST(SessionNamedOwner, WhereTheMigrationIsOverTheRefusalIsForgotten) {
  SessionWorld w;
  w.ClientSays(W::Query(fmt::format("DELETE FROM customers WHERE id = {}", w.SomeKeyOf(0))));
  const std::string first = w.links_[0].Take();
  w.ServerSays(0, W::Failed("FS001", 'I', kMoved));
  EXPECT_NE(w.links_[1].Take(), "");
  w.ServerSays(1, W::Failed("FS001", 'I', "migration= owner= epoch="));
  w.session_.OnTimer();
  w.GoOn();
  EXPECT_EQ(w.links_[0].Take(), first);
  w.ServerSays(0, W::Done("DELETE 1"));
  EXPECT_NE(w.ToClient().find("DELETE 1"), std::string::npos);
}

// A destination that has not opened refuses what it gets of the moving keys, and has others of its
// own: they are not where it says.
TEST(SessionNamedOwner, OnlyAStatementOfTheRefusedKeyGoesByTheRefusal) {
  for (const char* sql : {"UPDATE customers SET name = 'x' WHERE id IN ({0}, {1})",
                          "UPDATE customers SET name = 'x' WHERE id = {0}; "
                          "UPDATE customers SET name = 'x' WHERE id = {1}"}) {
    SCOPED_TRACE(sql);
    SessionWorld w;
    w.ClientSays(W::Query(fmt::format(fmt::runtime(sql), w.SomeKeyOf(0), w.SomeKeyOf(0, 1))));
    const std::string first = w.links_[0].Take();
    w.ServerSays(0, W::Failed("FS001", 'I', kMoved));
    EXPECT_EQ(w.links_[0].Take(), first);
    EXPECT_EQ(w.links_[1].Take(), "");
  }
}

TEST(SessionNamedOwner, InAPipelineNothingGoesByARefusal) {
  SessionWorld w;
  std::string pipeline;
  for (const int nth : {0, 1}) {
    pg::AppendParse(&pipeline, "",
                    fmt::format("DELETE FROM customers WHERE id = {}", w.SomeKeyOf(0, nth)), {});
    pg::WireWriter(&pipeline, 'B').String("").String("").Int16(0).Int16(0).Int16(0).End();
    pg::WireWriter(&pipeline, 'E').String("").Int32(0).End();
  }
  pg::AppendEmpty(&pipeline, 'S');
  w.ClientSays(pipeline);
  const std::string first = w.links_[0].Take();
  w.ServerSays(0, W::Failed("FS001", 'I', kMoved));
  EXPECT_EQ(w.links_[0].Take(), first);
  EXPECT_EQ(w.links_[1].Take(), "");
}

// With what the refusal said the table names that shard too: nothing is left to prove.
TEST(SessionNamedOwner, WhoIsNamedByTheTableTooIsAskedWithoutAProof) {
  SessionWorld w;
  w.learns_of_ = 0;
  w.ClientSays(W::Query(fmt::format("DELETE FROM customers WHERE id = {}", w.SomeKeyOf(0))));
  const std::string first = w.links_[0].Take();
  w.ServerSays(0, W::Failed("FS001", 'I', kMoved));
  EXPECT_EQ(w.links_[1].Take(), first);
}

// The server that a statement waited for comes when the keys have another owner already. Held on
// to, it would be one too many for the statement to be said again.
TEST(SessionNamedOwner, AServerThatCameTooLateDoesNotForbidARetry) {
  for (const bool in_transaction : {false, true}) {
    SessionWorld w;
    w.learns_of_ = 0;
    if (in_transaction) w.ClientSays(W::Query("BEGIN"));
    w.ToClient();
    w.none_free_ = true;
    w.ClientSays(W::Query(fmt::format("DELETE FROM customers WHERE id = {}", w.SomeKeyOf(0))));
    ASSERT_EQ(w.waiting_, std::vector<std::uint32_t>{0});
    w.LearnOwner({.migration = 7, .owner = "s-2", .epoch = 2});
    w.none_free_ = false;
    ++w.lent_[0];
    w.session_.OnServerReady(0, w.links_[0]);
    w.GoOn();
    EXPECT_EQ(w.links_[0].Take(), "");
    EXPECT_EQ(w.lent_[0], 0);
    w.links_[2].Take();
    const std::string begun = in_transaction ? W::Done("BEGIN", 'T') : "";
    w.ServerSays(2, begun + W::Failed("FS001", in_transaction ? 'E' : 'I', kMoved));
    if (in_transaction) w.ServerSays(2, W::Done("ROLLBACK"));
    EXPECT_EQ(w.ToClient(), "");
    EXPECT_NE(w.links_[1].Take(), "");
    EXPECT_EQ(w.given_up_, 0);
  }
}

TEST(SessionNamedOwner, ARefusalThatAClientIsToldOfIsCounted) {
  SessionWorld w;
  w.ClientSays(W::Query(fmt::format("DELETE FROM customers WHERE id = {}", w.SomeKeyOf(0))));
  w.ServerSays(0, W::Failed("FS001", 'I', kMoved));
  EXPECT_EQ(w.given_up_, 0);
  w.now_ += std::chrono::seconds(60);
  w.ServerSays(1, W::Failed("FS001", 'I', "migration=7 owner=s-0 epoch=1"));
  EXPECT_NE(w.ToClient().find("40001"), std::string::npos);
  EXPECT_EQ(w.given_up_, 1);
}

// The named shard may have given the keys back and been emptied while the statement waited.
TEST(SessionNamedOwner, WhatWasHeardSinceCountsMoreThanTheRefusal) {
  SessionWorld w;
  w.ClientSays(W::Query(fmt::format("DELETE FROM customers WHERE id = {}", w.SomeKeyOf(0))));
  w.links_[0].Take();
  w.ServerSays(0, W::Failed("FS001", 'I', kMoved));
  w.links_[1].Take();
  w.ServerSays(1, W::Failed("FS001", 'I', "migration=7 owner=s-3 epoch=1"));
  model::RoutingTable heard = FourQuarters();
  heard.ranges[0].shard = {"s-2"};
  heard.epoch = {2};
  w.world_.table = Compiled(heard);
  w.session_.OnTimer();
  w.GoOn();
  EXPECT_EQ(W::Types(w.links_[2].Take()), "Q");
  EXPECT_EQ(w.links_[3].Take(), "");
}

}  // namespace
}  // namespace foreshard::router
