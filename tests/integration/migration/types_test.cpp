#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include "migration/mover_work.h"
#include "migration/shard_objects.h"
#include "tests/integration/migration/local_operator.h"
#include "tests/integration/migration/oracle.h"
#include "tests/support/needs.h"
#include "tests/support/wait.h"

// Every type of migration, forward, back and forward again, one after the other on the same two
// shards under load.

namespace foreshard::migration {
namespace {

const support::Needs kNeeds({"postgres", "initdb", "psql", "pg_dump"});

using namespace std::chrono_literals;
using support::Good;

const model::ShardId kFirst{"s-aaaa"};
const model::ShardId kSecond{"s-bbbb"};

model::ShardMigrationSpec Spec(MigrationType type, const model::ShardId& source,
                               const model::ShardId& destination) {
  model::ShardMigrationSpec spec;
  spec.type = type;
  spec.source = source;
  spec.destination = destination;
  spec.soak = 500ms;
  spec.approved = true;
  return spec;
}

model::ShardMigrationSpec OfRange(MigrationType type, const model::ShardId& source,
                                  const model::ShardId& destination, model::KeyRange range) {
  model::ShardMigrationSpec spec = Spec(type, source, destination);
  spec.range = std::move(range);
  return spec;
}

model::ShardMigrationSpec OfKeys(MigrationType type, const model::ShardId& source,
                                 const model::ShardId& destination, std::vector<std::string> keys) {
  model::ShardMigrationSpec spec = Spec(type, source, destination);
  spec.keys = std::move(keys);
  return spec;
}

std::string CountOf(const TwoShards& shards, Side side, const std::vector<std::string>& keys) {
  return shards.Sql(
      side, fmt::format("SELECT count(*) FROM customers WHERE id IN ({})", fmt::join(keys, ", ")));
}

void ExpectNothingLeft(const TwoShards& shards) {
  for (const Side side : {Side::kSource, Side::kDestination}) {
    EXPECT_EQ(
        shards.Sql(side, fmt::format("SELECT string_agg(kind || ' ' || name, ', ') FROM ({}) x",
                                     LeftoverSql(std::nullopt))),
        "NULL")
        << ToString(side);
    EXPECT_EQ(shards.Sql(side, "SELECT count(*) FROM foreshard.barrier"), "0") << ToString(side);
    EXPECT_EQ(shards.Sql(side, "SELECT count(*) FROM pg_class WHERE relpersistence = 't'"), "0")
        << "temporary tables on the " << ToString(side);
  }
}

class TypesTest : public testing::Test {
 protected:
  void Make(TwoShards::Options options, Oracle::Options clients) {
    auto made = TwoShards::Make(options);
    ASSERT_TRUE(Good(made));
    shards_ = std::move(*made);
    oracle_ = std::make_unique<Oracle>(*shards_, clients);
    oracle_->Load();
    oracle_->Start();
  }
  // Where the clients' rows are afterwards, all of them, and no error.
  void ExpectAllOn(Side side) {
    oracle_->Stop();
    EXPECT_EQ(oracle_->errors(), 0) << oracle_->first_error();
    EXPECT_EQ(oracle_->Check(side), "");
    EXPECT_EQ(CountOf(*shards_, Peer(side), oracle_->ids()), "0");
    EXPECT_GT(oracle_->acknowledged(), 100);
    ExpectNothingLeft(*shards_);
  }

