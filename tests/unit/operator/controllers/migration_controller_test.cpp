#include "operator/controllers/migration_controller.h"

#include <gtest/gtest.h>

#include "operator/controllers/migration_time.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_migration_store.h"
#include "tests/support/wait.h"

// What the controller does around its decisions: it measures the phases and keeps their record.

namespace foreshard::op {
namespace {

using namespace std::chrono_literals;
using support::Good;

// No migration here comes so far that it needs a shard or a router.
class Nobody final : public migration::ShardDirectory, public RouterDirectory {
 public:
  Result<std::unique_ptr<migration::Shard>> Open(const migration::MigrationSpec&, migration::Side,
                                                 Deadline) override {
    return Error::Retry("there is no shard");
  }
  Result<migration::HighWater> ReadHighWater(const std::string&, const std::string&,
                                             const model::ShardId&, Deadline) override {
    return migration::HighWater{};
  }
  Result<RouterControl*> Open(const std::string&, const std::string&, Deadline) override {
    return Error::Retry("there is no router");
  }
};

class ToldHealth final : public ServiceHealth {
 public:
  Result<std::optional<migration::ServiceSeen>> Read(const model::ShardSet&,
                                                     const model::ShardId& shard, WallTime,
                                                     std::chrono::seconds window,
                                                     Deadline) override {
    asked.emplace_back(shard.value, window);
    if (silent) return Error::Retry("Prometheus is gone");
    return std::optional(migration::ServiceSeen{
        .statements_per_second = 120.4, .error_ratio = 0.00025, .p99_seconds = 0.0123});
  }
  std::vector<std::pair<std::string, std::chrono::seconds>> asked;
  bool silent = false;
};

class MigrationControllerTest : public testing::Test {
 protected:
  MigrationControllerTest() {
    model::RoutingTable table;
    table.shard_set_name = "orders";
    table.epoch = {1};
    table.key_space = {model::Strategy::kRange, model::KeyType::kBigint};
    table.ranges = {{{"", "8"}, {"s-a"}}, {{"8", ""}, {"s-b"}}};
    for (const char* id : {"s-a", "s-b"}) table.shards.push_back({{id}, id, id});
    state_.PutTable(table);
    model::ShardMigration migration;
    migration.name_space = "shop";
    migration.name = "m";
    migration.uid = "uid-m";
    migration.spec.shard_set_name = "orders";
    migration.spec.type = model::MigrationType::kMove;
    migration.spec.source = {"s-a"};
    migration.spec.destination = {"s-b"};
    migration.spec.range = model::KeyRange{"", "8"};
    migration.spec.approved = true;
    state_.Put(migration);
  }

  static model::ShardSet Set() {
    model::ShardSet set;
    set.name_space = "shop";
    set.name = "orders";
    set.spec.sharding.key_space = {model::Strategy::kRange, model::KeyType::kBigint};
    set.spec.sharding.tables = {{"public.orders", "customer_id"}};
    for (const char* id : {"s-a", "s-b"}) {
      model::ShardStatus shard;
      shard.id = {id};
      shard.ready = true;
      set.status.shard_statuses.push_back(shard);
    }
    return set;
  }
  // Passes until it waits or has nothing to do.
  void Run() {
    for (int pass = 0; pass < 30; ++pass) {
      const bool job = state_.jobs().contains("m");
      const auto outcome = Pass();
      ASSERT_TRUE(Good(outcome));
      if (outcome->look_again_after != 1ms && job == state_.jobs().contains("m")) return;
    }
    FAIL() << "thirty passes and no end";
  }
  // One pass; a Job that is deleted is gone after it.
  Result<Outcome> Pass() {
    auto outcome = controller_.Reconcile(ref_, Deadline::After(clock_, 10s));
    std::erase_if(state_.jobs(), [](const auto& job) { return job.second.deleting; });
    return outcome;
  }
  const model::ShardMigrationStatus& Status() { return state_.Find("m")->status; }

