#include "cli/forecast/backtest.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "forecast/baseline.h"
#include "forecast/shared.h"

namespace foreshard::cli {

namespace {

constexpr double kScoredAbove = 0.05;  // MRE leaves out bins under this share of the test mean
constexpr std::int64_t kDaySeconds = 24 * 3600;

struct Outcome {
  model::BinIndex at = 0;
  double actual = 0;
  std::map<std::string, double> forecasts{};
  model::Quantiles quantiles{};
};

model::DemandSeries Prefix(const model::DemandSeries& series, std::size_t bins) {
  model::DemandSeries prefix = series;
  prefix.mean.resize(bins);
  prefix.peak.resize(bins);
  prefix.state.resize(bins);
  return prefix;
}

forecast::Options OptionsFor(const model::DemandSeries& series, const BacktestOptions& options) {
  forecast::Options wanted = options.forecast;
  wanted.bin = series.bin;
  wanted.day_bins = static_cast<int>(options.day / series.bin);
  wanted.week_bins = static_cast<int>(options.week / series.bin);
  wanted.horizon_bins = std::max(1, static_cast<int>(options.horizon / series.bin));
  wanted.kept_days = 400;
  return wanted;
}

class Run {
 public:
  Run(const model::DemandSeries& series, const BacktestOptions& options, std::size_t train)
      : series_(series),
        options_(OptionsFor(series, options)),
        calendar_(options.calendar),
        train_(train),
        random_(options.seed),
        baseline_({.day_bins = options_.day_bins,
                   .week_bins = options_.week_bins,
                   .step = options_.horizon_bins,
                   .train_bins = static_cast<int>(train)}) {}

  Status Play() {
    const auto horizon = static_cast<std::size_t>(options_.horizon_bins);
    // The first scored forecast is the one for the first test bin.
    const std::size_t first_origin = train_ - std::min(train_, horizon);
    const model::DemandSeries known = Prefix(series_, first_origin + 1);
    const Result<forecast::Shared> shared = forecast::Shared::Train(
        std::span(&known, 1), options_, options_.replay_days * options_.day_bins);
    if (!shared) return shared.error();
    Result<forecast::Fitted> fitted = Fit(known, calendar_, options_, &*shared, random_);
    if (!fitted) return fitted.error();
    forecast::Fitted state = *std::move(fitted);
    for (std::size_t origin = first_origin; origin + horizon < series_.mean.size(); ++origin) {
      if (origin > first_origin) {
        const Status moved = Advance(state, origin);
        if (!moved) return moved;
      }
      const std::size_t target = origin + horizon;
      if (target >= train_ && series_.state[target] == model::BinState::kGood)
        Note(state, origin, target);
    }
    return Ok();
  }

  const std::vector<Outcome>& outcomes() const { return outcomes_; }
  const std::vector<std::string>& names() const { return names_; }
  const forecast::Options& options() const { return options_; }

 private:
  Status Advance(forecast::Fitted& state, std::size_t origin) {
    if (RefitDue(state)) {
      Result<forecast::Fitted> again = Refit(std::move(state), nullptr, random_);
      if (!again) return again.error();
      state = *std::move(again);
    }
    Result<forecast::Fitted> next =
        Update(std::move(state), {.at = series_.first + static_cast<model::BinIndex>(origin),
                                  .mean = series_.mean[origin],
                                  .peak = series_.peak[origin],
                                  .state = series_.state[origin]});
    if (!next) return next.error();
    state = *std::move(next);
    return Ok();
  }

  void Note(const forecast::Fitted& state, std::size_t origin, std::size_t target) {
    Outcome outcome{.at = series_.first + static_cast<model::BinIndex>(target),
                    .actual = series_.mean[target]};
    const std::span<const double> known(series_.mean.data(), origin + 1);
    for (const forecast::NamedForecast& naive : baseline_.Forecast(known, series_.state)) {
      Put(outcome, std::string(naive.name), naive.value);
    }
    ForecastInto(state, {}, fan_);
    outcome.quantiles = fan_.steps.back();
    const std::vector<forecast::StepReport> explained = Explain(state);
    for (const forecast::ModelReport& model : explained.back().models) {
      if (outcome.forecasts.count(std::string(model.name)) == 0)
        Put(outcome, std::string(model.name), model.forecast);
    }
    Put(outcome, "ensemble", fan_.steps.back()[model::kMedian]);
    outcomes_.push_back(std::move(outcome));
  }

