#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/forecast/m4.h"
#include "forecast/forecaster.h"

// Forecasts of many series at once, scored as the M4 competition scores.

namespace foreshard::cli {

enum class Naive2 { kAuto, kOfficial, kCompute };

struct EvaluateOptions {
  int season = 24;
  int horizon = 48;
  Naive2 naive2 = Naive2::kAuto;
  int threads = 1;
  std::uint64_t seed = 1;
  std::vector<std::string> models;  // empty: all of the pool
  forecast::Options forecast;       // ablations; seasons and horizon are filled in here
  std::function<void(std::size_t done, std::size_t of)> progress;  // may be empty
};

struct ModelScore {
  std::string name;
  double smape = 0;
  double mase = 0;
  double owa = 0;
};

struct EvaluateReport {
  std::size_t series = 0;
  double smape = 0;
  double mase = 0;
  double owa = 0;
  double msis = 0;
  double coverage95 = 0;
  double wql = 0;
  bool naive2_official = false;
  double naive2_smape = 0;
  double naive2_mase = 0;
  std::vector<ModelScore> models;
};

// `test[i]` are the values after `train[i]`. Errors: kGiveUp for a series that the forecaster
// refuses or one without a seasonal difference.
Result<EvaluateReport> Evaluate(const std::vector<NamedSeries>& train,
                                const std::vector<std::vector<double>>& test,
                                const EvaluateOptions& options);

// Cuts the test part off: the `horizon` values that start `holdout` before each end; training stops
// there. Errors: kGiveUp for a series that is too short, or a holdout under the horizon.
Status HoldOut(std::vector<NamedSeries>& train, std::vector<std::vector<double>>& test,
               std::size_t holdout, std::size_t horizon);

// The M4 benchmark: seasonally adjusted last value, or the last value where no season is seen.
std::vector<double> Naive2Forecast(const std::vector<double>& values, int season, int horizon);

double Smape(const std::vector<double>& actual, const std::vector<double>& forecast);
// Mean absolute seasonal difference of the training part.
double MaseScale(const std::vector<double>& values, int season);

}  // namespace foreshard::cli
