#include "forecast/hourly/models.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "forecast/models/additive.h"
#include "forecast/models/arma.h"
#include "forecast/models/card_pair.h"
#include "forecast/models/hour_of_week.h"
#include "forecast/models/kernel.h"
#include "forecast/models/naive.h"
#include "forecast/models/sparse_ar.h"

namespace foreshard::forecast {

namespace {

constexpr double kClampBelow = 0.3;
constexpr double kClampAbove = 0.5;
constexpr double kDecayPerWeek = 0.3;

std::size_t Column(HourlyModel model) { return static_cast<std::size_t>(model); }

// Lags in hours become bins: 24 is a day, 168 a week, smaller ones are bins.
std::vector<int> Lags(const Past& past, std::initializer_list<int> hours) {
  std::vector<int> lags;
  for (const int hour : hours) {
    int lag = hour;
    if (hour >= 20) {
      const bool weekly = hour >= 160;
      const int unit = weekly ? 168 : 24;
      const int whole = (hour + 4) / unit;
      const int season = weekly ? past.week : past.day;
      if (season <= 0) continue;
      lag = whole * season + (hour - whole * unit);
    }
    if (lag > 0 && (lags.empty() || lag > lags.back())) lags.push_back(lag);
  }
  return lags;
}

class Board {
 public:
  Board(const Past& past, int horizon, const HourlyRules& rules)
      : past_(past), rules_(rules), out_(Eigen::ArrayXXd::Zero(horizon, kHourlyModels)) {
    space_ = rules.reference_space ? ReferenceSpace(past.y) : Space::kLog1p;
    const bool negative = *std::min_element(past.y.begin(), past.y.end()) < 0;
    if (rules.without_log || negative) space_ = Space::kLinear;
  }

  bool Wants(HourlyModel model) const { return rules_.wanted[Column(model)]; }
  std::span<double> At(HourlyModel model) {
    return {out_.col(static_cast<Eigen::Index>(Column(model))).data(),
            static_cast<std::size_t>(out_.rows())};
  }
  Space space() const { return space_; }

  void Sparse(HourlyModel model, std::initializer_list<int> hours, Space space, bool dummies,
              double decay = 0) {
    if (!Wants(model) && !PartOfCardPair(model)) return;
    const SparseAr fitted = SparseAr::Fit(past_, {.name = kHourlyModelNames[Column(model)],
                                                  .lags = Lags(past_, hours),
                                                  .space = space,
                                                  .dummies = dummies,
                                                  .decay_per_week = decay,
                                                  .least_squares = rules_.least_squares});
    scratch_.resize(static_cast<std::size_t>(out_.rows()));
    fitted.Forecast(past_, At(model), scratch_);
    ClampToHistory(past_, At(model));
  }

  void Seasonal(HourlyModel model, Space space, DshwChoice& choice) {
    if (!Wants(model)) return;
    Transform transform{.space = Space::kLinear};
    if (space != Space::kLinear) {
      transform = FitTransform(past_.y, space);
      transform.mean = 0;
      transform.deviation = 1;
    }
    values_.clear();
    for (const double y : past_.y) values_.push_back(transform.To(y));
    Dshw(past_, values_, choice, At(model));
    for (double& value : At(model)) value = transform.From(value);
    ClampToHistory(past_, At(model));
  }

  // In the transformed space; the deviation is about one.
  void Transformed(
      HourlyModel model,
      const std::function<void(std::span<const double>, std::span<double>)>& forecast) {
    if (!Wants(model)) return;
    const Transform transform = FitTransform(past_.y, space_);
    values_.clear();
    for (const double y : past_.y) values_.push_back(transform.To(y));
    forecast(values_, At(model));
    for (double& value : At(model)) value = transform.From(value);
    ClampToHistory(past_, At(model));
  }

  Eigen::ArrayXXd Take() { return std::move(out_); }

 private:
  bool PartOfCardPair(HourlyModel model) const {
    return Wants(HourlyModel::kCardPair) &&
           (model == HourlyModel::kA9Log || model == HourlyModel::kA17);
  }

  const Past& past_;
  const HourlyRules& rules_;
  Space space_ = Space::kLog1p;
  Eigen::ArrayXXd out_;
  std::vector<double> scratch_;
  std::vector<double> values_;
};

void AllSparse(Board& board) {
  const Space log = board.space();
  board.Sparse(HourlyModel::kA9Log, {1, 2, 3, 24, 25, 48, 72, 168, 169}, log, true);
  const auto long_lags = {1, 2, 3, 23, 24, 25, 47, 48, 49, 72, 96, 120, 144, 167, 168, 169, 336};
  board.Sparse(HourlyModel::kA17Log, long_lags, log, true);
  board.Sparse(HourlyModel::kA17, long_lags, Space::kLinear, true);
  board.Sparse(HourlyModel::kA5Log, {1, 24, 25, 168, 169}, log, false);
  board.Sparse(HourlyModel::kA9, {1, 2, 3, 24, 25, 48, 72, 168, 169}, Space::kLinear, true);
  board.Sparse(HourlyModel::kA9LogDecay, {1, 2, 3, 24, 25, 48, 72, 168, 169}, log, true,
               kDecayPerWeek);
  board.Sparse(HourlyModel::kA24, {1, 2, 24, 25, 48, 72, 96, 120, 144}, log, true);
}

// Seasonal difference of a day, and an ARMA for what it leaves over.
void SeasonalArma(const Past& past, std::span<const double> values, std::span<double> out) {
  const auto day = static_cast<std::size_t>(past.day);
  if (values.size() < 3 * day) {
    for (std::size_t i = 0; i < out.size(); ++i) {
      out[i] = values[values.size() >= day ? values.size() - day + i % day : values.size() - 1];
    }
    return;
  }
  std::vector<double> left;
  for (std::size_t t = day; t < values.size(); ++t) left.push_back(values[t] - values[t - day]);
  constexpr int kOrderMost = 2;
  FitArma(left, kOrderMost, kOrderMost).Forecast(left, out);
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] += i < day ? values[values.size() - day + i] : out[i - day];
  }
}

