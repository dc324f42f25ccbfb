#include "migration/mover_work.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/integration/migration/stage.h"
#include "tests/support/needs.h"

namespace foreshard::migration {
namespace {

const support::Needs kNeeds({"postgres", "initdb", "psql"});

using support::Good;

// The measuring of the lag and a phase's own probe run at the same time; on a slow shard they found
// each other's number every time, and each time the phase began anew.
TEST(MoverWork, ProbesOfSeveralThreadsDoNotDisturbEachOther) {
  const auto shards = TwoShards::Make();
  ASSERT_TRUE(Good(shards));
  Stage stage(**shards);
  stage.Stream();
  const auto newest = [&] {
    return std::stoll((*shards)->Sql(Side::kSource, "SELECT max(seq) FROM foreshard.barrier"));
  };
  const std::int64_t before = newest();
  std::vector<std::jthread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      const auto source = (*shards)->Connect(Side::kSource);
      const auto destination = (*shards)->Connect(Side::kDestination);
      for (int probe = 0; probe < 20; ++probe) {
        ASSERT_TRUE(Good(PassProbe(*source, *destination, stage.work(), Side::kSource,
                                   std::chrono::seconds(20))));
      }
    });
  }
  threads.clear();
  EXPECT_EQ(newest() - before, 60);
}

}  // namespace
}  // namespace foreshard::migration
