#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "model/load.h"

// What we are compared with: last, day-1, week-1 and SPAR, exactly as published. A thing of its
// own, so that it does not improve by accident when the pool does.
//
// SPAR: n = 7 if the training part is at least 14 days, else 3; m = 6 at 5-minute bins, 2 at 30, 3
// hourly; refitted weekly.

namespace foreshard::forecast {

struct BaselineOptions {
  int day_bins = 288;
  int week_bins = 2016;
  int step = 12;       // bins ahead
  int train_bins = 0;  // length of the training part
};

struct NamedForecast {
  std::string_view name;
  double value = 0;
};

class Spar;

class Baseline {
 public:
  explicit Baseline(const BaselineOptions& options);
  ~Baseline();

  // Forecasts from the end of `known`; call with growing prefixes. `states` covers at least
  // `known`; a missing bin is bridged by the value before it.
  std::array<NamedForecast, 4> Forecast(std::span<const double> known,
                                        std::span<const model::BinState> states);

 private:
  BaselineOptions options_;
  std::vector<double> filled_;
  std::vector<std::uint8_t> usable_;
  std::size_t fitted_at_ = 0;
  std::unique_ptr<Spar> spar_;
};

}  // namespace foreshard::forecast
