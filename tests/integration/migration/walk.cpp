#include "tests/integration/migration/walk.h"

#include <fmt/format.h>

#include "migration/predicate.h"
#include "migration/shard_objects.h"
#include "tests/support/wait.h"

namespace foreshard::migration {

model::ShardMigrationSpec SpecOfRange(MigrationType type, bool forward,
                                      std::chrono::milliseconds soak) {
  model::ShardMigrationSpec spec;
  spec.type = type;
  spec.source = {forward ? "s-aaaa" : "s-bbbb"};
  spec.destination = {forward ? "s-bbbb" : "s-aaaa"};
  spec.range = model::KeyRange{"40", "80"};
  spec.soak = soak;
  spec.approved = true;
  return spec;
}

std::string RowsOfK(const TwoShards& shards, Side side) {
  return shards.Sql(side, fmt::format("SELECT count(*) FROM orders WHERE {}",
                                      PredicateSql(shards.Spec(), "customer_id")));
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

void Walk::Make(const TwoShards::Options& options, const std::string& tables,
                const Oracle::Options& clients) {
  oracle_.reset();
  controller_.reset();
  auto made = TwoShards::Make(options);
  ASSERT_TRUE(support::Good(made));
  shards_ = std::move(*made);
  if (!tables.empty()) {
    shards_->Sql(Side::kSource, tables);
    if (options.tables_on_destination) shards_->Sql(Side::kDestination, tables);
  }
  first_owns_ = true;
  moves_ = 0;
  oracle_ = std::make_unique<Oracle>(*shards_, clients);
  oracle_->Load();
  oracle_->Start();
}

// The clients first: they use the shards.
void Walk::TearDown() {
  oracle_.reset();
  controller_.reset();
}

void Walk::Begin(std::chrono::milliseconds soak, MigrationType type) {
  const model::ShardMigrationSpec spec = SpecOfRange(type, first_owns_, soak);
  if (moves_++ == 0) {
    controller_ = std::make_unique<LocalOperator>(*shards_, spec);
  } else {
    controller_->Next(fmt::format("move-{}", moves_), spec);
  }
}

void Walk::HasMoved() { first_owns_ = !first_owns_; }

void Walk::ExpectAWholeEnd() {
  EXPECT_EQ(model::OwnerOfBound(controller_->table(), "60").value,
            first_owns_ ? "s-aaaa" : "s-bbbb");
  ExpectNothingLeft(*shards_);
  EXPECT_EQ(oracle_->errors(), 0) << oracle_->first_error();
}

void Walk::ExpectNothingLost(int acknowledged_min) {
  oracle_->Stop();
  EXPECT_EQ(oracle_->errors(), 0) << oracle_->first_error();
  EXPECT_EQ(oracle_->Check(owner()), "");
  EXPECT_GT(oracle_->acknowledged(), acknowledged_min);
}

}  // namespace foreshard::migration
