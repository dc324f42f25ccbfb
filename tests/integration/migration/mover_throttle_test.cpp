#include "migration/mover_throttle.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/integration/migration/stage.h"
#include "tests/support/needs.h"

namespace foreshard::migration {
namespace {

const support::Needs kNeeds({"postgres", "initdb", "psql"});

using namespace std::chrono_literals;
using support::Good;

constexpr const char* kManyRows =
    "INSERT INTO public.customers (id, name) SELECT k, 'n' || k FROM generate_series(1::bigint, "
    "3000) k; "
    "INSERT INTO public.orders (customer_id, id, pad) SELECT id, n, repeat('x', 300) FROM "
    "public.customers, generate_series(1, 4) n; ANALYZE";

// As if the shards had been looked at before the work began.
void AddIdlePulses(Throttle& throttle, const Clock& clock) {
  throttle.SetPhase(Phase::kCopying);
  for (const Side side : {Side::kSource, Side::kDestination}) {
    for (std::size_t i = 0; i < kIdlePulses; ++i) {
      throttle.AddPulse(side, clock.Monotonic(), 1ms);
    }
  }
}

TEST(MoverThrottle, CopyAndDigestKeepToTheRateAndMissNoRow) {
  const auto shards = TwoShards::Make();
  ASSERT_TRUE(Good(shards));
  (*shards)->Sql(Side::kSource, kManyRows);
  Stage stage(**shards);
  ASSERT_TRUE(Good(Prepare(stage.work(), stage.Enter(Phase::kPreparing), stage.keepers())));
  Throttle throttle((*shards)->clock(), /*new_destination=*/false);
  const Work slow{stage.options(), (*shards)->clock(), {}, stage.board(), &throttle};
  const auto heap = std::stoll((*shards)->Sql(
      Side::kSource, "SELECT pg_relation_size('orders') + pg_relation_size('customers')"));

  AddIdlePulses(throttle, (*shards)->clock());
  const Turn copying = stage.Enter(Phase::kCopying);
  MonotonicTime begin = (*shards)->clock().Monotonic();
  ASSERT_TRUE(Good(Copy(slow, copying, stage.keepers())));
  // Nobody took a decision: the rate stayed what it was at first.
  const std::chrono::duration<double> least(0.9 * static_cast<double>(heap) / kThrottleStart);
  EXPECT_GE((*shards)->clock().Monotonic() - begin, least) << heap << " bytes";

  ASSERT_TRUE(Good(CatchUp(stage.work(), stage.Enter(Phase::kCatchingUp))));
  AddIdlePulses(throttle, (*shards)->clock());
  begin = (*shards)->clock().Monotonic();
  ASSERT_TRUE(Good(Verify(slow, stage.Enter(Phase::kVerifying), Side::kSource)));
  EXPECT_GE((*shards)->clock().Monotonic() - begin, least) << "the source alone takes as long";
  EXPECT_TRUE(stage.board().progress().digest_equal);
  EXPECT_GT(throttle.seen().waited, least);
  EXPECT_EQ(throttle.seen().bytes_per_second, 0) << "no work, no limit";
}

TEST(MoverThrottle, PulsesTellHowLongACommitTakesAndWhatStandbysNeed) {
  const auto shards = TwoShards::Make();
  ASSERT_TRUE(Good(shards));
  Stage stage(**shards);
  Throttle throttle((*shards)->clock(), /*new_destination=*/false);
  throttle.SetPhase(Phase::kCopying);
  std::stop_source stop;
  const Work work{stage.options(), (*shards)->clock(), stop.get_token(), stage.board(), &throttle};
  {
    const std::jthread source([&] { RunPulses(work, Side::kSource); });
    const std::jthread destination([&] { RunPulses(work, Side::kDestination); });
    // Begin() waits for the pulses, and does not wait for ever.
    EXPECT_TRUE(throttle.Begin(1 << 20, work.stop));
    // Up where both commit quickly, down where this machine is slow.
    EXPECT_TRUE(support::WaitFor("a decision", 20s, [&] {
      return support::Seen(throttle.seen().bytes_per_second != kThrottleStart);
    }));
    // A standby for which more than a quarter of what may be kept is kept.
    for (const char* sql :
         {"ALTER SYSTEM SET max_slot_wal_keep_size = '64MB'", "SELECT pg_reload_conf()",
          "SELECT pg_create_physical_replication_slot('standby', true)",
          "SELECT pg_logical_emit_message(false, 'x', repeat('x', 24000000))"}) {
      (*shards)->Sql(Side::kSource, sql);
    }
    EXPECT_TRUE(support::WaitFor("a slower rate", 20s, [&] {
      const Throttle::Seen seen = throttle.seen();
      return support::Seen(seen.cause == ThrottleCause::kRetainedWal, ToString(seen.cause));
    }));
    stop.request_stop();
  }
  (*shards)->Sql(Side::kSource, "SELECT pg_drop_replication_slot('standby')");
  EXPECT_EQ(
      (*shards)->Sql(Side::kSource, "SELECT count(*) FROM pg_class WHERE relname = 'foreshard_df'"),
      "0");
}

}  // namespace
}  // namespace foreshard::migration
