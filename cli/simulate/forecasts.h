#pragma once

#include <optional>
#include <vector>

#include "base/random.h"
#include "cli/simulate/world.h"
#include "forecast/forecaster.h"
#include "model/load.h"

// What the shipped forecaster says about every unit, bin by bin. A unit's demand does not depend on
// where it lives, so the strategies of one world share these.

namespace foreshard::simulate {

// Demand of one unit ahead; paths with equal index belong together.
struct UnitForecast {
  std::vector<std::vector<double>> paths{};  // [scenario][step - 1], bins
  std::vector<std::vector<double>> later{};  // the same in half-hours, up to a day; may be empty
  model::Trust trust{};
};

class Forecasts {
 public:
  Forecasts(const World& world, const Options& options);

  // Sees the bins up to `now`, which only grows, and forecasts from there.
  void Advance(std::size_t now);
  const UnitForecast& Of(std::size_t unit) const { return units_[unit]; }

 private:
  struct Models {
    std::optional<forecast::Fitted> fine;
    std::optional<forecast::Fitted> coarse;
  };

  forecast::Bin BinOf(std::size_t unit, std::size_t index) const;
  forecast::Bin CoarseBinOf(std::size_t unit, std::size_t index) const;
  forecast::Calendar CalendarOf(std::size_t unit, int bins_per_step) const;
  void Fit(std::size_t unit, std::size_t now);
  void Update(std::size_t unit, std::size_t now);

  const World& world_;
  const Options& options_;
  forecast::Options fine_;
  forecast::Options coarse_;
  std::size_t coarse_bins_ = 6;  // bins a half-hour
  Random random_{1};
  std::optional<std::size_t> seen_;
  std::vector<Models> models_;
  std::vector<UnitForecast> units_;
};

// The last value with the residuals of a random walk: no forecast at all, honest about its width.
UnitForecast LastValue(const World& world, const Options& options, std::size_t unit,
                       std::size_t now);
// The truth. Only for the strategy that is allowed to know it.
UnitForecast Truth(const World& world, const Options& options, std::size_t unit, std::size_t now);

}  // namespace foreshard::simulate