  std::unique_ptr<TwoShards> shards_;
  std::unique_ptr<Oracle> oracle_;
};

// behaviour-15
TEST_F(TypesTest, ThereAndBackInEveryWayUntilTheSourceIsMergedAway) {
  ASSERT_NO_FATAL_FAILURE(Make({}, {.clients = 2, .keys_per_client = 6}));
  const std::vector<std::string> keys = oracle_->ids();
  LocalOperator controller(*shards_, OfKeys(MigrationType::kMoveKeys, kFirst, kSecond, keys));
  ASSERT_EQ(controller.RunToEnd(), Phase::kCompleted) << controller.Why();
  EXPECT_EQ(controller.table().pins.size(), keys.size());
  EXPECT_EQ(CountOf(*shards_, Side::kSource, keys), "0");
  EXPECT_EQ(model::OwnerOfBound(controller.table(), "60"), kFirst) << "the range stayed";
  ExpectNothingLeft(*shards_);

  controller.Next("back", OfKeys(MigrationType::kMoveKeys, kSecond, kFirst, keys));
  ASSERT_EQ(controller.RunToEnd(), Phase::kCompleted) << controller.Why();
  EXPECT_TRUE(controller.table().pins.empty()) << "a pin to the range's own shard is none";
  EXPECT_EQ(CountOf(*shards_, Side::kDestination, keys), "0");

  model::ShardMigrationSpec split = OfRange(MigrationType::kSplit, kFirst, kSecond, {"40", "80"});
  split.soak = 10min;
  controller.Next("split", split);
  ASSERT_EQ(controller.RunUntil(Phase::kSoaking), Phase::kSoaking);
  controller.object().spec.rollback = true;
  ASSERT_EQ(controller.RunToEnd(), Phase::kRolledBack) << controller.Why();
  EXPECT_EQ(model::OwnerOfBound(controller.table(), "60"), kFirst);

  split.soak = 500ms;
  controller.Next("split-again", split);
  ASSERT_EQ(controller.RunToEnd(), Phase::kCompleted) << controller.Why();
  EXPECT_EQ(model::OwnerOfBound(controller.table(), "60"), kSecond);
  EXPECT_EQ(CountOf(*shards_, Side::kSource, keys), "0");

  controller.Next("move", OfRange(MigrationType::kMove, kSecond, kFirst, {"40", "80"}));
  ASSERT_EQ(controller.RunToEnd(), Phase::kCompleted) << controller.Why();

  controller.Next("merge", Spec(MigrationType::kMerge, kFirst, kSecond));
  ASSERT_EQ(controller.RunToEnd(), Phase::kCompleted) << controller.Why();
  controller.Settle();
  EXPECT_EQ(controller.table().ranges, (std::vector<model::OwnedRange>{{{"", ""}, kSecond}}))
      << "one range again";
  ASSERT_EQ(controller.table().shards.size(), 1U) << "the empty shard leaves the table";
  EXPECT_EQ(shards_->Sql(Side::kSource, "SELECT count(*) FROM customers"), "0");
  ExpectAllOn(Side::kDestination);
}

// behaviour-15
TEST_F(TypesTest, AHotKeyGetsAShardOfItsOwn) {
  ASSERT_NO_FATAL_FAILURE(
      Make({.tables_on_destination = false}, {.clients = 1, .keys_per_client = 1}));
  LocalOperator controller(*shards_, OfKeys(MigrationType::kIsolate, kFirst, {}, oracle_->ids()));
  controller.UseKeySpace({model::Strategy::kRange, model::KeyType::kBigint}, "20001");
  controller.MakeNewDestination({});
  ASSERT_EQ(controller.RunToEnd(), Phase::kCompleted) << controller.Why();
  EXPECT_EQ(model::OwnerOfKey(controller.table(), oracle_->ids().front()), kSecond);
  EXPECT_EQ(shards_->Sql(Side::kDestination, "SELECT count(*) FROM customers"), "1");
  ExpectAllOn(Side::kDestination);
}

TEST_F(TypesTest, KeysInTheirOwnOrderMoveToo) {
  ASSERT_NO_FATAL_FAILURE(Make({}, {.clients = 2, .isolation = "SERIALIZABLE"}));
  LocalOperator controller(*shards_, OfRange(MigrationType::kMove, kFirst, kSecond, {"", "20001"}));
  controller.UseKeySpace({model::Strategy::kRange, model::KeyType::kBigint}, "20001");
  ASSERT_EQ(controller.RunToEnd(), Phase::kCompleted) << controller.Why();
  EXPECT_EQ(shards_->Sql(Side::kSource, "SELECT count(*) FROM orders"), "0");
  ExpectAllOn(Side::kDestination);
}

}  // namespace
}  // namespace foreshard::migration