  void Put(Outcome& outcome, const std::string& name, double value) {
    outcome.forecasts[name] = value;
    if (outcomes_.empty()) names_.push_back(name);
  }

  const model::DemandSeries& series_;
  forecast::Options options_;
  forecast::Calendar calendar_;
  std::size_t train_;
  Random random_;
  forecast::Baseline baseline_;
  model::Fan fan_;
  std::vector<Outcome> outcomes_;
  std::vector<std::string> names_;
};

Accuracy AccuracyOf(const std::string& name, const std::vector<Outcome>& outcomes, double mean) {
  double relative = 0;
  double counted = 0;
  double error = 0;
  double total = 0;
  for (const Outcome& outcome : outcomes) {
    const double off = std::abs(outcome.actual - outcome.forecasts.at(name));
    error += off;
    total += std::abs(outcome.actual);
    if (outcome.actual > kScoredAbove * mean) {
      relative += off / outcome.actual;
      counted += 1;
    }
  }
  return {.name = name,
          .mre = counted > 0 ? 100 * relative / counted : 0,
          .nd = total > 0 ? 100 * error / total : 0};
}

double CoverageOf(const std::vector<Outcome>& outcomes, int percent) {
  const double tail = (1 - percent / 100.0) / 2;
  double inside = 0;
  for (const Outcome& outcome : outcomes) {
    const double low = model::Quantile(outcome.quantiles, tail);
    const double high = model::Quantile(outcome.quantiles, 1 - tail);
    if (outcome.actual >= low && outcome.actual <= high) inside += 1;
  }
  return 100 * inside / static_cast<double>(outcomes.size());
}

double QuantileLoss(const std::vector<Outcome>& outcomes) {
  double loss = 0;
  double total = 0;
  for (const Outcome& outcome : outcomes) {
    total += std::abs(outcome.actual);
    for (std::size_t i = 0; i < model::kFanLevels; ++i) {
      const double off = outcome.actual - outcome.quantiles[i];
      loss +=
          2 * std::max(model::kLevels[i] * off, (model::kLevels[i] - 1) * off) / model::kFanLevels;
    }
  }
  return total > 0 ? loss / total : 0;
}

}  // namespace

std::chrono::seconds TrainingPart(std::chrono::seconds trace) {
  const std::int64_t days = trace.count() / kDaySeconds;
  const std::int64_t train = days < 28 ? 8 : days < 60 ? 28 : days < 120 ? 40 : 56;
  return std::chrono::seconds(train * kDaySeconds);
}

Result<BacktestReport> Backtest(const model::DemandSeries& series, const BacktestOptions& options) {
  const std::chrono::seconds length = series.bin * static_cast<std::int64_t>(series.mean.size());
  const std::chrono::seconds train =
      options.train.count() > 0 ? options.train : TrainingPart(length);
  const auto train_bins = static_cast<std::size_t>(train / series.bin);
  if (train_bins < 2 || train_bins >= series.mean.size()) {
    return Error::GiveUp(
        fmt::format(
            "the trace has {} bins of {} s; training needs {} and the test at least one more",
            series.mean.size(), series.bin.count(), train_bins),
        "BadInput");
  }
  Run run(series, options, train_bins);
  const Status played = run.Play();
  if (!played) return played.error();
  if (run.outcomes().empty()) return Error::GiveUp("the test part has no known bin", "BadInput");

  BacktestReport report{
      .bins = series.mean.size(), .test_bins = run.outcomes().size(), .bin = series.bin};
  report.horizon_bins = run.options().horizon_bins;
  double mean = 0;
  for (const Outcome& outcome : run.outcomes())
    mean += outcome.actual / static_cast<double>(run.outcomes().size());
  for (const std::string& name : run.names())
    report.results.push_back(AccuracyOf(name, run.outcomes(), mean));
  for (std::size_t i = 0; i < kCoverageLevels.size(); ++i) {
    report.coverage[i] = CoverageOf(run.outcomes(), kCoverageLevels[i]);
  }
  report.quantile_loss = QuantileLoss(run.outcomes());
  for (const Outcome& outcome : run.outcomes()) {
    report.rows.push_back({.at = outcome.at,
                           .actual = outcome.actual,
                           .ensemble = outcome.forecasts.at("ensemble"),
                           .quantiles = outcome.quantiles});
  }
  return report;
}

}  // namespace foreshard::cli
