#include "cli/forecast/evaluate.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <map>
#include <mutex>
#include <optional>

#include "cli/forecast/parallel.h"
#include "forecast/shared.h"

namespace foreshard::cli {

namespace {

constexpr double kOfficialSmape = 18.383;  // Naive2 of M4 hourly, as published
constexpr double kOfficialMase = 2.395;
constexpr int kOriginDays = 9;  // the earliest past origin lies this many days before the newest
constexpr int kDaysPerWeek = 7;

// Absolute time does not exist in M4; every series ends at the end of the same day.
forecast::History ToHistory(const std::vector<double>& values, int season) {
  constexpr model::BinIndex kEndDay = 7 * 2600;  // any Sunday far enough from zero
  forecast::History history;
  history.bin = std::chrono::seconds(24 * 3600 / season);
  history.first = kEndDay * season - static_cast<model::BinIndex>(values.size());
  history.mean = values;
  history.peak = values;
  history.state.assign(values.size(), model::BinState::kGood);
  return history;
}

forecast::Options OptionsFor(const EvaluateOptions& options) {
  forecast::Options wanted = options.forecast;
  wanted.pool = forecast::Pool::kHourly;
  wanted.bin = std::chrono::seconds(24 * 3600 / options.season);
  wanted.day_bins = options.season;
  wanted.week_bins = kDaysPerWeek * options.season;
  wanted.horizon_bins = options.horizon;
  wanted.kept_days = 400;
  wanted.only_models = options.models;
  return wanted;
}

struct Sums {
  double smape = 0;
  double mase = 0;
};

class Scorer {
 public:
  Scorer(std::size_t series, int season) : series_(static_cast<double>(series)), season_(season) {}

  void Add(const std::vector<double>& train, const std::vector<double>& actual,
           const model::Fan& fan, const std::vector<forecast::StepReport>& models) {
    const double q = MaseScale(train, season_);
    std::vector<double> median;
    for (const model::Quantiles& step : fan.steps) median.push_back(step[model::kMedian]);
    ensemble_.smape += Smape(actual, median) / series_;
    ensemble_.mase += Mae(actual, median) / q / series_;
    Intervals(actual, fan, q);
    for (std::size_t m = 0; m < models.front().models.size(); ++m) {
      std::vector<double> path;
      for (const forecast::StepReport& step : models) path.push_back(step.models[m].forecast);
      const std::string name(models.front().models[m].name);
      if (by_model_.count(name) == 0) order_.push_back(name);
      by_model_[name].smape += Smape(actual, path) / series_;
      by_model_[name].mase += Mae(actual, path) / q / series_;
    }
    const std::vector<double> naive =
        Naive2Forecast(train, season_, static_cast<int>(actual.size()));
    naive_.smape += Smape(actual, naive) / series_;
    naive_.mase += Mae(actual, naive) / q / series_;
  }

  EvaluateReport Report(bool official) const {
    EvaluateReport report{.series = static_cast<std::size_t>(series_),
                          .smape = ensemble_.smape,
                          .mase = ensemble_.mase,
                          .msis = msis_ / series_,
                          .coverage95 = steps_ > 0 ? inside_ / steps_ : 0,
                          .wql = total_ > 0 ? loss_ / kDeciles / total_ : 0,
                          .naive2_official = official,
                          .naive2_smape = official ? kOfficialSmape : naive_.smape,
                          .naive2_mase = official ? kOfficialMase : naive_.mase,
                          .models = {}};
    const auto owa = [&report](const Sums& sums) {
      const double smape = report.naive2_smape > 0 ? sums.smape / report.naive2_smape : 0;
      const double mase = report.naive2_mase > 0 ? sums.mase / report.naive2_mase : 0;
      return (smape + mase) / 2;
    };
    report.owa = owa(ensemble_);
    for (const std::string& name : order_) {
      const Sums& sums = by_model_.at(name);
      report.models.push_back(
          {.name = name, .smape = sums.smape, .mase = sums.mase, .owa = owa(sums)});
    }
    return report;
  }

 private:
  static constexpr double kDeciles = 9;

  static double Mae(const std::vector<double>& actual, const std::vector<double>& forecast) {
    double sum = 0;
    for (std::size_t h = 0; h < actual.size(); ++h) sum += std::abs(actual[h] - forecast[h]);
    return sum / static_cast<double>(actual.size());
  }

  void Intervals(const std::vector<double>& actual, const model::Fan& fan, double q) {
    double sum = 0;
    for (std::size_t h = 0; h < actual.size(); ++h) {
      const double low = model::Quantile(fan.steps[h], 0.025);
      const double high = model::Quantile(fan.steps[h], 0.975);
      const double y = actual[h];
      sum += (high - low) + 40 * std::max(0.0, low - y) + 40 * std::max(0.0, y - high);
      inside_ += y >= low && y <= high ? 1 : 0;
      steps_ += 1;
      total_ += std::abs(y);
      for (int decile = 1; decile <= 9; ++decile) {
        const double level = decile / 10.0;
        const double off = y - model::Quantile(fan.steps[h], level);
        loss_ += 2 * std::max(level * off, (level - 1) * off);
      }
    }
    msis_ += sum / static_cast<double>(actual.size()) / q;
  }

