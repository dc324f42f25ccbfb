#pragma once

#include <Eigen/Dense>
#include <array>
#include <string_view>
#include <vector>

#include "forecast/global_models.h"
#include "forecast/models/damped_ets.h"
#include "forecast/models/dshw.h"
#include "forecast/past.h"
#include "forecast/transform.h"

// The models of the hourly pool behind one table: everything from one origin, two days ahead.

namespace foreshard::forecast {

enum class HourlyModel : std::size_t {
  kA9Log,
  kA17Log,
  kA17,
  kA5Log,
  kCardPair,
  kDshw,
  kDshwLog,
  kHourOfWeek,
  kDayGrowth,
  kGlobalRidge,
  kGlobalRidgeLog,
  kDampedEts,
  kArma,
  kAdditive,
  kLstm,
  kA9,  // the last three are only in the reference rule of 13 models
  kA9LogDecay,
  kA24,
  kKernel,  // has no weight: it lifts upper quantiles where it foresees a spike
};
inline constexpr std::size_t kHourlyModels = 19;
inline constexpr std::array<std::string_view, kHourlyModels> kHourlyModelNames = {
    "A9log",    "A17log",       "A17",        "A5log",        "card-pair",        "dshw",
    "dshw-log", "hour-of-week", "day-growth", "global-ridge", "global-ridge-log", "damped-ets",
    "arma",     "additive",     "lstm",       "A9",           "A9log.dec",        "A24",
    "kernel"};

using HourlyMask = std::array<bool, kHourlyModels>;
HourlyMask ProductModels();    // 15
HourlyMask ReferenceModels();  // 13: without day growth, with the last three

// What one series carries from origin to origin.
struct HourlyWarmStart {
  DshwChoice dshw;
  DshwChoice dshw_log;
  EtsParameters ets;
  bool ets_known = false;
};

struct HourlyRules {
  HourlyMask wanted = ProductModels();
  bool reference_space = false;  // log, sqrt or linear by the minimum instead of log1p
  bool least_squares = false;
  bool without_log = false;
};

// Rows are steps, columns models; a model that is not wanted has zeros. Every forecast is clamped
// to [lo - 0.3 r, hi + 0.5 r] of the history, and to >= 0 where the history is. REQUIRES: past not
// empty.
Eigen::ArrayXXd ForecastHourly(const Past& past, int horizon, const HourlyRules& rules,
                               const GlobalModels* global, bool from_the_past,
                               HourlyWarmStart& warm);

// The clamp alone, in place.
void ClampToHistory(const Past& past, std::span<double> forecast);

}  // namespace foreshard::forecast
