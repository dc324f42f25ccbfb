#include "kube/kinds.h"
#include "tests/contract/kube_api_contract.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_kube_api.h"
#include "tests/fakes/faulty_kube_api.h"

namespace foreshard::contract {
namespace {

using fakes::KubeCall;
using fakes::KubeFault;

class FaultyWorld final : public KubeApiWorld {
 public:
  kube::KubeApi& api() override { return faulty_; }
  const Clock& clock() override { return clock_; }
  std::string name_space() override { return "shop"; }
  std::string ForgottenVersion() override {
    const std::string version = std::to_string(std::stoll(inner_.resource_version()) - 1);
    inner_.Compact();
    return version;
  }

 private:
  fakes::FakeClock clock_;
  fakes::FakeKubeApi inner_{clock_};
  fakes::FaultyKubeApi faulty_{inner_, [](const KubeCall&) { return KubeFault::kNone; }};
};

INSTANTIATE_TEST_SUITE_P(Faulty, KubeApiContract,
                         testing::Values(KubeApiWorldFactory{
                             "faulty", [] { return std::make_unique<FaultyWorld>(); }}),
                         [](const auto& world) { return world.param.name; });

class FaultyKube : public testing::Test {
 protected:
  Result<kube::Object> Create() {
    return api_.Create(kube::kConfigMaps, ref_,
                       R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"settings"}})",
                       soon_);
  }
  bool IsThere() { return inner_.Get(kube::kConfigMaps, ref_, soon_)->has_value(); }

  KubeFault next_ = KubeFault::kNone;
  fakes::FakeClock clock_;
  fakes::FakeKubeApi inner_{clock_};
  fakes::FaultyKubeApi api_{
      inner_, [this](const KubeCall&) { return std::exchange(next_, KubeFault::kNone); }};
  kube::ObjectRef ref_{"shop", "settings"};
  Deadline soon_ = Deadline::After(clock_, std::chrono::seconds(1));
};

TEST_F(FaultyKube, FailsBeforeTheEffect) {
  next_ = KubeFault::kFailBefore;
  EXPECT_EQ(Create().error().kind, Error::Kind::kRetry);
  EXPECT_FALSE(IsThere());
}

TEST_F(FaultyKube, FailsAfterTheEffect) {
  next_ = KubeFault::kFailAfter;
  EXPECT_EQ(Create().error().kind, Error::Kind::kReobserve);
  EXPECT_TRUE(IsThere());
}

TEST_F(FaultyKube, ConflictsWithoutEffect) {
  next_ = KubeFault::kConflict;
  EXPECT_EQ(Create().error().code, "409");
  EXPECT_FALSE(IsThere());
}

TEST_F(FaultyKube, AnswersAsOfTheLastTime) {
  EXPECT_FALSE(api_.Get(kube::kConfigMaps, ref_, soon_)->has_value());
  ASSERT_TRUE(Create());
  next_ = KubeFault::kStale;
  EXPECT_FALSE(api_.Get(kube::kConfigMaps, ref_, soon_)->has_value());
  EXPECT_TRUE(api_.Get(kube::kConfigMaps, ref_, soon_)->has_value());
}

TEST_F(FaultyKube, LosesTheVersionOfAWatch) {
  next_ = KubeFault::kStale;
  const Status ended = api_.Watch(kube::kConfigMaps, {.resource_version = "100"},
                                  [](const kube::WatchEvent&) { return true; }, {});
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, "410");
}

}  // namespace
}  // namespace foreshard::contract
