#include <fmt/format.h>

#include "tests/contract/shard_contract.h"
#include "tests/integration/migration/two_shards.h"
#include "tests/support/needs.h"

namespace foreshard::contract {
namespace {

const support::Needs kNeeds({"postgres", "initdb", "psql"});

// Two PostgreSQL servers. No stream runs between them: what it would bring is written.
class RealShards final : public ShardWorld {
 public:
  explicit RealShards(std::unique_ptr<migration::TwoShards> shards)
      : shards_(std::move(shards)),
        spec_(shards_->Spec()),
        source_(shards_->Shard(spec_, migration::Side::kSource)),
        destination_(shards_->Shard(spec_, migration::Side::kDestination)) {}

  const migration::MigrationSpec& spec() const override { return spec_; }
  migration::Shard& source() override { return *source_; }
  migration::Shard& destination() override { return *destination_; }
  void BringSentinel(model::Attempt attempt) override {
    shards_->Sql(migration::Side::kDestination,
                 fmt::format("INSERT INTO foreshard.barrier VALUES ({}, '{}', 'cutover', {})",
                             spec_.number, spec_.source, attempt));
  }
  Deadline Soon() const override { return shards_->Soon(); }

 private:
  std::unique_ptr<migration::TwoShards> shards_;
  migration::MigrationSpec spec_;
  std::unique_ptr<migration::PgShard> source_;
  std::unique_ptr<migration::PgShard> destination_;
};

std::unique_ptr<ShardWorld> MakeReal() {
  auto shards = migration::TwoShards::Make();
  EXPECT_TRUE(shards.ok()) << (shards.ok() ? "" : shards.error().message);
  if (!shards) return nullptr;
  return std::make_unique<RealShards>(std::move(*shards));
}

INSTANTIATE_TEST_SUITE_P(PostgreSql, ShardContract,
                         testing::Values(ShardWorldFactory{"real", MakeReal}),
                         [](const auto& made) { return made.param.name; });

}  // namespace
}  // namespace foreshard::contract