  const kube::ObjectRef ref_{"shop", "m"};
  fakes::FakeClock clock_;
  fakes::FakeMigrationState state_{Set()};
  fakes::FakeMigrationStore store_{state_, [] { return std::size_t{0}; }};
  Nobody nobody_;
  ToldHealth health_;
  std::vector<std::string> kept_;  // the last phase of each
  bool keeps_ = true;
  MigrationController controller_{
      {.store = store_,
       .shards = nobody_,
       .routers = nobody_,
       .clock = clock_,
       .lease = [] { return LeaseSeen{.transitions = 1, .left = 15s}; },
       .pause = [](std::chrono::milliseconds) { return true; },
       .health = &health_,
       .keep_record = [this](const MigrationObservation& seen, Deadline) -> foreshard::Status {
         EXPECT_FALSE(seen.migration.finalizers.empty()) << "it may be gone before it is kept";
         if (!keeps_) return Error::Retry("the API server is gone");
         kept_.push_back(seen.migration.status.phase);
         return Ok();
       }}};
};

TEST_F(MigrationControllerTest, ThePhasesTellHowLongTheyTookAndHowTheSourceServed) {
  Run();
  ASSERT_EQ(Status().phase, "Preflight");
  ASSERT_EQ(Status().phases.size(), 1u);
  const model::MigrationPhase& planned = Status().phases[0];
  EXPECT_EQ(planned.phase, "Planned");
  EXPECT_EQ(planned.visits, 1);
  EXPECT_EQ(planned.statements_per_second, 120);
  EXPECT_EQ(planned.errors_per_million, 250);
  EXPECT_EQ(planned.p99_micros, 12'300);
  EXPECT_EQ(planned.hold_millis, -1);
  ASSERT_EQ(health_.asked.size(), 1u);
  EXPECT_EQ(health_.asked[0], std::pair(std::string("s-a"), std::chrono::seconds(30min)))
      << "before it began";

  clock_.Advance(90s);
  state_.EditSpec("m", [](model::ShardMigration& migration) { migration.spec.abort = true; });
  Run();
  ASSERT_GE(Status().phases.size(), 2u);
  const model::MigrationPhase& preflight = Status().phases[1];
  EXPECT_EQ(preflight.phase, "Preflight");
  EXPECT_EQ(preflight.millis, 90'000);
  EXPECT_EQ(preflight.p99_micros, 12'300);
  ASSERT_GE(health_.asked.size(), 2u);
  EXPECT_EQ(health_.asked[1], std::pair(std::string("s-a"), 90s)) << "as long as it lasted";
}

TEST_F(MigrationControllerTest, AShortPhaseAndAPrometheusThatIsGoneTellNothing) {
  health_.silent = true;
  Run();
  ASSERT_EQ(Status().phase, "Preflight");
  EXPECT_EQ(Status().phases.at(0).p99_micros, -1);
  health_.silent = false;
  clock_.Advance(20s);
  state_.EditSpec("m", [](model::ShardMigration& migration) { migration.spec.abort = true; });
  Run();
  EXPECT_EQ(Status().phases.at(1).millis, 20'000);
  EXPECT_EQ(Status().phases.at(1).p99_micros, -1) << "rates over scrapes cannot tell";
}

TEST_F(MigrationControllerTest, WhatIsOverIsKeptBeforeItsObjectCanGo) {
  Run();
  state_.EditSpec("m", [](model::ShardMigration& migration) { migration.spec.abort = true; });
  keeps_ = false;
  for (int pass = 0; pass < 30; ++pass) (void)Pass();
  ASSERT_EQ(Status().phase, "Aborted");
  state_.MarkDeleted("m");
  EXPECT_FALSE(Pass());
  ASSERT_NE(state_.Find("m"), nullptr) << "not kept yet";
  keeps_ = true;
  Run();
  EXPECT_EQ(kept_, (std::vector<std::string>{"Aborted"})) << "once";
  EXPECT_EQ(state_.Find("m"), nullptr);
}

TEST_F(MigrationControllerTest, ADryRunTeachesNothing) {
  state_.EditSpec("m", [](model::ShardMigration& migration) { migration.spec.dry_run = true; });
  Run();
  state_.EditSpec("m", [](model::ShardMigration& migration) { migration.spec.abort = true; });
  Run();
  ASSERT_EQ(Status().phase, "Aborted");
  EXPECT_TRUE(kept_.empty());
}

}  // namespace
}  // namespace foreshard::op
