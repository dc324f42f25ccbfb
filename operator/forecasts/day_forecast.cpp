#include "operator/forecasts/day_forecast.h"

#include <algorithm>

#include "base/check.h"

namespace foreshard::op {

namespace {

constexpr int kStepsMost = 48;
constexpr int kStepsLeast = 8;  // fewer say nothing of when a peak comes

bool IsData(model::BinState state) {
  return state == model::BinState::kGood || state == model::BinState::kInterpolated;
}

forecast::Options InSteps(const forecast::Options& bins, int step_bins) {
  forecast::Options options = bins;
  options.bin = bins.bin * step_bins;
  options.day_bins = bins.day_bins / step_bins;
  options.week_bins = bins.week_bins / step_bins;
  options.horizon_bins = options.day_bins;
  return options;
}

model::BinIndex Up(model::BinIndex bin, int step_bins) { return (bin + step_bins - 1) / step_bins; }

}  // namespace

int DayStepBins(int day_bins, int week_bins) {
  for (int step = std::max(1, day_bins / kStepsMost); day_bins / step >= kStepsLeast; ++step) {
    if (day_bins % step == 0 && week_bins % step == 0 && day_bins / step <= kStepsMost) return step;
  }
  return 0;
}

model::DemandSeries InSteps(const model::DemandSeries& series, int step_bins) {
  CHECK(step_bins > 0, "a step of no bins");
  model::DemandSeries steps;
  steps.bin = series.bin * step_bins;
  steps.first = Up(series.first, step_bins);
  const model::BinIndex end = (series.last() + 1) / step_bins;  // of whole steps
  for (model::BinIndex step = steps.first; step < end; ++step) {
    double sum = 0;
    int known = 0;
    for (model::BinIndex bin = step * step_bins; bin < (step + 1) * step_bins; ++bin) {
      const auto i = static_cast<std::size_t>(bin - series.first);
      if (!IsData(series.state[i])) continue;
      sum += series.mean[i];
      ++known;
    }
    const bool good = 2 * known > step_bins;
    steps.mean.push_back(good ? sum / known : 0);
    steps.peak.push_back(steps.mean.back());
    steps.state.push_back(good ? model::BinState::kGood : model::BinState::kMissing);
  }
  return steps;
}

forecast::Calendar InSteps(const forecast::Calendar& calendar, int step_bins) {
  forecast::Calendar steps = calendar;
  for (forecast::OffsetChange& change : steps.offsets) change.since /= step_bins;
  for (forecast::Event& event : steps.events) {
    for (forecast::Occurrence& one : event.occurrences) {
      one.start /= step_bins;
      one.before /= step_bins;
      one.plateau = std::max(1, one.plateau / step_bins);
      one.after /= step_bins;
    }
  }
  return steps;
}

void DayForecast::Follow(const model::DemandSeries& series, const forecast::Calendar& calendar,
                         const forecast::Options& options, bool anew, Budget& budget) {
  const int step_bins = DayStepBins(options.day_bins, options.week_bins);
  if (step_bins == 0) return;
  const model::BinIndex newest = (series.last() + 1) / step_bins - 1;
  if (!anew && fitted_ && fitted_->last() == newest) return;
  const model::DemandSeries steps = InSteps(series, step_bins);
  steps_.clear();
  if (steps.mean.empty()) {
    fitted_.reset();
    return;
  }
  const bool continues =
      !anew && fitted_ && fitted_->last() >= steps.first && fitted_->last() <= steps.last();
  if (continues) {
    Append(steps, budget);
  } else {
    Fit(steps, InSteps(calendar, step_bins), InSteps(options, step_bins));
  }
  if (fitted_ && forecast::Score(*fitted_).history > 0)
    steps_ = forecast::Forecast(*fitted_, {}).steps;
}

void DayForecast::Fit(const model::DemandSeries& steps, const forecast::Calendar& calendar,
                      const forecast::Options& options) {
  Random random(1);  // the same metrics give the same forecast after a restart
  Result<forecast::Fitted> fitted = forecast::Fit(steps, calendar, options, nullptr, random);
  fitted_.reset();
  if (fitted) fitted_ = *std::move(fitted);
}

void DayForecast::Append(const model::DemandSeries& steps, Budget& budget) {
  for (model::BinIndex at = fitted_->last() + 1; at <= steps.last(); ++at) {
    const auto i = static_cast<std::size_t>(at - steps.first);
    Result<forecast::Fitted> next = forecast::Update(
        *std::move(fitted_),
        {.at = at, .mean = steps.mean[i], .peak = steps.peak[i], .state = steps.state[i]});
    fitted_.reset();
    if (!next) return;
    fitted_ = *std::move(next);
  }
  if (budget.refits <= 0 || !forecast::RefitDue(*fitted_)) return;
  --budget.refits;
  Random random(1);
  Result<forecast::Fitted> refitted = forecast::Refit(*fitted_, nullptr, random);
  if (refitted) fitted_ = *std::move(refitted);
}

}  // namespace foreshard::op