  double series_;
  int season_;
  Sums ensemble_;
  Sums naive_;
  std::map<std::string, Sums> by_model_;
  std::vector<std::string> order_;
  double msis_ = 0;
  double inside_ = 0;
  double steps_ = 0;
  double loss_ = 0;
  double total_ = 0;
};

bool LooksLikeM4Hourly(const std::vector<NamedSeries>& train, const EvaluateOptions& options) {
  if (train.size() != 414 || options.season != 24 || options.horizon != 48) return false;
  std::map<std::string, std::size_t> lengths;
  for (const NamedSeries& series : train) lengths[series.id] = series.values.size();
  for (int i = 1; i <= 414; ++i) {
    const auto found = lengths.find(fmt::format("H{}", i));
    if (found == lengths.end() || (found->second != 700 && found->second != 960)) return false;
  }
  return true;
}

}  // namespace

double Smape(const std::vector<double>& actual, const std::vector<double>& forecast) {
  double sum = 0;
  for (std::size_t h = 0; h < actual.size(); ++h) {
    const double size = std::abs(actual[h]) + std::abs(forecast[h]);
    if (size > 0) sum += 200 * std::abs(actual[h] - forecast[h]) / size;
  }
  return sum / static_cast<double>(actual.size());
}

double MaseScale(const std::vector<double>& values, int season) {
  const auto lag = static_cast<std::size_t>(season);
  if (values.size() <= lag) return 0;
  double sum = 0;
  for (std::size_t t = lag; t < values.size(); ++t) sum += std::abs(values[t] - values[t - lag]);
  return sum / static_cast<double>(values.size() - lag);
}

Status HoldOut(std::vector<NamedSeries>& train, std::vector<std::vector<double>>& test,
               std::size_t holdout, std::size_t horizon) {
  if (holdout < horizon) {
    return Error::GiveUp(fmt::format("holdout {} is shorter than the horizon {}", holdout, horizon),
                         "BadUsage");
  }
  test.clear();
  for (NamedSeries& series : train) {
    if (series.values.size() <= holdout) {
      return Error::GiveUp(fmt::format("{} has {} values; holding out {} leaves nothing", series.id,
                                       series.values.size(), holdout),
                           "BadInput");
    }
    const auto begin = series.values.end() - static_cast<std::ptrdiff_t>(holdout);
    test.emplace_back(begin, begin + static_cast<std::ptrdiff_t>(horizon));
    series.values.erase(begin, series.values.end());
  }
  return Ok();
}

Result<EvaluateReport> Evaluate(const std::vector<NamedSeries>& train,
                                const std::vector<std::vector<double>>& test,
                                const EvaluateOptions& options) {
  const forecast::Options wanted = OptionsFor(options);
  std::vector<forecast::History> histories;
  for (const NamedSeries& series : train) {
    if (MaseScale(series.values, options.season) <= 0) {
      return Error::GiveUp(
          fmt::format("{} has no seasonal difference to scale errors with", series.id), "BadInput");
    }
    histories.push_back(ToHistory(series.values, options.season));
  }
  const int leave_out = options.horizon + kOriginDays * options.season;
  const auto run = [&options](const std::vector<std::function<void()>>& tasks) {
    InParallel(tasks.size(), options.threads, [&tasks](std::size_t i) { tasks[i](); });
  };
  Result<forecast::Shared> shared = forecast::Shared::Train(histories, wanted, leave_out, run);
  if (!shared) return shared.error();

  std::vector<std::optional<Result<forecast::Fitted>>> results(train.size());
  std::atomic<std::size_t> done{0};
  std::mutex reporting;
  InParallel(train.size(), options.threads, [&](std::size_t i) {
    Random random(options.seed + i);
    results[i] = Fit(histories[i], {}, wanted, &*shared, random);
    const std::size_t now = ++done;
    const std::lock_guard<std::mutex> lock(reporting);
    if (options.progress) options.progress(now, train.size());
  });
  std::vector<forecast::Fitted> fitted;
  for (std::size_t i = 0; i < train.size(); ++i) {
    if (!results[i]->ok())
      return Error::GiveUp(fmt::format("{}: {}", train[i].id, results[i]->error().message),
                           "BadInput");
    fitted.push_back(**std::move(results[i]));
  }
  shared->Pool(fitted);

  Scorer scorer(train.size(), options.season);
  Random random(options.seed);
  for (std::size_t i = 0; i < train.size(); ++i) {
    Result<forecast::Fitted> pooled = Refit(std::move(fitted[i]), &*shared, random);
    if (!pooled) return pooled.error();
    scorer.Add(train[i].values, test[i], Forecast(*pooled, {}), Explain(*pooled));
  }
  const bool official = options.naive2 == Naive2::kOfficial ||
                        (options.naive2 == Naive2::kAuto && LooksLikeM4Hourly(train, options));
  return scorer.Report(official);
}

}  // namespace foreshard::cli
