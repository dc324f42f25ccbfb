#include "forecast/hourly/pool.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "forecast/local_view.h"
#include "forecast/models/naive.h"

namespace foreshard::forecast {

namespace {

constexpr std::size_t kOriginsMax = 10;
constexpr int kStaleBins = 2;
constexpr double kCapOverMost = 3;
constexpr double kCapOfChild = 0.8;
constexpr double kSpikeOverMedian = 1.5;
constexpr int kBucketsPerDay = 3;

double Ramp(double value, double full, double none) {
  return std::clamp((none - value) / (none - full), 0.0, 1.0);
}

double SeasonalNaiveError(const Past& past) {
  double sum = 0;
  for (int i = past.day; i < past.size(); ++i) sum += std::abs(past[i] - past[i - past.day]);
  return past.size() > past.day ? sum / (past.size() - past.day) : 0;
}

HourlyMask WantedModels(const Options& options) {
  HourlyMask mask = options.only_models.empty() ? ProductModels() : HourlyMask{};
  for (std::size_t m = 0; m < kHourlyModels; ++m) {
    const auto& only = options.only_models;
    if (std::find(only.begin(), only.end(), kHourlyModelNames[m]) != only.end()) mask[m] = true;
  }
  for (std::size_t m = 0; m < kHourlyModels; ++m) {
    const auto& without = options.without_models;
    if (std::find(without.begin(), without.end(), kHourlyModelNames[m]) != without.end())
      mask[m] = false;
  }
  if (options.without_ratio_models) mask[static_cast<std::size_t>(HourlyModel::kDayGrowth)] = false;
  if (std::none_of(mask.begin(), mask.end(), [](bool wanted) { return wanted; })) {
    mask[static_cast<std::size_t>(HourlyModel::kDayGrowth)] = true;
  }
  return mask;
}

}  // namespace

HourlyPool::HourlyPool(const Calendar& calendar, const Options& options, Series series)
    : options_(options), calendar_(calendar), series_(std::move(series)) {
  rules_.wanted = WantedModels(options);
  rules_.reference_space = options.reference_rule;
  rules_.least_squares = options.least_squares;
  rules_.without_log = options.without_log;
}

Result<std::unique_ptr<detail::State>> HourlyPool::Blank(const History& history,
                                                         const Calendar& calendar,
                                                         const Options& options, const Shared*) {
  Result<Series> series = Series::FromHistory(history, options);
  if (!series) return series.error();
  return std::unique_ptr<detail::State>(new HourlyPool(calendar, options, *std::move(series)));
}

Result<std::unique_ptr<detail::State>> HourlyPool::Fit(const History& history,
                                                       const Calendar& calendar,
                                                       const Options& options, const Shared* shared,
                                                       Random& random) {
  Result<std::unique_ptr<detail::State>> pool = Blank(history, calendar, options, shared);
  if (!pool) return pool;
  const Status fitted = (*pool)->Refit(shared, random);
  if (!fitted) return fitted.error();
  return pool;
}

Status HourlyPool::Update(const Bin& bin) { return series_.Append(bin); }

bool HourlyPool::RefitDue() const { return forecast_at_ != series_.last(); }

HourlyCombination HourlyPool::Rule() const {
  HourlyCombination rule;
  rule.wanted = rules_.wanted;
  rule.power = options_.weight_power;
  rule.bucket_steps = std::max(1, options_.day_bins / kBucketsPerDay);
  if (options_.reference_rule) rule.rule = HourlyRule::kReference;
  if (options_.select_best) rule.rule = HourlyRule::kSelectBest;
  if (options_.equal_weights) rule.rule = HourlyRule::kEqual;
  return rule;
}

// All models; after a clock change twice, see local_view.h.
Eigen::ArrayXXd HourlyPool::Ask(const Past& past, const Shared* shared, bool from_the_past) {
  const GlobalModels* global = shared != nullptr ? shared->global() : nullptr;
  Eigen::ArrayXXd said =
      ForecastHourly(past, options_.horizon_bins, rules_, global, from_the_past, warm_);
  const LocalView local(past, calendar_, options_.bin);
  if (!local.differs()) return said;
  HourlyWarmStart warm = warm_;
  said += local.share() * (ForecastHourly(local.past(), options_.horizon_bins, rules_, global,
                                          from_the_past, warm) -
                           said);
  return said;
}

// Makes the forecast of one past origin, as it could have been made then.
void HourlyPool::Remember(const Past& past, model::BinIndex origin, const Shared* shared) {
  const Past then = past.Before(static_cast<int>(past.last - origin));
  PastForecast made{.origin = origin, .forecasts = {}, .actual = {}};
  made.forecasts = Ask(then, shared, true);
  made.actual.resize(options_.horizon_bins);
  for (int h = 0; h < options_.horizon_bins; ++h) {
    const int at = then.size() + h;
    made.actual(h) = past.usable_at(at) ? past[at] : std::numeric_limits<double>::quiet_NaN();
  }
  origins_.insert(origins_.begin(), std::move(made));
}

void HourlyPool::RefreshOrigins(const Past& past, const Shared* shared) {
  const model::BinIndex day = options_.day_bins;
  const model::BinIndex first = past.last - (past.size() - 1);
  const model::BinIndex newest = past.last - options_.horizon_bins;
  // Ends of days: origin + 1 is a multiple of a day.
  model::BinIndex origin = newest - ((newest + 1) % day + day) % day;
  std::vector<model::BinIndex> wanted;
  for (; wanted.size() < kOriginsMax && origin - first + 1 >= 2 * day; origin -= day) {
    wanted.push_back(origin);
  }
  std::erase_if(origins_, [&wanted](const PastForecast& made) {
    return std::find(wanted.begin(), wanted.end(), made.origin) == wanted.end();
  });
  for (auto at = wanted.rbegin(); at != wanted.rend(); ++at) {
    const bool known = std::any_of(origins_.begin(), origins_.end(),
                                   [at](const PastForecast& made) { return made.origin == *at; });
    if (!known) Remember(past, *at, shared);
  }
}

Eigen::ArrayXXd HourlyPool::ErrorsWithoutOwnOrigin() const {
  Eigen::ArrayXXd errors(options_.horizon_bins, static_cast<Eigen::Index>(origins_.size()));
  const HourlyCombination rule = Rule();
  for (std::size_t k = 0; k < origins_.size(); ++k) {
    const int left_out = options_.reference_rule ? -1 : static_cast<int>(k);
    errors.col(static_cast<Eigen::Index>(k)) =
        origins_[k].actual - Combine(origins_, left_out, origins_[k].forecasts, rule);
  }
  return errors;
}

Status HourlyPool::Refit(const Shared* shared, Random&) {
  const Past past = series_.View();
  if (shared != nullptr && !options_.without_pooling) pooled_ = shared->pooled();
  if (forecast_at_ == series_.last() || past.size() == 0) {
    forecast_at_ = series_.last();
    return Ok();
  }
  series_.Remeasure();
  RefreshOrigins(past, shared);
  newest_ = Ask(past, shared, false);
  errors_ = ErrorsWithoutOwnOrigin();
  naive_error_ = SeasonalNaiveError(past);
  forecast_at_ = series_.last();
  return Ok();
}

HourlyIntervals HourlyPool::Intervals() const {
  IntervalRules rules;
  rules.bucket_steps = std::max(1, options_.day_bins / kBucketsPerDay);
  if (options_.reference_rule) {
    rules.bucket_share = 0.5;
    rules.own_share = 0.5;
  }
  return HourlyIntervals(errors_, naive_error_, rules);
}

Eigen::ArrayXXd HourlyPool::ScaledErrors() const {
  if (errors_.cols() == 0) return {};
  return Intervals().scaled();
}

// Of the spikes that kernel regression claimed at past origins, the share that came at least half
// way; one that did not is added, so that a claim alone is not believed.
double HourlyPool::KernelHits() const {
  const auto column = static_cast<Eigen::Index>(HourlyModel::kKernel);
  double claims = 1;
  double hits = 0;
  for (Eigen::Index k = 0; k < errors_.cols(); ++k) {
    const PastForecast& made = origins_[static_cast<std::size_t>(k)];
    for (Eigen::Index h = 0; h < errors_.rows(); ++h) {
      if (!std::isfinite(errors_(h, k))) continue;
      const double median = made.actual(h) - errors_(h, k);
      const double claimed = made.forecasts(h, column);
      if (claimed <= kSpikeOverMedian * median) continue;
      claims += 1;
      hits += made.actual(h) >= (claimed + median) / 2 ? 1 : 0;
    }
  }
  return hits / claims;
}

void HourlyPool::LiftForSpikes(model::Fan& fan) const {
  if (options_.reference_rule) return;
  const double hits = KernelHits();
  if (hits <= 0) return;
  for (std::size_t i = 0; i < fan.steps.size(); ++i) {
    const double claimed =
        newest_(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(HourlyModel::kKernel));
    if (claimed <= kSpikeOverMedian * fan.steps[i][model::kMedian]) continue;
    for (std::size_t q = model::kMedian + 1; q < model::kFanLevels; ++q)
      fan.steps[i][q] += hits * std::max(0.0, claimed - fan.steps[i][q]);
  }
}

void HourlyPool::Forecast(int bins, model::Fan& fan) const {
  const auto count = static_cast<std::size_t>(bins);
  fan.bin = options_.bin;
  fan.origin = series_.last();
  fan.steps.resize(count);
  fan.scale.resize(count);
  fan.windows.clear();
  const Past past = series_.View();
  if (past.size() == 0 || newest_.rows() == 0) {
    for (model::Quantiles& step : fan.steps) step.fill(past.size() == 0 ? 0 : past.y.back());
    std::fill(fan.scale.begin(), fan.scale.end(), 0.0);
    return;
  }
  Eigen::ArrayXd median = Combine(origins_, -1, newest_, Rule());
  ClampToHistory(past, {median.data(), static_cast<std::size_t>(median.size())});
  const HourlyIntervals intervals = Intervals();
  const bool non_negative = series_.least() >= 0;
  const double most = std::max(median.maxCoeff(), kCapOverMost * series_.most());
  for (std::size_t i = 0; i < count; ++i) {
    const int step = static_cast<int>(i) + 1;
    fan.scale[i] = intervals.scale(step);
    fan.steps[i] = intervals.At(step, median(static_cast<Eigen::Index>(i)), pooled_, non_negative);
    for (double& quantile : fan.steps[i]) quantile = std::min(quantile, most);
  }
  LiftForSpikes(fan);
  for (const int window : {1, options_.day_bins, options_.horizon_bins}) {
    if (window > bins || (!fan.windows.empty() && fan.windows.back().bins >= window)) continue;
    model::WindowMaximum out{
        .bins = window, .factor = intervals.WindowFactor(window, pooled_), .maximum = {}};
    for (std::size_t i = 0; i < model::kFanLevels; ++i) {
      for (std::size_t h = 0; h < static_cast<std::size_t>(window); ++h) {
        const double band = fan.steps[h][model::kMedian] + out.factor[i] * fan.scale[h];
        out.maximum[i] = std::max({out.maximum[i], std::min(band, most), fan.steps[h][i]});
      }
    }
    std::sort(out.maximum.begin(), out.maximum.end());
    fan.windows.push_back(out);
  }
}

model::Scenarios HourlyPool::Draw(int bins) const {
  model::Fan fan;
  Forecast(bins, fan);
  model::Scenarios scenarios;
  scenarios.origin = fan.origin;
  const Eigen::ArrayXXd scaled = ScaledErrors();
  for (Eigen::Index k = scaled.cols(); k-- > 0;) {
    if (!scaled.col(k).head(bins).isFinite().all()) continue;
    scenarios.drawn_from.push_back(origins_[static_cast<std::size_t>(k)].origin);
    std::vector<double>& path = scenarios.paths.emplace_back();
    for (std::size_t h = 0; h < fan.steps.size(); ++h) {
      path.push_back(std::max(0.0, fan.steps[h][model::kMedian] +
                                       scaled(static_cast<Eigen::Index>(h), k) * fan.scale[h]));
    }
  }
  return scenarios;
}

model::Trust HourlyPool::Score() const {
  model::Trust trust;
  const Past past = series_.View();
  trust.history = past.size() >= 2 * options_.day_bins && !origins_.empty() ? 1 : 0;
  trust.data = series_.GoodShare(options_.day_bins);
  trust.freshness = series_.gap_bins() <= kStaleBins ? 1 : 0;
  double ours = 0;
  double last = 0;
  double day = 0;
  for (std::size_t k = 0; k < origins_.size(); ++k) {
    const Past then = past.Before(static_cast<int>(past.last - origins_[k].origin));
    for (int h = 0; h < options_.horizon_bins; ++h) {
      const double actual = origins_[k].actual(h);
      if (!std::isfinite(actual)) continue;
      ours += std::abs(errors_(h, static_cast<Eigen::Index>(k)));
      last += std::abs(actual - LastValue(then));
      day += std::abs(actual - DayBack(then, h + 1));
    }
  }
  const double naive = std::min(last, day);
  trust.skill = ours <= 0 ? 1 : Ramp(naive > 0 ? ours / naive : HUGE_VAL, 0.8, 1.1);
  trust.coverage = 1;
  if (ours > 0 && origins_.size() > 1)
    trust.coverage = Ramp(std::abs(Intervals().Coverage90() - 0.9), 0.05, 0.2);
  if (born_at_ >= 0 && series_.last() - born_at_ < options_.day_bins) trust.cap = kCapOfChild;
  return trust;
}

std::vector<StepReport> HourlyPool::Explain() const {
  std::vector<StepReport> reports;
  if (newest_.rows() == 0) return reports;
  const Eigen::ArrayXXd weights = HourlyWeights(origins_, -1, options_.horizon_bins, Rule());
  for (int step = 1; step <= options_.horizon_bins; ++step) {
    StepReport& report = reports.emplace_back();
    report.step = step;
    for (std::size_t m = 0; m < kHourlyModels; ++m) {
      if (!rules_.wanted[m]) continue;
      const auto column = static_cast<Eigen::Index>(m);
      report.models.push_back({.name = kHourlyModelNames[m],
                               .weight = weights(step - 1, column),
                               .recent_error = 0,
                               .forecast = newest_(step - 1, column)});
    }
    report.scored = static_cast<std::int64_t>(origins_.size());
    if (!origins_.empty()) report.ensemble_error = errors_.row(step - 1).abs().mean();
  }
  return reports;
}

// Weights come from the origins, and a composed history has all of them; only the cap on trust is
// new.
void HourlyPool::Inherit(std::span<const Parent>) { born_at_ = series_.last(); }

void HourlyPool::Save(ByteWriter& out) const {
  out.Put(series_.last());
  out.Put(born_at_);
  for (const DshwChoice& choice : {warm_.dshw, warm_.dshw_log}) {
    for (const int place : {choice.alpha, choice.gamma, choice.delta, choice.phi}) out.Put(place);
  }
  for (const double value : {warm_.ets.alpha, warm_.ets.beta, warm_.ets.gamma, warm_.ets.phi})
    out.Put(value);
  out.Put(static_cast<std::uint8_t>(warm_.ets_known ? 1 : 0));
  out.Put(static_cast<std::uint32_t>(origins_.size()));
  const auto put = [&out](const Eigen::ArrayXXd& values) {
    out.PutAll(std::span<const double>(values.data(), static_cast<std::size_t>(values.size())));
  };
  for (const PastForecast& made : origins_) {
    out.Put(made.origin);
    put(made.forecasts);
    put(made.actual);
  }
  out.Put(forecast_at_);
  put(newest_);
  out.Put(naive_error_);
  out.Put(static_cast<std::uint32_t>(pooled_.size()));
  for (const model::Quantiles& row : pooled_) out.PutAll(row);
}

Status HourlyPool::Load(ByteReader& in) {
  if (in.Get<model::BinIndex>() != series_.last()) {
    return Error::GiveUp("state and history end at different bins", "OldState");
  }
  in.Get(born_at_);
  for (DshwChoice* choice : {&warm_.dshw, &warm_.dshw_log}) {
    for (int* place : {&choice->alpha, &choice->gamma, &choice->delta, &choice->phi})
      in.Get(*place);
  }
  for (double* value : {&warm_.ets.alpha, &warm_.ets.beta, &warm_.ets.gamma, &warm_.ets.phi})
    in.Get(*value);
  warm_.ets_known = in.Get<std::uint8_t>() != 0;
  const auto count = in.Get<std::uint32_t>();
  if (!in.good() || count > kOriginsMax)
    return Error::GiveUp("state is damaged: origins", "BadState");
  const auto steps = static_cast<Eigen::Index>(options_.horizon_bins);
  const auto get = [&in, steps](Eigen::Index columns) {
    Eigen::ArrayXXd values = Eigen::ArrayXXd::Zero(steps, columns);
    std::span<double> view(values.data(), static_cast<std::size_t>(values.size()));
    in.GetAll(view);
    return values;
  };
  for (std::uint32_t k = 0; k < count; ++k) {
    PastForecast& made = origins_.emplace_back();
    in.Get(made.origin);
    made.forecasts = get(kHourlyModels);
    made.actual = get(1).col(0);
  }
  in.Get(forecast_at_);
  newest_ = get(kHourlyModels);
  in.Get(naive_error_);
  pooled_.resize(std::min<std::size_t>(in.Get<std::uint32_t>(), static_cast<std::size_t>(steps)));
  for (model::Quantiles& row : pooled_) in.GetAll(row);
  if (!in.good() || !in.AtEnd()) return Error::GiveUp("state is damaged: wrong length", "BadState");
  errors_ = ErrorsWithoutOwnOrigin();
  model::Fan fan;
  Forecast(options_.horizon_bins, fan);
  if (!detail::IsFinite(fan)) return Error::GiveUp("state is damaged: numbers", "BadState");
  return Ok();
}

}  // namespace foreshard::forecast
