#include <algorithm>

#include "base/random.h"
#include "tests/contract/key_owner_contract.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_router.h"

namespace foreshard::contract {
namespace {

constexpr int kKey = 0;
constexpr fakes::KeyMask kMoving = 0x0f;  // with all below 4
constexpr int kStepsMax = 10'000;

std::string Id(int shard) { return shard == 0 ? "s-0" : "s-1"; }

class FakeKeyOwners final : public KeyOwnerWorld {
 public:
  FakeKeyOwners() { Publish(0, false); }

  void SetRange(int shard, const Range& range) override {
    Server(shard).ranges[range.number] = {
        .row = {.owner = {Id(range.owner)}, .epoch = {range.epoch}, .leased = range.leased},
        .keys = range.without_key ? kMoving & ~(fakes::KeyMask{1} << kKey) : kMoving,
        .settled = range.settled};
  }
  void SetRow(int shard, std::optional<std::int64_t> value) override {
    Server(shard).rows.erase(kKey);
    if (value) Server(shard).rows[kKey] = *value;
  }
  void SetGate(int shard, int number, bool open) override {
    fakes::FakeMigration& migration = Server(shard).migrations[number];
    migration.keys = kMoving;
    migration.gate_triggers = true;
    Server(shard).gates.erase(number);
    if (open) Server(shard).gates.insert(number);
  }
  void Publish(int moving, bool pinned) override {
    model::RoutingTable table{.shard_set_name = "set",
                              .epoch = {1},
                              .key_space = {model::Strategy::kRange, model::KeyType::kBigint},
                              .ranges = {{{"", "4"}, {Id(0)}}, {{"4", ""}, {Id(1)}}},
                              .pins = {},
                              .shards = {{{Id(0)}, "a", "a"}, {{Id(1)}, "b", "b"}},
                              .moving = {}};
    if (moving != 0) {
      table.moving = {{.migration = "m", .number = {moving}, .range = {"", "4"}, .keys = {}}};
    }
    if (pinned) {
      table.pins = {{std::to_string(kKey), {Id(0)}}};
      table.epoch = {2};
    }
    router_.Offer(table, ++generation_);
  }
  void EndSessions(int shard) override { Server(shard).connected_routers.clear(); }

  void Begin(Kind kind) override {
    reply_.reset();
    kind_ = kind;
    refused_before_ = router_.refused_total();
    router_.Submit({.id = ++statements_, .key = kKey, .write = kind == Kind::kWrite});
  }
  void AwaitRefusals(int times) override {
    for (int left = kStepsMax; left > 0 && router_.refused_total() - refused_before_ < times;
         --left) {
      Step();
    }
    EXPECT_GE(router_.refused_total() - refused_before_, times);
    EXPECT_FALSE(reply_.has_value());
  }
  std::int64_t Answer() override {
    for (int left = kStepsMax; left > 0 && !reply_; --left) Step();
    if (!reply_ || reply_->failed) {
      ADD_FAILURE() << "the statement is not answered";
      return -1;
    }
    if (kind_ == Kind::kRead) return reply_->value;
    return reply_->value < 0 ? 0 : 1;
  }

 private:
  fakes::FakeServer& Server(int shard) { return shard == 0 ? first_ : second_; }
  void Step() {
    if (const auto reply = router_.Step(random_)) reply_ = reply;
  }

  fakes::FakeClock clock_;
  fakes::FakeBugs bugs_;
  fakes::FakeRouterBugs router_bugs_;
  Random random_{7};
  fakes::FakeServer first_{{Id(0)}, bugs_};
  fakes::FakeServer second_{{Id(1)}, bugs_};
  std::map<std::string, fakes::FakeServer*> servers_{{Id(0), &first_}, {Id(1), &second_}};
  fakes::FakeRouter router_{"router-1", servers_, clock_, router_bugs_};
  std::int64_t generation_ = 0;
  std::int64_t statements_ = 0;
  std::int64_t refused_before_ = 0;
  Kind kind_ = Kind::kRead;
  std::optional<fakes::FakeReply> reply_;
};

INSTANTIATE_TEST_SUITE_P(Fake, KeyOwnerContract,
                         testing::Values(KeyOwnerFactory{
                             "fake", [] { return std::make_unique<FakeKeyOwners>(); }}),
                         [](const auto& made) { return made.param.name; });

}  // namespace
}  // namespace foreshard::contract
