#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <span>
#include <vector>

#include "forecast/bytes.h"
#include "forecast/forecaster.h"

// What a pool of models keeps about one series. The door (forecaster.h) holds one of these by
// value.

namespace foreshard::forecast::detail {

// Whether a state that was read says anything at all.
inline bool IsFinite(const model::Fan& fan) {
  const auto finite = [](double quantile) { return std::isfinite(quantile); };
  return std::all_of(fan.steps.begin(), fan.steps.end(), [&finite](const model::Quantiles& step) {
    return std::all_of(step.begin(), step.end(), finite);
  });
}

class State {
 public:
  virtual ~State() = default;
  virtual std::unique_ptr<State> Clone() const = 0;

  virtual model::BinIndex last() const = 0;
  virtual const Options& options() const = 0;
  virtual Status Update(const Bin& bin) = 0;
  virtual bool RefitDue() const = 0;
  virtual Status Refit(const Shared* shared, Random& random) = 0;

  virtual void Forecast(int bins, model::Fan& fan) const = 0;
  virtual model::Scenarios Draw(int bins) const = 0;
  virtual model::Trust Score() const = 0;
  virtual std::vector<StepReport> Explain() const = 0;
  virtual Counts Count() const = 0;

  virtual void Inherit(std::span<const Parent> parents) = 0;
  virtual void Save(ByteWriter& out) const = 0;
  virtual Status Load(ByteReader& in) = 0;
};

}  // namespace foreshard::forecast::detail
