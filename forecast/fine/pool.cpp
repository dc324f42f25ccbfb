#include "forecast/fine/pool.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "forecast/local_view.h"
#include "forecast/shared.h"

namespace foreshard::forecast {

namespace {

constexpr double kSettledDays = 1;  // scored forecasts until weights are the data's own
constexpr double kDriftSlack = 1;
constexpr double kDriftErrorMost = 3;  // a single spike is an outlier, not a drift
constexpr double kDriftSpeed = 4;
constexpr double kClampBelow = 0.3;
constexpr double kClampAbove = 0.5;
constexpr int kStaleBins = 2;
constexpr double kCapOfChild = 0.8;

double KeepFor(double half_life_bins) { return std::pow(0.5, 1 / std::max(1.0, half_life_bins)); }

double Ramp(double value, double full, double none) {
  return std::clamp((none - value) / (none - full), 0.0, 1.0);
}

CalibrationOptions CalibrationFrom(const Options& options) {
  return {.horizon = options.horizon_bins,
          .day = options.day_bins,
          .scale_keep = KeepFor(options.scale_half_life_days * options.day_bins),
          .residual_keep = KeepFor(options.residual_half_life_days * options.day_bins),
          .adaptive_rate = options.adaptive_rate};
}

}  // namespace

FinePool::FinePool(const Calendar& calendar, const Options& options, Series series)
    : options_(options),
      calendar_(calendar),
      anchors_(options.horizon_bins),
      combining_({.power = options.weight_power,
                  .keep = KeepFor(options.error_half_life_days * options.day_bins),
                  .settled_after = kSettledDays * options.day_bins,
                  .select_best = options.select_best,
                  .equal = options.equal_weights}),
      series_(std::move(series)),
      events_(calendar),
      plain_(series_),
      models_(options, anchors_),
      calibration_(CalibrationFrom(options), anchors_) {
  for (std::size_t a = 0; a < anchors_.size(); ++a)
    issued_[a].resize(static_cast<std::size_t>(anchors_[a]));
}

Result<std::unique_ptr<detail::State>> FinePool::Blank(const History& history,
                                                       const Calendar& calendar,
                                                       const Options& options,
                                                       const Shared* shared) {
  if (history.mean.size() != history.state.size()) {
    return Error::GiveUp(fmt::format("history has {} values and {} states", history.mean.size(),
                                     history.state.size()),
                         "BadDemand");
  }
  std::unique_ptr<FinePool> pool(
      new FinePool(calendar, options, Series::Empty(options, history.first)));
  for (std::size_t i = 0; i < history.mean.size(); ++i) {
    const Status taken = pool->Take({.at = history.first + static_cast<model::BinIndex>(i),
                                     .mean = history.mean[i],
                                     .state = history.state[i]});
    if (!taken) return taken.error();
  }
  pool->series_.Remeasure();
  pool->AskNetworkOf(shared, false);
  return std::unique_ptr<detail::State>(std::move(pool));
}

Result<std::unique_ptr<detail::State>> FinePool::Fit(const History& history,
                                                     const Calendar& calendar,
                                                     const Options& options, const Shared* shared,
                                                     Random& random) {
  const std::size_t replay =
      std::min(history.mean.size() * 2 / 3, static_cast<std::size_t>(options.replay_days) *
                                                static_cast<std::size_t>(options.day_bins));
  const std::size_t known = history.mean.size() - replay;
  History before = history;
  before.mean.resize(known);
  before.peak.resize(std::min(known, before.peak.size()));
  before.state.resize(std::min(known, before.state.size()));
  Result<std::unique_ptr<detail::State>> pool = Blank(before, calendar, options, shared);
  if (!pool) return pool;
  // In the replay the network must not have seen what it is judged on.
  auto* fine = static_cast<FinePool*>(pool->get());
  fine->AskNetworkOf(shared, true);
  const Status first = (*pool)->Refit(nullptr, random);
  if (!first) return first.error();
  for (std::size_t i = known; i < history.mean.size(); ++i) {
    if ((*pool)->RefitDue()) {
      const Status again = (*pool)->Refit(nullptr, random);
      if (!again) return again.error();
    }
    const Status learned = (*pool)->Update({.at = history.first + static_cast<model::BinIndex>(i),
                                            .mean = history.mean[i],
                                            .state = history.state[i]});
    if (!learned) return learned.error();
  }
  const Status last = (*pool)->Refit(shared, random);
  if (!last) return last.error();
  return pool;
}

void FinePool::AskNetworkOf(const Shared* shared, bool before_the_replay) {
  if (shared == nullptr) return;
  models_.set_profiles(shared->global()->profiles);
  models_.set_lstm(before_the_replay ? shared->global()->old_lstm : shared->global()->lstm);
}

double FinePool::Speed() const {
  return alarmed_ && series_.last() - alarm_at_ < options_.day_bins ? kDriftSpeed : 1;
}

Status FinePool::Update(const Bin& bin) {
  const Status taken = Take(bin);
  if (!taken) return taken;
  const Past past = series_.View();
  if (past.size() == 0) return Ok();
  if (series_.gap_bins() == 0) LearnFrom(past);
  calibration_.MaturePath(past);
  const auto since_alarm = static_cast<double>(series_.last() - alarm_at_);
  calibration_.set_wider(alarmed_ ? std::max(0.0, 1 - since_alarm / options_.day_bins) : 0);
  Issue(past);
  return Ok();
}

// Forecasts made anchors_[a] bins ago for this bin have matured.
void FinePool::LearnFrom(const Past& past) {
  const double y = newest_raw_;
  const double speed = Speed();
  const double keep = std::pow(combining_.keep, speed);
  for (std::size_t a = 0; a < anchors_.size(); ++a) {
    const auto slot = static_cast<std::size_t>(past.last % anchors_[a]);
    Issued& issued = issued_[a][slot];
    if (!issued.valid) continue;
    combination_[a].Learn(issued.models, y, keep);
    CompareNearEvent(a, issued, y);
    calibration_.Learn(a, issued, y, speed);
    if (a == 0 && issued.scale > 0) LearnDrift((y - issued.median) / issued.scale);
  }
}

void FinePool::LearnDrift(double scaled_error) {
  if (options_.drift_alarm <= 0) return;
  const double error = std::clamp(scaled_error, -kDriftErrorMost, kDriftErrorMost);
  up_ = std::max(0.0, up_ + error - kDriftSlack);
  down_ = std::max(0.0, down_ - error - kDriftSlack);
  if (std::max(up_, down_) < options_.drift_alarm) return;
  up_ = down_ = 0;
  const bool again = alarmed_ && series_.last() - alarm_at_ < options_.day_bins;
  if (again) return;  // Half-lives are short and the fan is wide already.
  ++counts_.drift_alarms;
  alarmed_ = true;
  alarm_at_ = series_.last();
}

std::array<ModelRow, kAnchorsMax> FinePool::AllWeights(const Past& past) const {
  const std::array<bool, kFineModels> eligible = models_.Eligible(past);
  std::array<ModelRow, kAnchorsMax> weights;
  for (std::size_t a = 0; a < anchors_.size(); ++a)
    weights[a] = combination_[a].Weights(eligible, combining_);
  return weights;
}

// All models; after a clock change twice, see local_view.h.
void FinePool::AskAtAnchors(const Past& past, std::span<ModelRow> rows) const {
  models_.AtAnchors(past, rows);
  const LocalView local(past, calendar_, options_.bin);
  if (!local.differs()) return;
  std::array<ModelRow, kAnchorsMax> moved;
  models_.AtAnchors(local.past(), moved);
  for (std::size_t a = 0; a < anchors_.size(); ++a) {
    for (std::size_t m = 0; m < kFineModels; ++m)
      rows[a][m] += local.share() * (moved[a][m] - rows[a][m]);
  }
}

void FinePool::AskAlong(const Past& past, int bins, ModelPath& path) const {
  models_.Along(past, bins, path);
  const LocalView local(past, calendar_, options_.bin);
  if (!local.differs()) return;
  ModelPath moved;
  models_.Along(local.past(), bins, moved);
  for (std::size_t i = 0; i < static_cast<std::size_t>(bins); ++i) {
    for (std::size_t m = 0; m < kFineModels; ++m)
      path.step[i][m] += local.share() * (moved.step[i][m] - path.step[i][m]);
  }
}

double FinePool::Median(const ModelRow& weights, const ModelRow& forecasts) const {
  const double range = series_.most() - series_.least();
  const double low = std::max(0.0, series_.least() - kClampBelow * range);
  return std::clamp(Dot(weights, forecasts), low, series_.most() + kClampAbove * range);
}

void FinePool::Issue(const Past& past) {
  std::array<ModelRow, kAnchorsMax> forecasts;
  AskAtAnchors(past, forecasts);
  const std::array<ModelRow, kAnchorsMax> weights = AllWeights(past);
  for (std::size_t a = 0; a < anchors_.size(); ++a) {
    Issued& issued = issued_[a][static_cast<std::size_t>(past.last % anchors_[a])];
    issued.valid = true;
    // As it will be compared: with the effect of events, so that a model that adapts by itself is
    // not charged for what the event's estimate got wrong.
    const double lift = std::exp(events_.At(past.last + anchors_[a]).mean);
    for (std::size_t m = 0; m < kFineModels; ++m) issued.models[m] = forecasts[a][m] * lift;
    issued.median = Median(weights[a], forecasts[a]) * lift;
    issued.scale = calibration_.Scale(anchors_[a], issued.median, series_.typical());
    calibration_.Spread(anchors_[a], issued.median, issued.scale,
                        series_.most() * std::max(1.0, lift), issued.quantiles);
    issued.near_event = false;
  }
  if (!events_.empty()) IssueNearEvent(weights);
  if (!calibration_.StartsPath(past.last)) return;
  std::array<double, kHorizonMax> median;
  std::array<double, kHorizonMax> scale;
  const auto horizon = static_cast<std::size_t>(options_.horizon_bins);
  MedianPath(past, options_.horizon_bins, median, scale);
  calibration_.StartPath(past.last, std::span(median).first(horizon),
                         std::span(scale).first(horizon));
}

void FinePool::MedianPath(const Past& past, int bins, std::span<double> median,
                          std::span<double> scale) const {
  ModelPath path;
  AskAlong(past, bins, path);
  const std::array<ModelRow, kAnchorsMax> weights = AllWeights(past);
  for (int step = 1; step <= bins; ++step) {
    const auto i = static_cast<std::size_t>(step - 1);
    const Anchors::Place place = anchors_.PlaceOf(step);
    ModelRow mixed;
    for (std::size_t k = 0; k < kFineModels; ++k) {
      mixed[k] = (1 - place.share) * weights[place.low][k] + place.share * weights[place.high][k];
    }
    median[i] = Median(mixed, path.step[i]);
    scale[i] = calibration_.Scale(step, median[i], series_.typical());
  }
}

void FinePool::Forecast(int bins, model::Fan& fan) const {
  const auto count = static_cast<std::size_t>(bins);
  fan.bin = options_.bin;
  fan.origin = series_.last();
  fan.steps.resize(count);
  fan.scale.resize(count);
  const Past past = series_.View();
  if (past.size() == 0) {
    for (model::Quantiles& step : fan.steps) step.fill(0);
    std::fill(fan.scale.begin(), fan.scale.end(), 0.0);
    fan.windows.clear();
    return;
  }
  double lifted = 1;  // events may lift the cap
  std::array<double, kHorizonMax> median;
  MedianPath(past, bins, median, fan.scale);
  for (std::size_t i = 0; i < count; ++i) {
    calibration_.Spread(static_cast<int>(i) + 1, median[i], fan.scale[i], series_.most(),
                        fan.steps[i]);
    if (events_.empty()) continue;
    const EventBook::Effect effect = events_.At(fan.origin + static_cast<model::BinIndex>(i) + 1);
    EventBook::Apply(effect, fan.steps[i]);
    fan.scale[i] *= std::exp(effect.mean);
    lifted = std::max(lifted, std::exp(effect.mean));
  }
  if (!events_.empty()) MixInPlain(fan);
  calibration_.Windows(fan, series_.most() * lifted);
}

model::Scenarios FinePool::Draw(int bins) const {
  model::Fan fan;
  const Past past = series_.View();
  if (!events_.empty() || past.size() == 0) {
    Forecast(bins, fan);
    return calibration_.Draw(fan);
  }
  // Paths need the medians and scales only: the other quantiles cost several times as much.
  const auto count = static_cast<std::size_t>(bins);
  fan.origin = series_.last();
  fan.steps.resize(count);
  fan.scale.resize(count);
  std::array<double, kHorizonMax> median;
  MedianPath(past, bins, median, fan.scale);
  for (std::size_t i = 0; i < count; ++i) fan.steps[i][model::kMedian] = median[i];
  return calibration_.Draw(fan);
}

// Absolute error as a share of the typical level: fully trusted at or below the first, not at all
// for it from the second.
constexpr double kTrustedError = 0.05;
constexpr double kDistrustedError = 0.15;

model::Trust FinePool::Score() const {
  model::Trust trust;
  trust.history = series_.View().size() >= 2 * options_.day_bins ? 1 : 0;
  trust.data = series_.GoodShare(options_.day_bins);
  double ours = 0;
  double naive = 0;
  double inside = 0;
  for (std::size_t a = 0; a < anchors_.size(); ++a) {
    const AnchorCalibration& anchor = calibration_.anchor(a);
    ours += anchor.skill_error;
    naive += std::min(anchor.last_error, anchor.day_error);
    inside += anchor.inside_weight > 0 ? anchor.inside90 / anchor.inside_weight : 0;
  }
  const double tiny = 1e-9 * (series_.typical() + 1e-300);
  trust.skill = ours <= tiny ? 1 : Ramp(ours / std::max(naive, tiny), 0.8, 1.1);
  // Where yesterday repeats itself no model can beat it; a small error is trusted whoever else has
  // it (docs/adr/0005).
  const double relative =
      ours / static_cast<double>(anchors_.size()) / (series_.typical() + 1e-300);
  trust.skill = std::max(trust.skill, Ramp(relative, kTrustedError, kDistrustedError));
  trust.coverage = Ramp(std::abs(inside / static_cast<double>(anchors_.size()) - 0.9), 0.05, 0.20);
  if (ours <= tiny) trust.coverage = 1;  // Never wrong: being always inside is right.
  trust.drift = alarmed_ && series_.last() - alarm_at_ < options_.day_bins ? 0.5 : 1;
  trust.freshness = series_.gap_bins() <= kStaleBins ? 1 : 0;
  if (born_at_ >= 0 && series_.last() - born_at_ < options_.day_bins) trust.cap = kCapOfChild;
  return trust;
}

std::vector<StepReport> FinePool::Explain() const {
  std::vector<StepReport> reports;
  const Past past = series_.View();
  if (past.size() == 0) return reports;
  std::array<ModelRow, kAnchorsMax> forecasts;
  AskAtAnchors(past, forecasts);
  const std::array<ModelRow, kAnchorsMax> weights = AllWeights(past);
  for (std::size_t a = 0; a < anchors_.size(); ++a) {
    const AnchorCalibration& anchor = calibration_.anchor(a);
    const double norm = anchor.inside_weight > 0 ? anchor.inside_weight : 1;
    const double lift = std::exp(events_.At(past.last + anchors_[a]).mean);
    StepReport& report = reports.emplace_back();
    report.step = anchors_[a];
    report.ensemble_error = anchor.MeanError();
    report.best_naive_error =
        anchor.error_weight > 0
            ? std::min(anchor.last_error, anchor.day_error) / anchor.error_weight
            : 0;
    report.coverage90 = anchor.inside90 / norm;
    report.scored = static_cast<std::int64_t>(anchor.scored);
    for (std::size_t k = 0; k < kFineModels; ++k) {
      report.models.push_back({.name = kFineModelNames[k],
                               .weight = weights[a][k],
                               .recent_error = combination_[a].error(k),
                               .forecast = forecasts[a][k] * lift});
    }
  }
  return reports;
}

void FinePool::Inherit(std::span<const Parent> parents) {
  born_at_ = series_.last();
  for (const Parent& parent : parents) {
    const auto* other = dynamic_cast<const FinePool*>(&parent.fitted->state());
    if (other == nullptr || other->options_.horizon_bins != options_.horizon_bins) continue;
    for (std::size_t a = 0; a < anchors_.size(); ++a)
      combination_[a].Blend(other->combination_[a], parent.share, parent.share);
    calibration_.Blend(other->calibration_, parent.share, parent.share);
    events_.Adopt(other->events_);
  }
}

}  // namespace foreshard::forecast
