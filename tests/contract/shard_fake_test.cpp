#include "tests/contract/shard_contract.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_shard.h"
#include "tests/fakes/faulty_migration.h"

namespace foreshard::contract {
namespace {

migration::MigrationSpec SpecOfFakes() {
  migration::MigrationSpec spec;
  spec.name = "m";
  spec.uid = "uid-m";
  spec.number = {7};
  spec.source = {"s-aaaa"};
  spec.destination = {"s-bbbb"};
  spec.key_space = {model::Strategy::kRange, model::KeyType::kBigint};
  spec.range = {"4", "8"};
  spec.epoch = {12};
  return spec;
}

class FakeShards final : public ShardWorld {
 public:
  explicit FakeShards(bool wrapped)
      : source_(Make(migration::Side::kSource, source_server_, wrapped)),
        destination_(Make(migration::Side::kDestination, destination_server_, wrapped)) {}

  const migration::MigrationSpec& spec() const override { return spec_; }
  migration::Shard& source() override { return *source_; }
  migration::Shard& destination() override { return *destination_; }
  void BringSentinel(model::Attempt attempt) override {
    destination_server_.barriers.insert(
        {spec_.number.value, spec_.source.value, true, attempt.value});
  }
  Deadline Soon() const override { return Deadline::After(clock_, std::chrono::seconds(20)); }

 private:
  std::unique_ptr<migration::Shard> Make(migration::Side side, fakes::FakeServer& server,
                                         bool wrapped) {
    auto shard = std::make_unique<fakes::FakeShard>(spec_, side, server);
    if (!wrapped) return shard;
    return fakes::MakeFaultyShard(std::move(shard),
                                  [](std::string_view) { return fakes::CallFault::kNone; });
  }

  fakes::FakeClock clock_;
  fakes::FakeBugs bugs_;
  migration::MigrationSpec spec_ = SpecOfFakes();
  fakes::FakeServer source_server_{{"s-aaaa"}, bugs_};
  fakes::FakeServer destination_server_{{"s-bbbb"}, bugs_};
  std::unique_ptr<migration::Shard> source_;
  std::unique_ptr<migration::Shard> destination_;
};

INSTANTIATE_TEST_SUITE_P(
    Fake, ShardContract,
    testing::Values(ShardWorldFactory{"fake", [] { return std::make_unique<FakeShards>(false); }},
                    ShardWorldFactory{"faulty", [] { return std::make_unique<FakeShards>(true); }}),
    [](const auto& made) { return made.param.name; });

}  // namespace
}  // namespace foreshard::contract