void AllSmooth(const Past& past, const HourlyRules& rules, HourlyWarmStart& warm, Board& board) {
  board.Transformed(HourlyModel::kDampedEts, [&](std::span<const double> z, std::span<double> out) {
    warm.ets = FitDampedEts(past, z, warm.ets_known ? &warm.ets : nullptr);
    warm.ets_known = true;
    DampedEts(past, z, warm.ets, out);
  });
  board.Transformed(HourlyModel::kArma, [&](std::span<const double> z, std::span<double> out) {
    SeasonalArma(past, z, out);
  });
  board.Transformed(HourlyModel::kAdditive, [&](std::span<const double> z, std::span<double> out) {
    Additive(past, z, rules.least_squares, out);
  });
}

// Without a network, or with too short a past for it: week-1. Its weight then follows from that.
void Recurrent(const Past& past, const GlobalModels* global, bool from_the_past, Board& board) {
  const std::span<double> out = board.At(HourlyModel::kLstm);
  std::vector<int> steps;
  for (std::size_t i = 0; i < out.size(); ++i) {
    steps.push_back(static_cast<int>(i) + 1);
    out[i] = WeekBack(past, steps.back());
  }
  const GlobalLstm* lstm = nullptr;
  if (global != nullptr) lstm = from_the_past ? global->old_lstm.get() : global->lstm.get();
  if (lstm != nullptr && lstm->fitted() && lstm->CanSee(past)) lstm->Forecast(past, steps, out);
  ClampToHistory(past, out);
}

}  // namespace

HourlyMask ProductModels() {
  HourlyMask mask;
  mask.fill(true);
  for (const HourlyModel model :
       {HourlyModel::kA9, HourlyModel::kA9LogDecay, HourlyModel::kA24, HourlyModel::kKernel}) {
    mask[Column(model)] = false;
  }
  return mask;
}

HourlyMask ReferenceModels() {
  HourlyMask mask;
  mask.fill(true);
  for (const HourlyModel model :
       {HourlyModel::kDayGrowth, HourlyModel::kDampedEts, HourlyModel::kArma,
        HourlyModel::kAdditive, HourlyModel::kLstm, HourlyModel::kKernel}) {
    mask[Column(model)] = false;
  }
  return mask;
}

void ClampToHistory(const Past& past, std::span<double> forecast) {
  const auto [low, high] = std::minmax_element(past.y.begin(), past.y.end());
  const double range = *high - *low;
  double least = *low - kClampBelow * range;
  if (*low >= 0) least = std::max(0.0, least);
  const double most = *high + kClampAbove * range;
  for (double& value : forecast)
    value = std::isfinite(value) ? std::clamp(value, least, most) : past.y.back();
}

Eigen::ArrayXXd ForecastHourly(const Past& past, int horizon, const HourlyRules& rules,
                               const GlobalModels* global, bool from_the_past,
                               HourlyWarmStart& warm) {
  Board board(past, horizon, rules);
  AllSparse(board);
  if (board.Wants(HourlyModel::kCardPair)) {
    CardPair(past, board.At(HourlyModel::kA9Log), board.At(HourlyModel::kA17), board.space(),
             board.At(HourlyModel::kCardPair));
    ClampToHistory(past, board.At(HourlyModel::kCardPair));
  }
  board.Seasonal(HourlyModel::kDshw, Space::kLinear, warm.dshw);
  board.Seasonal(HourlyModel::kDshwLog, board.space(), warm.dshw_log);
  AllSmooth(past, rules, warm, board);
  if (board.Wants(HourlyModel::kHourOfWeek)) {
    HourOfWeek(past, board.At(HourlyModel::kHourOfWeek));
    ClampToHistory(past, board.At(HourlyModel::kHourOfWeek));
  }
  if (board.Wants(HourlyModel::kDayGrowth)) {
    const std::span<double> out = board.At(HourlyModel::kDayGrowth);
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = DayGrowth(past, static_cast<int>(i) + 1);
    ClampToHistory(past, out);
  }
  for (const HourlyModel model : {HourlyModel::kGlobalRidge, HourlyModel::kGlobalRidgeLog}) {
    if (!board.Wants(model)) continue;
    static const GlobalModels kNone;
    const GlobalModels& all = global != nullptr ? *global : kNone;
    const bool linear = model == HourlyModel::kGlobalRidge;
    const GlobalRidge& now = linear ? all.linear : all.log;
    const GlobalRidge& old = linear ? all.old_linear : all.old_log;
    const GlobalRidge* ridge = from_the_past ? &old : &now;
    ridge->Forecast(past, board.At(model));
    ClampToHistory(past, board.At(model));
  }
  if (board.Wants(HourlyModel::kLstm)) Recurrent(past, global, from_the_past, board);
  KernelRegression(past, board.At(HourlyModel::kKernel));
  return board.Take();
}

}  // namespace foreshard::forecast
