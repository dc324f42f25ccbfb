#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include "migration/mover_work.h"
#include "tests/integration/migration/walk.h"
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

class TypesTest : public Walk {
 protected:
  // Where the clients' rows are afterwards, all of them, and no error.
  void ExpectAllOn(Side side) {
    oracle_->Stop();
    EXPECT_EQ(oracle_->errors(), 0) << oracle_->first_error();
    EXPECT_EQ(oracle_->Check(side), "");
    EXPECT_EQ(CountOf(*shards_, Peer(side), oracle_->ids()), "0");
    EXPECT_GT(oracle_->acknowledged(), 100);
    ExpectNothingLeft(*shards_);
  }
};

// behaviour-15
TEST_F(TypesTest, ThereAndBackInEveryWayUntilTheSourceIsMergedAway) {
  ASSERT_NO_FATAL_FAILURE(Make({}, {}, {.clients = 2, .keys_per_client = 6}));
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
      Make({.tables_on_destination = false}, {}, {.clients = 1, .keys_per_client = 1}));
  LocalOperator controller(*shards_, OfKeys(MigrationType::kIsolate, kFirst, {}, oracle_->ids()));
  controller.UseKeySpace({model::Strategy::kRange, model::KeyType::kBigint}, "20001");
  controller.MakeNewDestination({});
  ASSERT_EQ(controller.RunToEnd(), Phase::kCompleted) << controller.Why();
  EXPECT_EQ(model::OwnerOfKey(controller.table(), oracle_->ids().front()), kSecond);
  EXPECT_EQ(shards_->Sql(Side::kDestination, "SELECT count(*) FROM customers"), "1");
  ExpectAllOn(Side::kDestination);
}

TEST_F(TypesTest, KeysInTheirOwnOrderMoveToo) {
  ASSERT_NO_FATAL_FAILURE(Make({}, {}, {.clients = 2, .isolation = "SERIALIZABLE"}));
  LocalOperator controller(*shards_, OfRange(MigrationType::kMove, kFirst, kSecond, {"", "20001"}));
  controller.UseKeySpace({model::Strategy::kRange, model::KeyType::kBigint}, "20001");
  ASSERT_EQ(controller.RunToEnd(), Phase::kCompleted) << controller.Why();
  EXPECT_EQ(shards_->Sql(Side::kSource, "SELECT count(*) FROM orders"), "0");
  ExpectAllOn(Side::kDestination);
}

// As many as a migration may name: the predicate stands in triggers, row filters and each statement
// of copy and digest.
TEST_F(TypesTest, AThousandKeysMoveThereAndBack) {
  ASSERT_NO_FATAL_FAILURE(Make({}, {}, {.clients = 2, .keys_per_client = 500}));
  const std::vector<std::string> keys = oracle_->ids();
  ASSERT_EQ(keys.size(), 1000U);
  LocalOperator controller(*shards_, OfKeys(MigrationType::kMoveKeys, kFirst, kSecond, keys));
  ASSERT_EQ(controller.RunToEnd(), Phase::kCompleted) << controller.Why();
  EXPECT_EQ(controller.table().pins.size(), 1000U);
  EXPECT_EQ(CountOf(*shards_, Side::kSource, keys), "0");
  EXPECT_EQ(CountOf(*shards_, Side::kDestination, keys), "1000");
  EXPECT_EQ(shards_->Sql(Side::kDestination, "SELECT count(*) FROM customers"), "1000")
      << "nothing but the keys";
  ExpectNothingLeft(*shards_);
  controller.Next("back", OfKeys(MigrationType::kMoveKeys, kSecond, kFirst, keys));
  ASSERT_EQ(controller.RunToEnd(), Phase::kCompleted) << controller.Why();
  EXPECT_TRUE(controller.table().pins.empty());
  ExpectAllOn(Side::kSource);
}

// Keys of type uuid, hashed and in their own order; every row compared by the test itself.
TEST_F(TypesTest, UuidKeysMoveThereAndBack) {
  auto made = TwoShards::Make();
  ASSERT_TRUE(Good(made));
  shards_ = std::move(*made);
  for (const Side side : {Side::kSource, Side::kDestination}) {
    shards_->Sql(
        side,
        "SET ROLE app; DROP TABLE orders, customers; CREATE TABLE customers (id uuid PRIMARY "
        "KEY, name text); CREATE TABLE orders (customer_id uuid NOT NULL REFERENCES customers, "
        "id bigint, pad text, PRIMARY KEY (customer_id, id))");
  }
  for (const model::Strategy strategy : {model::Strategy::kHash, model::Strategy::kRange}) {
    const bool hash = strategy == model::Strategy::kHash;
    const std::string middle = hash ? "80" : "80000000-0000-0000-0000-000000000000";
    const std::string owned =
        hash ? "uuid_hash_extended(id, 0) < 0" : fmt::format("id < '{}'::uuid", middle);
    shards_->Sql(
        Side::kSource,
        fmt::format("INSERT INTO customers SELECT id, 'n' || n FROM (SELECT n, md5('{}' || "
                    "n)::uuid AS id FROM generate_series(1, 4000) n) x WHERE {}; INSERT INTO "
                    "orders SELECT id, 1, repeat('x', 200) FROM customers",
                    middle, owned));
    const auto digest = [&](Side side) {
      return shards_->Sql(
          side,
          "SELECT count(*) || ' ' || coalesce(sum(hashtextextended(o::text, 0)::numeric "
          "+ hashtextextended(c::text, 0)::numeric), 0) FROM orders o JOIN customers c ON "
          "c.id = o.customer_id");
    };
    const std::string all = digest(Side::kSource);
    LocalOperator controller(*shards_,
                             OfRange(MigrationType::kMove, kFirst, kSecond, {"", middle}));
    controller.UseKeySpace({strategy, model::KeyType::kUuid}, middle);
    bool written = false;
    controller.after_pass = [&] {  // after the snapshot: what only the stream can bring
      if (written || controller.phase() != Phase::kCatchingUp) return;
      written = true;
      shards_->Sql(Side::kSource,
                   "UPDATE orders SET pad = 'y' WHERE get_byte(uuid_send(customer_id), 15) < 9");
    };
    ASSERT_EQ(controller.RunToEnd(), Phase::kCompleted) << controller.Why();
    EXPECT_TRUE(written);
    EXPECT_NE(digest(Side::kDestination), all);
    EXPECT_EQ(digest(Side::kDestination).substr(0, 4), all.substr(0, 4)) << "as many rows";
    EXPECT_EQ(digest(Side::kSource), "0 0");
    const std::string moved = digest(Side::kDestination);
    controller.after_pass = {};
    controller.Next("back", OfRange(MigrationType::kMove, kSecond, kFirst, {"", middle}));
    ASSERT_EQ(controller.RunToEnd(), Phase::kCompleted) << controller.Why();
    EXPECT_EQ(digest(Side::kSource), moved);
    EXPECT_EQ(digest(Side::kDestination), "0 0");
    ExpectNothingLeft(*shards_);
    shards_->Sql(Side::kSource, "DELETE FROM orders; DELETE FROM customers");
  }
}

}  // namespace
}  // namespace foreshard::migration
