#include <algorithm>

#include "base/random.h"
#include "tests/contract/router_control_contract.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_router.h"

namespace foreshard::contract {
namespace {

class FakeRouters final : public RouterWorld {
 public:
  FakeRouters() {
    for (int key = 0; key < fakes::kFakeKeys; ++key) {
      (key < 4 ? first_ : second_).rows[key] = 1;
    }
    awake_.Offer(Table(kKnown), 1);
    silent_.Offer(Table(kKnown), 1);
    silent_.deaf = true;
  }

  op::RouterControl& control() override { return control_; }
  std::string awake() const override { return awake_.name(); }
  std::string silent() const override { return silent_.name(); }
  model::RoutingTable Table(std::int64_t epoch) const override {
    return {.shard_set_name = "set",
            .epoch = {epoch},
            .key_space = {model::Strategy::kRange, model::KeyType::kBigint},
            .ranges = {{{"", "4"}, {"s-aaaa"}}, {{"4", ""}, {"s-bbbb"}}},
            .pins = {},
            .shards = {{{"s-aaaa"}, "a", "a"}, {{"s-bbbb"}, "b", "b"}},
            .moving = {}};
  }

  int Write(const std::string& key) override {
    awake_.Submit({.id = ++writes_, .key = std::stoi(key), .write = true});
    return static_cast<int>(writes_);
  }
  bool IsAnswered(int write) override {
    return std::find(answered_.begin(), answered_.end(), write) != answered_.end();
  }
  void BeginTransaction(const std::string& key) override {
    Write(key);
    while (first_.transactions.empty() && second_.transactions.empty()) Step();
  }
  void EndTransaction() override {
    const auto last = static_cast<int>(writes_);
    EXPECT_TRUE(Await([&] { return IsAnswered(last); }));
  }
  bool Await(const std::function<bool()>& look) override {
    for (int millis = 0; millis < 20'000; ++millis) {
      if (look()) return true;
      Step();
      clock_.Advance(std::chrono::milliseconds(1));
    }
    return look();
  }
  Deadline Soon() const override { return Deadline::After(clock_, std::chrono::seconds(20)); }

 private:
  void Step() {
    if (const auto reply = awake_.Step(random_); reply && !reply->failed)
      answered_.push_back(static_cast<int>(reply->statement));
  }

  fakes::FakeClock clock_;
  fakes::FakeBugs bugs_;
  fakes::FakeRouterBugs router_bugs_;
  Random random_{7};
  fakes::FakeServer first_{{"s-aaaa"}, bugs_};
  fakes::FakeServer second_{{"s-bbbb"}, bugs_};
  std::map<std::string, fakes::FakeServer*> servers_{{"s-aaaa", &first_}, {"s-bbbb", &second_}};
  fakes::FakeRouter awake_{"router-1", servers_, clock_, router_bugs_};
  fakes::FakeRouter silent_{"router-2", servers_, clock_, router_bugs_};
  fakes::FakeRouterControl control_{{&awake_, &silent_}, clock_};
  std::int64_t writes_ = 0;
  std::vector<int> answered_;
};

INSTANTIATE_TEST_SUITE_P(Fake, RouterControlContract,
                         testing::Values(RouterWorldFactory{
                             "fake", [] { return std::make_unique<FakeRouters>(); }}),
                         [](const auto& made) { return made.param.name; });

}  // namespace
}  // namespace foreshard::contract
