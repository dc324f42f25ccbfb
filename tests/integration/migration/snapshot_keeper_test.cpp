#include "migration/snapshot_keeper.h"

#include <gtest/gtest.h>

#include "tests/integration/migration/stage.h"
#include "tests/support/needs.h"

namespace foreshard::migration {
namespace {

const support::Needs kNeeds({"postgres", "initdb", "psql"});

using support::Good;

TEST(SnapshotKeeper, TheSecondKeepsTheSnapshotWhenTheFirstIsGone) {
  auto shards = TwoShards::Make();
  ASSERT_TRUE(Good(shards));
  (*shards)->Sql(Side::kSource, kSomeRows);
  Stage stage(**shards);
  auto first = SnapshotKeeper::MakeSlot(stage.work(), "a_slot");
  ASSERT_TRUE(Good(first));
  auto second = SnapshotKeeper::Import(stage.work(), (*first)->snapshot());
  ASSERT_TRUE(Good(second));
  ASSERT_NE(*second, nullptr);
  const std::string gone = (*first)->snapshot();
  first->reset();
  (*shards)->Sql(Side::kSource, "DELETE FROM public.orders");
  const auto reader = (*shards)->Connect(Side::kSource);
  ASSERT_TRUE(Good(reader->Exec("BEGIN ISOLATION LEVEL REPEATABLE READ; SET TRANSACTION SNAPSHOT " +
                                    pg::QuoteLiteral((*second)->snapshot()),
                                (*shards)->Soon())));
  EXPECT_NE(reader->Exec("SELECT count(*) FROM public.orders", (*shards)->Soon())->Text(0, 0), "0");
  EXPECT_TRUE(support::WaitFor("the first one's end", std::chrono::seconds(20), [&] {
    const auto late = SnapshotKeeper::Import(stage.work(), gone);
    return support::Seen(late.ok() && *late == nullptr, "it can still be imported");
  }));
}

TEST(SnapshotKeeper, ASnapshotNobodyKeepsIsNoError) {
  auto shards = TwoShards::Make();
  ASSERT_TRUE(Good(shards));
  Stage stage(**shards);
  const auto none = SnapshotKeeper::Import(stage.work(), "00000003-0000001B-1");
  ASSERT_TRUE(Good(none));
  EXPECT_EQ(*none, nullptr);
}

}  // namespace
}  // namespace foreshard::migration
