#include <cmath>

#include "tests/contract/metrics_contract.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_metrics.h"

namespace foreshard::contract {
namespace {

class FakeWorld final : public MetricsWorld {
 public:
  FakeWorld() {
    const auto there = [this](double time) {
      return time >= begin() - 0.5 && time < begin() + 5.0 * kSamples;
    };
    metrics_.Answer(
        "contract_value",
        {{{{"__name__", "contract_value"}, {"shard", "s-a"}},
          [this, there](double time) {
            const double index = std::round((time - begin()) / 5);
            return there(time) && (index < kGap || index >= kGap + kGapSamples) ? index + 1 : NAN;
          }},
         {{{"__name__", "contract_value"}, {"shard", "s-b"}},
          [there](double time) { return there(time) ? 7 : NAN; }}});
  }
  op::Metrics& metrics() override { return metrics_; }
  const Clock& clock() override { return clock_; }
  double begin() override { return 1'700'000'000; }
  void Disappear() override { metrics_.Break("refused"); }

 private:
  fakes::FakeClock clock_;
  fakes::FakeMetrics metrics_;
};

INSTANTIATE_TEST_SUITE_P(Fake, MetricsContract,
                         testing::Values(MetricsWorldFactory{
                             "fake", [] { return std::make_unique<FakeWorld>(); }}),
                         [](const auto& world) { return world.param.name; });

}  // namespace
}  // namespace foreshard::contract
