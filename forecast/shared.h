#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "forecast/forecaster.h"
#include "forecast/tasks.h"

// What the series of a set share: the global models and the pooled residuals. Immutable once made;
// any number of threads may read it.

namespace foreshard::forecast {

struct GlobalModels;

// Quantiles of scaled errors over all series, one row a step; empty: nothing pooled yet.
using PooledErrors = std::vector<model::Quantiles>;

class Shared {
 public:
  Shared();
  ~Shared();
  Shared(Shared&&) noexcept;
  Shared& operator=(Shared&&) noexcept;

  // Fits the global models (the fine pool has only the network, the hourly one also the ridge):
  // once on everything, for forecasts from now, and once on histories cut `leave_out` bins before
  // their ends, for the past origins that give the weights: there a model must not have seen what
  // it is judged on. Errors: kGiveUp for a history that is refused, when training exploded or was
  // stopped.
  static Result<Shared> Train(std::span<const History> histories, const Options& options,
                              int leave_out, const Executor& run = OneByOne,
                              const StopAsked& stop = NeverStop);

  // The errors that fitted series made at their past origins, pooled over steps h +- 2.
  void Pool(std::span<const Fitted> series);

  const GlobalModels* global() const { return global_.get(); }
  const PooledErrors& pooled() const { return pooled_; }

  // Global weights with a version and a checksum. Errors: kGiveUp for damage or another version.
  std::string Serialize() const;
  static Result<Shared> Parse(std::string_view bytes);

 private:
  std::unique_ptr<GlobalModels> global_;
  PooledErrors pooled_;
};

}  // namespace foreshard::forecast
