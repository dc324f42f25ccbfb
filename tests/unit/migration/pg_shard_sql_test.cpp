#include "migration/pg_shard_sql.h"

#include <gtest/gtest.h>

namespace foreshard::migration {
namespace {

using Cells = std::vector<std::optional<std::string>>;

Cells GateCells() {
  return {"7123/2",  "uid-7",     "s-bbbb",
          "Cutover", "104857601", "3",
          "drained", "0/16B3748", "foreshard_7_s_bbbb",
          "{}",      "s-aaaa",    "12",
          "f",       "t",         "t",
          "42"};
}

TEST(PgShardSql, AGateIsReadAsItStands) {
  const auto seen = ReadGate(pg::Rows(kGateColumns, GateCells(), 1));
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->identity.system_identifier, "7123");
  EXPECT_EQ(seen->identity.timeline, 2);
  ASSERT_TRUE(seen->row);
  EXPECT_EQ(seen->row->state, GateState::kDrained);
  EXPECT_EQ(seen->row->attempt.value, 3);
  EXPECT_EQ(seen->row->token.value, 104857601);
  EXPECT_EQ(seen->row->drained_lsn->value, 0x16B3748U);
  EXPECT_EQ(seen->range->owner.value, "s-aaaa");
  EXPECT_EQ(seen->range->epoch.value, 12);
  EXPECT_TRUE(seen->gate);
  EXPECT_TRUE(seen->sentinel);
  EXPECT_EQ(seen->probe, 42);
}

TEST(PgShardSql, AShardWithoutRowsIsNotAnError) {
  Cells cells(kGateColumns);
  cells[0] = "7123/1";
  cells[8] = "";
  cells[13] = "f";
  cells[14] = "f";
  cells[15] = "0";
  const auto seen = ReadGate(pg::Rows(kGateColumns, cells, 1));
  ASSERT_TRUE(seen);
  EXPECT_FALSE(seen->row);
  EXPECT_FALSE(seen->range);
  EXPECT_FALSE(seen->gate);
}

TEST(PgShardSql, AStateNobodyKnowsIsRefused) {
  Cells cells = GateCells();
  cells[6] = "ajar";
  EXPECT_FALSE(ReadGate(pg::Rows(kGateColumns, cells, 1)));
}

TEST(PgShardSql, SlotSubscriptionAndHolderAreThereOnlyWhereTheyExist) {
  Cells cells = GateCells();
  const Cells rest = {"t", "6", "t", "t", "0/10", "4096", "t", "f", "2", "t", "250", "1500"};
  cells.insert(cells.end(), rest.begin(), rest.end());
  const auto seen = ReadLook(pg::Rows(cells.size(), cells, 1), 2);
  ASSERT_TRUE(seen);
  EXPECT_TRUE(seen->synchronous);
  EXPECT_TRUE(seen->gate_triggers);
  EXPECT_EQ(seen->slot->retained_bytes, 4096);
  EXPECT_FALSE(seen->subscription->worker);
  EXPECT_EQ(seen->subscription->apply_errors, 2);
  EXPECT_TRUE(seen->oldest_holder->prepared);
  EXPECT_EQ(seen->oldest_holder->age.count(), 250);
  EXPECT_EQ(seen->progress_age.count(), 1500);

  for (const std::size_t null : {2U, 6U, 9U}) cells[kGateColumns + null] = std::nullopt;
  cells[kGateColumns + 1] = "5";  // of six triggers
  const auto bare = ReadLook(pg::Rows(cells.size(), cells, 1), 2);
  ASSERT_TRUE(bare);
  EXPECT_FALSE(bare->slot);
  EXPECT_FALSE(bare->subscription);
  EXPECT_FALSE(bare->oldest_holder);
  EXPECT_FALSE(bare->gate_triggers);
}

}  // namespace
}  // namespace foreshard::migration
