#include "migration/mover_work.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <thread>

#include "pg/copy.h"
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

// What it cannot store it does not read, and Linux takes that for a frozen machine.
TEST(MoverWork, ADestinationThatWaitsForALockIsNotGivenUp) {
  constexpr std::int64_t kRows = 20'000;
  const auto shards = TwoShards::Make();
  ASSERT_TRUE(Good(shards));
  Stage stage(**shards);
  (*shards)->Sql(Side::kDestination, "CREATE TABLE public.waits (id int PRIMARY KEY, pad text)");
  const auto other = (*shards)->Connect(Side::kDestination);
  ASSERT_TRUE(Good(other->Exec("BEGIN", (*shards)->Soon())));
  ASSERT_TRUE(Good(other->Exec("INSERT INTO public.waits VALUES (0)", (*shards)->Soon())));
  const auto mover = stage.work().Connect(Side::kDestination);
  ASSERT_TRUE(Good(mover));
  auto copy = (*mover)->StartCopyIn("COPY public.waits FROM STDIN", (*shards)->Soon());
  ASSERT_TRUE(Good(copy));
  const Deadline end = Deadline::After((*shards)->clock(), std::chrono::seconds(60));
  Status written = Ok();
  std::jthread sender([&] {
    const std::string pad(1'000, 'x');
    for (int row = 0; row < kRows && written; ++row)
      written = copy->Write(fmt::format("{}\t{}\n", row, pad), end);
  });
  const MonotonicTime since = (*shards)->clock().Monotonic();
  ASSERT_TRUE(support::WaitFor("longer than most connections wait", std::chrono::seconds(60), [&] {
    return support::Seen((*shards)->clock().Monotonic() - since > std::chrono::seconds(8));
  }));
  ASSERT_TRUE(Good(other->Exec("ROLLBACK", (*shards)->Soon())));
  sender.join();
  ASSERT_TRUE(Good(written));
  const Result<std::int64_t> rows = copy->Finish(end);
  ASSERT_TRUE(Good(rows));
  EXPECT_EQ(*rows, kRows);
}

}  // namespace
}  // namespace foreshard::migration
