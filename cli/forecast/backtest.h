#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "forecast/forecaster.h"
#include "model/load.h"

// Replay of one trace: at every bin of the test part, how far off was the forecast made a horizon
// before?

namespace foreshard::cli {

struct BacktestOptions {
  std::chrono::seconds horizon{3600};
  std::chrono::seconds train{
      0};  // 0: 8 days for traces under 28 days, 28 under 60, 40 under 120, else 56
  std::chrono::seconds day{24 * 3600};
  std::chrono::seconds week{168 * 3600};  // 0: none
  forecast::Calendar calendar;
  forecast::Options forecast;  // ablations; grid and seasons are filled in here
  std::uint64_t seed = 1;
};

struct Accuracy {
  std::string name;
  double mre = 0;  // mean |y - f| / y in percent over test bins with y > 5 % of the test mean
  double nd = 0;   // 100 sum |y - f| / sum |y|
};

inline constexpr std::array<int, 5> kCoverageLevels = {50, 80, 90, 95, 99};

struct BacktestReport {
  std::size_t bins = 0;
  std::size_t test_bins = 0;
  std::chrono::seconds bin{0};
  int horizon_bins = 0;
  std::vector<Accuracy> results{};  // last, day-1, week-1, spar, the models of the pool, ensemble
  std::array<double, kCoverageLevels.size()>
      coverage{};            // percent, central intervals of the ensemble
  double quantile_loss = 0;  // mean over kLevels, relative to sum |y|
  // For the plot: one row a test bin.
  struct Row {
    model::BinIndex at = 0;
    double actual = 0;
    double ensemble = 0;
    model::Quantiles quantiles{};
  };
  std::vector<Row> rows{};
};

// Errors: kGiveUp when the trace is too short for its training part, or the forecast refuses an
// option.
Result<BacktestReport> Backtest(const model::DemandSeries& series, const BacktestOptions& options);

std::chrono::seconds TrainingPart(std::chrono::seconds trace);

}  // namespace foreshard::cli
