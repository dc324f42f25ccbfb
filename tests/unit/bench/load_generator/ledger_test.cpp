#include "bench/load_generator/ledger.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace foreshard::load {
namespace {

const Ledger kLedger = {
    {}, {.attempted = 3, .acknowledged = 2}, {.attempted = 1, .acknowledged = 1}, {}};

TEST(Ledger, AcceptsAWriteWhoseReplyWasLost) {
  for (const std::int64_t value : {2, 3}) {
    const Verdict verdict = Judge(kLedger, {{1, value}, {2, 1}, {3, 0}}, 3);
    EXPECT_EQ(verdict.lost_writes, 0);
    EXPECT_EQ(verdict.duplicated_writes, 0);
    EXPECT_EQ(verdict.missing_rows + verdict.duplicated_rows, 0);
    EXPECT_EQ(verdict.acknowledged_writes, 3);
  }
}

TEST(Ledger, FindsLostAndDuplicatedWrites) {
  const Verdict verdict = Judge(kLedger, {{1, 1}, {2, 5}, {3, 0}}, 3);
  EXPECT_EQ(verdict.lost_writes, 1);
  EXPECT_EQ(verdict.duplicated_writes, 4);
}

TEST(Ledger, FindsRowsOnNoShardOnTwoShardsAndOfNobody) {
  const Verdict verdict = Judge(kLedger, {{1, 2}, {1, 2}, {3, 0}, {9, 0}}, 3);
  EXPECT_EQ(verdict.missing_rows, 1);
  EXPECT_EQ(verdict.duplicated_rows, 2);
  EXPECT_EQ(verdict.lost_writes, 1) << "what was acknowledged for the missing row is lost";
}

TEST(Ledger, SurvivesTheDisk) {
  const std::string path = testing::TempDir() + "ledger_survives.txt";
  ASSERT_TRUE(SaveLedger(kLedger, path));
  const Result<Ledger> loaded = LoadLedger(path);
  ASSERT_TRUE(loaded) << loaded.error().message;
  ASSERT_EQ(loaded->size(), kLedger.size());
  EXPECT_EQ((*loaded)[1].attempted, 3u);
  EXPECT_EQ((*loaded)[1].acknowledged, 2u);

  std::ofstream(path, std::ios::app) << "not a line\n";
  EXPECT_FALSE(LoadLedger(path)) << "a damaged ledger must not make a run look good";
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace foreshard::load
