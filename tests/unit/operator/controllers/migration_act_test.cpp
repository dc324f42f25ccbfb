#include "operator/controllers/migration_act.h"

#include <gtest/gtest.h>

#include "migration/limits.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_migration_store.h"
#include "tests/fakes/fake_shard.h"
#include "tests/support/wait.h"
#include "tests/unit/operator/controllers/migration_seen.h"

// Effects that take more than one look.

namespace foreshard::op {
namespace {

using migration::Side;
using support::Good;

// Two routers: the first has the newest table, the second does not answer.
class OneAnswers final : public RouterControl {
 public:
  std::vector<std::string> Routers() const override { return {"router-1", "router-2"}; }
  RouterReplies<HoldAnswer> Hold(const std::vector<std::string>&, const HoldRequest&,
                                 Deadline) override {
    return {};
  }
  RouterReplies<ReleaseAnswer> Release(const std::vector<std::string>&, const ReleaseRequest&,
                                       Deadline) override {
    return {};
  }
  RouterReplies<Acknowledged> Lease(const std::vector<std::string>&, const LeaseRequest&,
                                    Deadline) override {
    return {};
  }
  RouterReplies<TableAnswer> ReadTable(const std::vector<std::string>&, Deadline) override {
    return {{"router-1", TableAnswer{.epoch = {4}}},
            {"router-2", Error::Retry("it does not answer")}};
  }
};

class EndStaleConnections : public testing::Test {
 protected:
  EndStaleConnections() {
    seen_.set->table = Table(4, "s-c");
    seen_.source->gate.row->state = migration::GateState::kClosed;
    seen_.memory.connections_record = -1;
    EXPECT_TRUE(Good(source_.Enter(seen_.token(), "CleaningUp", Soon())));
  }
  Deadline Soon() const { return Deadline::After(clock_, std::chrono::seconds(20)); }
  // True: it is done.
  bool Act() {
    const MigrationDecision decision{.step = MigrationStep::kEndStaleConnections};
    MigrationHands hands{.store = store_,
                         .shards = {&source_, &destination_},
                         .routers = &routers_,
                         .memory = memory_,
                         .clock = clock_};
    EXPECT_TRUE(Good(ActOnMigration(seen_, decision, hands, Soon())));
    return memory_.connections_record == seen_.migration.status.record;
  }

  using Names = std::set<std::string>;
  fakes::FakeClock clock_;
  MigrationObservation seen_ = Seen(migration::Phase::kCleaningUp);
  fakes::FakeBugs bugs_;
  fakes::FakeServer source_server_{seen_.spec->source, bugs_};
  fakes::FakeServer destination_server_{seen_.spec->destination, bugs_};
  fakes::FakeShard source_{*seen_.spec, Side::kSource, source_server_};
  fakes::FakeShard destination_{*seen_.spec, Side::kDestination, destination_server_};
  fakes::FakeMigrationState state_{seen_.set->set};
  fakes::FakeMigrationStore store_{state_, [] { return std::size_t{0}; }};
  OneAnswers routers_;
  MigrationMemory memory_;
};

// The third is of a pod that is being deleted: nobody lists it.
TEST_F(EndStaleConnections, WhoHasTheNewestTableKeepsThem) {
  source_server_.connected_routers = {"router-1", "router-2", "router-3"};
  EXPECT_FALSE(Act());
  EXPECT_EQ(source_server_.connected_routers, (Names{"router-1"}));
  source_server_.connected_routers.insert("router-2");  // it has read that the keys are gone
  EXPECT_TRUE(Act());
  EXPECT_EQ(source_server_.connected_routers, (Names{"router-1", "router-2"}));
}

// A router that only answers late loses no commit of its clients.
TEST_F(EndStaleConnections, ATransactionIsLeftToEndForAWhile) {
  source_server_.connected_routers = {"router-1", "router-2"};
  source_server_.busy_routers = {"router-1", "router-2"};
  for (int look = 0; look < 5; ++look) {
    EXPECT_FALSE(Act());
    EXPECT_EQ(source_server_.connected_routers, (Names{"router-1", "router-2"}));
    clock_.Advance(migration::kSilentTransaction / 5);
  }
  EXPECT_FALSE(Act());
  EXPECT_EQ(source_server_.connected_routers, (Names{"router-1"}));
  EXPECT_TRUE(Act());
}

TEST_F(EndStaleConnections, ANewCutoverBeginsAnew) {
  source_server_.connected_routers = source_server_.busy_routers = {"router-2"};
  EXPECT_FALSE(Act());
  clock_.Advance(migration::kSilentTransaction);
  ++seen_.migration.status.record;
  EXPECT_FALSE(Act());
  EXPECT_EQ(source_server_.connected_routers, (Names{"router-2"}));
}

}  // namespace
}  // namespace foreshard::op
