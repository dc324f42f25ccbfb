#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "forecast/forecaster.h"
#include "model/load.h"

// The end of one trace: what comes next, how far to believe it, and who says so.

namespace foreshard::cli {

struct PredictOptions {
  std::chrono::seconds horizon{2 * 3600};
  std::chrono::seconds day{24 * 3600};
  std::chrono::seconds week{168 * 3600};  // 0: none
  forecast::Calendar calendar;
  forecast::Options forecast;  // grid and seasons are filled in here
  std::uint64_t seed = 1;
  std::optional<double> threshold{};  // how likely is more than this?
};

struct Prediction {
  model::Fan fan;
  model::Trust trust;
  std::vector<forecast::StepReport> steps;  // who says what, at the steps that are learned
  model::DemandSeries recent;               // the last two days
  std::vector<double> peak_time;            // P(the peak falls on that step); empty: not known yet
  std::optional<double> threshold{};        // as asked
  std::string note;  // why a saved state was not used; empty: it was, or there was none
};

// The fitted state of a trace and the network trained on it, as bytes with a checksum. Errors:
// kGiveUp from the forecaster.
Result<std::string> FitState(const model::DemandSeries& series, const PredictOptions& options);

// `state` is what FitState() made of a prefix of the series; the bins after it are learned one by
// one. Empty, damaged or of another series: everything is fitted anew, and the note says why.
Result<Prediction> Predict(const model::DemandSeries& series, const PredictOptions& options,
                           std::string_view state);

// "2026-05-01T09:10:00Z" of the beginning of a bin.
std::string TimeOf(model::BinIndex at, std::chrono::seconds bin);

std::string PredictJson(const Prediction& prediction);
std::string PredictTable(const Prediction& prediction);
std::string ExplainJson(const Prediction& prediction);
std::string ExplainTable(const Prediction& prediction);

// The fan for the eye: recent bins, bands of 50, 80 and 98 %, median, each model at the steps that
// are learned, and announced events.
std::string PredictSvg(const Prediction& prediction, const forecast::Calendar& calendar);

}  // namespace foreshard::cli
