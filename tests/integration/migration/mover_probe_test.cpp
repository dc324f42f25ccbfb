#include <fmt/format.h>
#include <gtest/gtest.h>

#include <thread>

#include "migration/mover.h"
#include "tests/integration/migration/stage.h"
#include "tests/support/needs.h"

namespace foreshard::migration {
namespace {

const support::Needs kNeeds({"postgres", "initdb", "psql"});

using namespace std::chrono_literals;
using support::Good;

// A publisher that ends without a word is an error of the apply worker, and disable_on_error makes
// no difference between this one and a wrong row: without the mover nothing would start it again.
TEST(MoverProbe, AStreamThatEndedWithItsPublishersCrashRunsAgain) {
  const auto made = TwoShards::Make();
  ASSERT_TRUE(Good(made));
  TwoShards& shards = **made;
  shards.Sql(Side::kSource, kSomeRows);
  Stage stage(shards);
  stage.Stream();
  stage.Enter(Phase::kReady);
  shards.server(Side::kSource).Crash();
  ASSERT_TRUE(Good(shards.server(Side::kSource).Start()));
  ASSERT_TRUE(support::WaitFor("the subscription stops", 20s, [&] {
    return support::Seen(
        shards.Sql(Side::kDestination, "SELECT bool_or(subenabled) FROM pg_subscription") == "f");
  }));

  std::stop_source stop;
  const Work work{stage.options(), shards.clock(), stop.get_token(), stage.board()};
  std::jthread probe([&] { RunMoverProbe(work); });
  shards.Sql(Side::kSource, "UPDATE public.orders SET pad = 'after the crash'");
  EXPECT_TRUE(support::WaitFor("the stream", 30s, [&] {
    return support::Seen(
        shards.Sql(Side::kDestination,
                   "SELECT bool_and(pad = 'after the crash') FROM public.orders") == "t",
        shards.ErrorsOf(Side::kDestination));
  }));
  EXPECT_EQ(shards.Sql(Side::kDestination,
                       "SELECT sum(apply_error_count) FROM pg_stat_subscription_stats"),
            "0")
      << "a rollback would count as impossible";
  stop.request_stop();
}

}  // namespace
}  // namespace foreshard::migration
