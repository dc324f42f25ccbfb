#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/unit/router/session_world.h"

// Writes while a cutover of their keys is near: one that matches no row fires no trigger, so the
// shard must prove that it still owns them, in the same transaction.

namespace foreshard::router {
namespace {

using W = SessionWorld;

const Proof kLeased{.shard = 2, .migration = 7, .sql = "SELECT proof", .lock = "SELECT lock"};
const char* const kStale = "migration=7 owner=s-1 epoch=2";

std::string Only(char type) {
  std::string out;
  pg::AppendEmpty(&out, type);
  return out;
}

std::string Result(std::string_view tag) {
  const pg::TextColumn column{.name = "case"};
  std::string out;
  pg::AppendRowDescription(&out, {&column, 1});
  pg::WireWriter(&out, 'D').Int16(1).Int32(-1).End();
  pg::AppendCommandComplete(&out, tag);
  return out;
}

std::string Complete(std::string_view tag) {
  std::string out;
  pg::AppendCommandComplete(&out, tag);
  return out;
}

// What the server says of the two questions before the statement.
const std::string kProven = Result("SELECT 1") + Result("SELECT 1");

struct Leased {
  SessionWorld w;
  std::string update = Update(0);

  Leased() { w.proofs_ = {kLeased}; }
  std::string Update(int nth) {
    return fmt::format("UPDATE customers SET name = 'x' WHERE id = {}", w.SomeKeyOf(2, nth));
  }
  // Parse to Execute.
  std::string Extended() const {
    std::string out;
    pg::AppendParse(&out, "", update, {});
    pg::WireWriter(&out, 'B').String("").String("").Int16(0).Int16(0).Int16(0).End();
    pg::WireWriter(&out, 'E').String("").Int32(0).End();
    return out;
  }
};

TEST(SessionProof, AWriteOutsideOfABlockIsProvenInItsOwnTransaction) {
  const std::string answers = kProven + W::Done("UPDATE 0");
  for (std::size_t cut = 0; cut <= answers.size(); ++cut) {
    Leased p;
    p.w.ClientSays(W::Query(p.update));
    EXPECT_EQ(p.w.links_[2].Take(), W::Query("SELECT lock;SELECT proof;" + p.update));
    p.w.ServerSays(2, answers.substr(0, cut));
    p.w.ServerSays(2, answers.substr(cut));
    EXPECT_EQ(p.w.ToClient(), W::Done("UPDATE 0")) << cut;
    ASSERT_EQ(p.w.records_.size(), 1U);
    EXPECT_EQ(p.w.records_[0].rows, 0U) << "rows of the proof are not the client's";
    EXPECT_TRUE(p.w.session_.at_rest());
  }
}

TEST(SessionProof, AWriteThatTheShardRefusesGoesToTheOwnerUnseen) {
  const std::string refused = Result("SELECT 1") + W::Failed("FS001", 'I', kStale);
  for (std::size_t cut = 0; cut <= refused.size(); ++cut) {
    Leased p;
    p.w.learns_of_ = 2;
    p.w.ClientSays(W::Query(p.update));
    p.w.links_[2].Take();
    p.w.proofs_.clear();
    p.w.ServerSays(2, refused.substr(0, cut));
    p.w.ServerSays(2, refused.substr(cut));
    EXPECT_EQ(p.w.ToClient(), "") << cut;
    ASSERT_EQ(p.w.links_[1].Take(), W::Query(p.update)) << cut;
    p.w.ServerSays(1, W::Done("UPDATE 1"));
    EXPECT_EQ(p.w.ToClient(), W::Done("UPDATE 1")) << cut;
  }
}

TEST(SessionProof, SeveralWritesOfOneQueryAreProvenOnce) {
  Leased p;
  const std::string both = p.update + "; " + p.Update(1);
  p.w.ClientSays(W::Query(both));
  EXPECT_EQ(p.w.links_[2].Take(), W::Query("SELECT lock;SELECT proof;" + both));
  p.w.ServerSays(2, kProven + Complete("UPDATE 0") + W::Done("UPDATE 1"));
  EXPECT_EQ(p.w.ToClient(), Complete("UPDATE 0") + W::Done("UPDATE 1"));
}

TEST(SessionProof, AnErrorsPositionCountsTheClientsTextOnly) {
  const auto error = [](std::string_view position) {
    std::string out;
    pg::WireWriter(&out, 'E')
        .String("SERROR")
        .String("C42703")
        .String("Mcolumn \"nmae\" does not exist")
        .String(std::string("P").append(position))
        .String("Fparse_relation.c")
        .Byte(0)
        .End();
    return out;
  };
  Leased p;
  p.w.ClientSays(W::Query(p.update));
  p.w.links_[2].Take();
  p.w.ServerSays(2, kProven + error("46") + W::Ready());
  EXPECT_EQ(p.w.ToClient(), error("21") + W::Ready());
}

TEST(SessionProof, ABoundWriteIsProvenBetweenItsParseAndItsSync) {
  Leased p;
  p.w.ClientSays(p.Extended() + Only('S'));
  const std::string asked = p.w.links_[2].Take();
  EXPECT_EQ(W::Types(asked), "PBECPBECPBES");
  EXPECT_LT(asked.find("SELECT lock"), asked.find("SELECT proof"));
  EXPECT_LT(asked.find("SELECT proof"), asked.find("UPDATE"));
  const std::string proof = Only('1') + Only('2') + Complete("SELECT 1") + Only('3');
  p.w.ServerSays(2, proof + proof + Only('1') + Only('2') + W::Done("UPDATE 0"));
  EXPECT_EQ(p.w.ToClient(), Only('1') + Only('2') + W::Done("UPDATE 0"));
  EXPECT_TRUE(p.w.session_.at_rest());
}

TEST(SessionProof, ABoundWriteThatTheShardRefusesGoesToTheOwnerUnseen) {
  const std::string refused = Only('1') + Only('2') + Complete("SELECT 1") + Only('3') + Only('1') +
                              Only('2') + W::Failed("FS001", 'I', kStale);
  for (std::size_t cut = 0; cut <= refused.size(); ++cut) {
    Leased p;
    p.w.learns_of_ = 2;
    p.w.ClientSays(p.Extended() + Only('S'));
    p.w.links_[2].Take();
    p.w.proofs_.clear();
    p.w.ServerSays(2, refused.substr(0, cut));
    p.w.ServerSays(2, refused.substr(cut));
    EXPECT_EQ(p.w.ToClient(), "") << cut;
    ASSERT_EQ(W::Types(p.w.links_[1].Take()), "PBES") << cut;
    p.w.ServerSays(1, Only('1') + Only('2') + W::Done("UPDATE 1"));
    EXPECT_EQ(p.w.ToClient(), Only('1') + Only('2') + W::Done("UPDATE 1")) << cut;
  }
}

TEST(SessionProof, AWriteInABlockKeepsTheOwnerOfItsKeys) {
  Leased p;
  p.w.ClientSays(W::Query("BEGIN"));
  p.w.ClientSays(W::Query(p.update));
  EXPECT_EQ(p.w.links_[2].Take(),
            W::Query("BEGIN\n;SELECT lock\n;SELECT proof") + W::Query(p.update));
  p.w.ServerSays(2, Result("SELECT 1") + W::Done("SELECT 1", 'T') + W::Done("UPDATE 0", 'T'));
  p.w.ClientSays(p.Extended() + Only('S'));  // once is enough
  EXPECT_EQ(W::Types(p.w.links_[2].Take()), "PBES");
}

TEST(SessionProof, AWriteOfAllShardsIsProvenWhereKeysAreLeased) {
  Leased p;
  p.w.ClientSays(W::Query("UPDATE customers SET name = 'x'"));
  EXPECT_NE(p.w.links_[2].Take().find("BEGIN\n;SELECT lock\n;SELECT proof"), std::string::npos);
  EXPECT_EQ(p.w.links_[1].Take().find("proof"), std::string::npos);
}

}  // namespace
}  // namespace foreshard::router
