#include "forecast/fine/models.h"

#include <algorithm>

#include "forecast/models/naive.h"
#include "forecast/models/trend.h"

namespace foreshard::forecast {

namespace {

enum Index : std::size_t {
  kLast,
  kDayBack,
  kWeekBack,
  kDayRatio,
  kWeekRatio,
  kSpar,
  kAr,
  kRidge,
  kTrend,
  kSparseAr,
  kLstm,
  kPrior
};

std::vector<int> SparseLags(int day, int week) {
  std::vector<int> lags = {1, 2, 3};
  const auto add = [&lags](int lag) {
    if (lag > lags.back()) lags.push_back(lag);
  };
  add(day);
  add(day + 1);
  add(2 * day);
  add(3 * day);
  if (week > 0) {
    add(week);
    add(week + 1);
  }
  return lags;
}

// Everything but the models fitted at anchors.
ModelRow CheapRow(const Past& past, int step) {
  ModelRow row{};
  row[kLast] = LastValue(past);
  row[kDayBack] = DayBack(past, step);
  row[kWeekBack] = WeekBack(past, step);
  row[kDayRatio] = DayRatio(past, step);
  row[kWeekRatio] = WeekRatio(past, step);
  return row;
}

std::array<int, kHorizonMax> AllSteps() {
  std::array<int, kHorizonMax> steps{};
  for (std::size_t i = 0; i < steps.size(); ++i) steps[i] = static_cast<int>(i) + 1;
  return steps;
}

}  // namespace

Anchors::Anchors(int horizon) {
  for (const int step : {1, horizon / 8, horizon / 4, horizon / 2, horizon}) {
    if (step >= 1 && (count_ == 0 || step > steps_[count_ - 1])) steps_[count_++] = step;
  }
}

Anchors::Place Anchors::PlaceOf(int step) const {
  std::size_t high = 0;
  while (high + 1 < count_ && steps_[high] < step) ++high;
  if (high == 0 || steps_[high] <= step) return {high, high, 0};
  const std::size_t low = high - 1;
  return {low, high, static_cast<double>(step - steps_[low]) / (steps_[high] - steps_[low])};
}

FineModels::FineModels(const Options& options, const Anchors& anchors)
    : options_(options), anchors_(anchors) {
  for (std::size_t k = 0; k < kFineModels; ++k) {
    const auto& only = options.only_models;
    wanted_[k] =
        only.empty() || std::find(only.begin(), only.end(), kFineModelNames[k]) != only.end();
  }
  for (const std::string& name : options.without_models) {
    for (std::size_t k = 0; k < kFineModels; ++k) {
      if (name == kFineModelNames[k]) wanted_[k] = false;
    }
  }
  if (options.without_ratio_models) wanted_[kDayRatio] = wanted_[kWeekRatio] = false;
  for (std::size_t a = 0; a < anchors.size(); ++a) {
    spar_.emplace_back(anchors[a], SparShape{}, Eigen::VectorXd{});
    ar_.emplace_back(anchors[a], Eigen::VectorXd{});
    ridge_.emplace_back(anchors[a], false, Eigen::VectorXd{});
  }
}

void FineModels::Fit(const Past& past) {
  if (past.size() < 2 * past.day) return;
  const SparShape shape = ShapeOfSpar(past.size(), past.day);
  for (std::size_t a = 0; a < anchors_.size(); ++a) {
    spar_[a] = Spar::Fit(past, anchors_[a], shape);
    ar_[a] = Autoregression::Fit(past, anchors_[a]);
    ridge_[a] = Ridge::Fit(past, anchors_[a], options_.least_squares);
  }
  sparse_ar_ = SparseAr::Fit(past, {.name = "sparse-ar",
                                    .lags = SparseLags(past.day, past.week),
                                    .space = options_.without_log ? Space::kLinear : Space::kLog1p,
                                    .dummies = false,
                                    .least_squares = options_.least_squares});
}

std::array<bool, kFineModels> FineModels::Eligible(const Past& past) const {
  std::array<bool, kFineModels> eligible{};
  const int n = past.size();
  const bool trend = n >= 2 * past.hour();
  const bool daily = n >= past.day + past.hour();
  const bool regressions = n >= 2 * past.day;
  const bool weekly = past.week > 0 && n >= past.week + past.day;
  const std::array<bool, kFineModels> able = {true,
                                              daily,
                                              weekly,
                                              daily,
                                              weekly,
                                              regressions && spar_[0].coefficients().size() > 0,
                                              regressions && ar_[0].coefficients().size() > 0,
                                              regressions && ridge_[0].coefficients().size() > 0,
                                              trend,
                                              regressions && sparse_ar_.fitted(),
                                              regressions && CanAskLstm(past),
                                              CanAskProfiles(past)};
  bool any = false;
  for (std::size_t k = 0; k < kFineModels; ++k) {
    eligible[k] = able[k] && wanted_[k];
    any = any || eligible[k];
  }
  if (!any) eligible[kLast] = true;
  return eligible;
}

bool FineModels::CanAskLstm(const Past& past) const {
  return wanted_[kLstm] && lstm_ && lstm_->fitted() && lstm_->CanSee(past);
}

bool FineModels::CanAskProfiles(const Past& past) const {
  return wanted_[kPrior] && profiles_ && past.size() >= past.hour() &&
         past.size() < past.day + past.hour();
}

void FineModels::AtAnchors(const Past& past, std::span<ModelRow> rows) const {
  std::array<double, kAnchorsMax> trend;
  std::array<double, kHorizonMax> sparse;
  std::array<double, kHorizonMax> scratch;
  std::array<double, kAnchorsMax> recurrent{};
  const auto horizon = static_cast<std::size_t>(anchors_[anchors_.size() - 1]);
  DampedTrend(past, anchors_.steps(), trend);
  sparse_ar_.Forecast(past, std::span(sparse).first(horizon), scratch);
  if (CanAskLstm(past)) lstm_->Forecast(past, anchors_.steps(), recurrent);
  const bool prior = CanAskProfiles(past);
  const std::size_t nearest = prior ? profiles_->Nearest(past) : 0;
  for (std::size_t a = 0; a < anchors_.size(); ++a) {
    rows[a] = CheapRow(past, anchors_[a]);
    rows[a][kSpar] = spar_[a].Forecast(past);
    rows[a][kAr] = ar_[a].Forecast(past);
    rows[a][kRidge] = ridge_[a].Forecast(past);
    rows[a][kTrend] = trend[a];
    rows[a][kSparseAr] = sparse[static_cast<std::size_t>(anchors_[a]) - 1];
    rows[a][kLstm] = recurrent[a];
    if (prior) rows[a][kPrior] = profiles_->Forecast(past, nearest, anchors_[a]);
  }
}

void FineModels::Along(const Past& past, int bins, ModelPath& path) const {
  static const std::array<int, kHorizonMax> kSteps = AllSteps();
  std::array<ModelRow, kAnchorsMax> anchored;
  std::array<double, kHorizonMax> trend;
  std::array<double, kHorizonMax> sparse;
  std::array<double, kHorizonMax> scratch;
  std::array<double, kHorizonMax> recurrent{};
  AtAnchors(past, anchored);
  const auto count = static_cast<std::size_t>(bins);
  DampedTrend(past, std::span(kSteps).first(count), trend);
  sparse_ar_.Forecast(past, std::span(sparse).first(count), scratch);
  if (CanAskLstm(past)) lstm_->Forecast(past, std::span(kSteps).first(count), recurrent);
  const bool prior = CanAskProfiles(past);
  const std::size_t nearest = prior ? profiles_->Nearest(past) : 0;
  for (std::size_t i = 0; i < count; ++i) {
    const int step = kSteps[i];
    ModelRow& row = path.step[i];
    row = CheapRow(past, step);
    row[kTrend] = trend[i];
    row[kSparseAr] = sparse[i];
    row[kLstm] = recurrent[i];
    if (prior) row[kPrior] = profiles_->Forecast(past, nearest, step);
    // Between anchors a regression keeps its distance to a forecast that knows the shape of the
    // day.
    const Anchors::Place place = anchors_.PlaceOf(step);
    const ModelRow& low = anchored[place.low];
    const ModelRow& high = anchored[place.high];
    for (const auto& [model, shape] :
         {std::pair{kSpar, kDayRatio}, {kAr, kLast}, {kRidge, kDayRatio}}) {
      const double off =
          (1 - place.share) * (low[model] - low[shape]) + place.share * (high[model] - high[shape]);
      row[model] = std::max(0.0, row[shape] + off);
    }
  }
}

void FineModels::Save(ByteWriter& out) const {
  const auto put = [&out](const Eigen::VectorXd& beta) {
    out.PutAll(std::span<const double>(beta.data(), static_cast<std::size_t>(beta.size())));
  };
  for (std::size_t a = 0; a < anchors_.size(); ++a) {
    out.Put(static_cast<std::int32_t>(spar_[a].shape().days));
    out.Put(static_cast<std::int32_t>(spar_[a].shape().recent));
    put(spar_[a].coefficients());
    put(ar_[a].coefficients());
    out.Put(static_cast<std::uint8_t>(ridge_[a].weekly() ? 1 : 0));
    put(ridge_[a].coefficients());
  }
  out.PutAll(sparse_ar_.lags());
  const Transform& transform = sparse_ar_.transform();
  out.Put(static_cast<std::uint8_t>(transform.space));
  out.Put(transform.unit);
  out.Put(transform.mean);
  out.Put(transform.deviation);
  put(sparse_ar_.coefficients());
}

bool FineModels::Load(ByteReader& in) {
  constexpr std::size_t kCoefficientsMax = 64;
  const auto get = [&in] {
    const std::vector<double> values = in.GetVector<double>(kCoefficientsMax);
    return Eigen::VectorXd(
        Eigen::Map<const Eigen::VectorXd>(values.data(), static_cast<Eigen::Index>(values.size())));
  };
  for (std::size_t a = 0; a < anchors_.size(); ++a) {
    SparShape shape;
    shape.days = in.Get<std::int32_t>();
    shape.recent = in.Get<std::int32_t>();
    const Eigen::VectorXd spar = get();
    if (shape.days < 0 || shape.recent < 0) return false;
    if (spar.size() > 0 && spar.size() != shape.days + shape.recent) return false;
    spar_[a] = Spar(anchors_[a], shape, spar);
    ar_[a] = Autoregression(anchors_[a], get());
    const bool weekly = in.Get<std::uint8_t>() != 0;
    const Eigen::VectorXd ridge = get();
    if (weekly && options_.week_bins == 0) return false;
    if (ridge.size() > 0 && ridge.size() != Ridge::Size(options_.day_bins, weekly)) return false;
    ridge_[a] = Ridge(anchors_[a], weekly, ridge);
  }
  std::vector<int> lags = in.GetVector<int>(kCoefficientsMax);
  Transform transform;
  const auto space = in.Get<std::uint8_t>();
  if (space > static_cast<std::uint8_t>(Space::kLog1p)) return false;
  transform.space = static_cast<Space>(space);
  in.Get(transform.unit);
  in.Get(transform.mean);
  in.Get(transform.deviation);
  Eigen::VectorXd beta = get();
  if (beta.size() > 0 && beta.size() != static_cast<Eigen::Index>(lags.size()) + 1) return false;
  for (const int lag : lags) {
    if (lag < 1) return false;
  }
  sparse_ar_ = SparseAr(std::move(lags), transform, false, std::move(beta));
  return in.good();
}

}  // namespace foreshard::forecast
