#include "migration/crash_points.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <utility>

#include "migration/mover_work.h"
#include "migration/predicate.h"
#include "tests/integration/migration/partitioned_orders.h"
#include "tests/integration/migration/walk.h"
#include "tests/support/needs.h"

// The mover ends itself before and after each of its numbered steps, on real PostgreSQL under load.
// Another one goes on from the rows, and at its end the keys are where they belong, equal, with
// nothing left of the migration.

namespace foreshard::migration {
namespace {

const support::Needs kNeeds({"postgres", "initdb", "psql", "pg_dump"});

using namespace std::chrono_literals;

// The mover's effects in the order in which one migration to a new shard comes to them; a clean-up
// after an abort ends no sessions.
constexpr std::array kInOrder = {
    "mover.prepare.guards",       "mover.prepare.schema",     "mover.prepare.gate",
    "mover.prepare.publication",  "mover.prepare.slot",       "mover.prepare.keeper",
    "mover.phase.done",           "mover.copy.chunk_commit",  "mover.catchup.index",
    "mover.catchup.subscription", "mover.catchup.statistics", "mover.catchup.lag",
    "mover.verify.bucket",        "mover.cleanup.streams",    "mover.cleanup.sessions",
    "mover.cleanup.delete_batch", "mover.cleanup.triggers",   "mover.cleanup.rows",
    "mover.cleanup.vacuum"};
constexpr std::array kUndone = {"mover.cleanup.streams", "mover.cleanup.delete_batch",
                                "mover.cleanup.triggers", "mover.cleanup.rows",
                                "mover.cleanup.vacuum"};

std::string NameOf(Edge edge, std::string_view effect) {
  const std::size_t dot = effect.rfind('.');
  return fmt::format("{}.{}.{}", effect.substr(0, dot), edge == Edge::kBefore ? "before" : "after",
                     effect.substr(dot + 1));
}

class CrashPointsTest : public Walk {
 protected:
  void MakePartitioned(bool new_destination) {
    ASSERT_NO_FATAL_FAILURE(Make({.tables_on_destination = !new_destination}, kPartitionOrders));
    old_orders_ = OldOrders(Side::kSource);
    Begin(200ms);
    begun_ = true;
    if (new_destination) controller_->MakeNewDestination({});
  }
  std::string OldOrders(Side side) const {
    return shards_->Sql(
        side, fmt::format("SELECT count(*) || ' ' || coalesce(sum(hashtextextended(o::text, "
                          "0)::numeric), 0) FROM orders o WHERE id = -1 AND {}",
                          PredicateSql(shards_->Spec(), "customer_id")));
  }

  // One migration, in which a mover ends at each of these places, in their order.
  void MoveAndCrash(std::vector<std::string> at, Phase end = Phase::kCompleted) {
    SCOPED_TRACE(fmt::format("on the way to {}", ToString(end)));
    if (!std::exchange(begun_, false)) Begin(200ms);
    controller_->crashes.at = std::move(at);
    if (end == Phase::kAborted) {
      ASSERT_EQ(controller_->RunUntil(Phase::kVerifying), Phase::kVerifying) << controller_->Why();
      controller_->object().spec.abort = true;
    }
    ASSERT_EQ(controller_->RunToEnd(240s), end) << controller_->Why();
    controller_->Settle();
    EXPECT_EQ(fmt::format("{}", fmt::join(controller_->crashes.at, " ")), "")
        << "no mover ever came there";
    if (end == Phase::kCompleted) HasMoved();  // an abort leaves the keys where they are
    EXPECT_EQ(OldOrders(owner()), old_orders_);
    EXPECT_EQ(OldOrders(Peer(owner())), "0 0");
    ExpectAWholeEnd();
  }

 private:
  std::string old_orders_;
  bool begun_ = false;  // the next migration, by MakePartitioned
};

// behaviour-02
TEST_F(CrashPointsTest, OneOfEachPhase) {
  ASSERT_NO_FATAL_FAILURE(MakePartitioned(false));
  ASSERT_NO_FATAL_FAILURE(
      MoveAndCrash({"mover.prepare.after.slot", "mover.copy.after.chunk_commit:3",
                    "mover.catchup.after.subscription", "mover.verify.before.bucket:2",
                    "mover.cleanup.after.delete_batch:2", "mover.cleanup.before.triggers",
                    "mover.phase.before.done"}));
  ExpectNothingLost(10);
}

TEST_F(CrashPointsTest, EveryDeclaredPointOfTheMoverIsWalked) {
  std::vector<std::string_view> declared(kCrashEffects.begin(), kCrashEffects.end());
  std::vector<std::string_view> walked(kInOrder.begin(), kInOrder.end());
  std::sort(declared.begin(), declared.end());
  std::sort(walked.begin(), walked.end());
  EXPECT_EQ(walked, declared);
}

class CrashSweep : public CrashPointsTest, public testing::WithParamInterface<Edge> {
 protected:
  template <typename Effects>
  std::vector<std::string> All(const Effects& effects) const {
    std::vector<std::string> names;
    for (const char* effect : effects) names.push_back(NameOf(GetParam(), effect));
    return names;
  }
};

// behaviour-02
TEST_P(CrashSweep, EachStepToANewShard) {
  ASSERT_NO_FATAL_FAILURE(MakePartitioned(true));
  ASSERT_NO_FATAL_FAILURE(MoveAndCrash(All(kInOrder)));
  ExpectNothingLost(10);
}

// What happens on each shard, for each table or in each phase: not only the first time; then back
// again, and an abort.
TEST_P(CrashSweep, EachStepASecondTimeAndEachOfAnAbort) {
  const std::string edge = GetParam() == Edge::kBefore ? "before" : "after";
  ASSERT_NO_FATAL_FAILURE(MakePartitioned(false));
  std::vector<std::string> places;
  for (const char* at :
       {"mover.prepare.{}.guards:2", "mover.prepare.{}.publication:2", "mover.phase.{}.done",
        "mover.copy.{}.chunk_commit:7", "mover.phase.{}.done", "mover.phase.{}.done",
        "mover.verify.{}.bucket:5", "mover.phase.{}.done", "mover.verify.{}.bucket:3",
        "mover.phase.{}.done", "mover.cleanup.{}.delete_batch:4", "mover.cleanup.{}.triggers:2",
        "mover.cleanup.{}.rows:2"}) {
    places.push_back(fmt::format(fmt::runtime(at), edge));
  }
  ASSERT_NO_FATAL_FAILURE(MoveAndCrash(places));
  ASSERT_NO_FATAL_FAILURE(MoveAndCrash(All(kUndone), Phase::kAborted));
  ExpectNothingLost(10);
}

INSTANTIATE_TEST_SUITE_P(Mover, CrashSweep, testing::Values(Edge::kBefore, Edge::kAfter),
                         [](const auto& edge) {
                           return std::string(edge.param == Edge::kBefore ? "Before" : "After");
                         });

}  // namespace
}  // namespace foreshard::migration
