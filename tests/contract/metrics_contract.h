#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "operator/metrics/metrics.h"

// What we rely on of a Prometheus. The same claims hold for the fake and for the real one.

namespace foreshard::contract {

// A source with a gauge `contract_value{shard="s-a"}` that is 1 at `begin()`, 2 five seconds later
// and so on, one sample every 5 s for `kSamples`, but none for 60 s from sample kGap on; and
// {shard="s-b"} that is always 7.
class MetricsWorld {
 public:
  static constexpr int kSamples = 400;
  static constexpr int kGap = 200;
  static constexpr int kGapSamples = 12;

  virtual ~MetricsWorld() = default;
  virtual op::Metrics& metrics() = 0;
  virtual const Clock& clock() = 0;
  virtual double begin() = 0;    // Unix seconds, a multiple of 5
  virtual void Disappear() = 0;  // nothing answers any more
};

struct MetricsWorldFactory {
  std::string name;
  std::function<std::unique_ptr<MetricsWorld>()> make;
};

class MetricsContract : public testing::TestWithParam<MetricsWorldFactory> {
 protected:
  void SetUp() override { world_ = GetParam().make(); }
  Result<std::vector<op::MetricSeries>> Ask(int first_sample, int last_sample,
                                            std::chrono::seconds step = std::chrono::seconds(5)) {
    return world_->metrics().QueryRange({.expression = "last_over_time(contract_value[4s])",
                                         .start_seconds = world_->begin() + 5.0 * first_sample,
                                         .end_seconds = world_->begin() + 5.0 * last_sample,
                                         .step = step},
                                        Deadline::After(world_->clock(), std::chrono::seconds(20)));
  }

  std::unique_ptr<MetricsWorld> world_;
};

}  // namespace foreshard::contract
