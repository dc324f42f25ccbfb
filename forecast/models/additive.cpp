#include "forecast/models/additive.h"

#include <cmath>
#include <numbers>

#include "forecast/linear.h"

namespace foreshard::forecast {

namespace {

constexpr int kChangepoints = 25;
constexpr double kChangepointsUntil = 0.8;
constexpr double kPriorScale = 0.05;
constexpr double kPriorFloor = 1e-3;
constexpr double kFirstNoise = 0.3;  // in unit deviations, before any is measured
constexpr int kDayOrder = 10;
constexpr int kWeekOrder = 5;
constexpr double kSeasonPenalty = 0.01;
constexpr int kRounds = 5;
constexpr double kFadePerDay = 0.9;
constexpr int kTrendColumns = 2 + kChangepoints;

int WeekOrder(const Past& past) {
  return past.week > 0 && past.size() >= 2 * past.week ? kWeekOrder : 0;
}

// Sines and cosines at a place of the absolute grid. The day's harmonics are left out of the
// week's.
template <typename Row>
void Seasons(const Past& past, model::BinIndex at, int week_order, Row&& row) {
  int c = 0;
  const auto add = [&](int season, int order, int multiple) {
    const auto position = static_cast<double>(((at % season) + season) % season);
    for (int k = 1; k <= order; ++k) {
      const double angle = 2 * std::numbers::pi * k * multiple * position / season;
      row(c++) = std::sin(angle);
      row(c++) = std::cos(angle);
    }
  };
  add(past.day, std::min(kDayOrder, past.day / 2), 1);
  if (week_order > 0) add(past.week, week_order, 1);
}

int SeasonColumns(const Past& past, int week_order) {
  return 2 * std::min(kDayOrder, past.day / 2) + 2 * week_order;
}

double ChangeAt(int k) { return kChangepointsUntil * (k + 1) / (kChangepoints + 1); }

}  // namespace

void Additive(const Past& past, std::span<const double> values, bool least_squares,
              std::span<double> out) {
  const int n = past.size();
  if (n < 2 * past.day) {
    for (std::size_t i = 0; i < out.size(); ++i) {
      const int back = std::max(0, n - past.day) + static_cast<int>(i) % past.day;
      out[i] = values[static_cast<std::size_t>(std::min(back, n - 1))];
    }
    return;
  }
  const int week_order = WeekOrder(past);
  const int columns = kTrendColumns + SeasonColumns(past, week_order);
  Eigen::MatrixXd x(n, columns);
  Eigen::VectorXd w0(n);
  for (int i = 0; i < n; ++i) {
    const double time = static_cast<double>(i) / n;
    x(i, 0) = 1;
    x(i, 1) = time;
    for (int k = 0; k < kChangepoints; ++k) x(i, 2 + k) = std::max(0.0, time - ChangeAt(k));
    Seasons(past, past.last - (n - 1) + i, week_order, x.row(i).tail(columns - kTrendColumns));
    w0(i) = past.usable_at(i) ? 1 : 0;
  }
  const Eigen::VectorXd y = Eigen::Map<const Eigen::VectorXd>(values.data(), n);
  Eigen::VectorXd weight = w0;
  Eigen::VectorXd penalty = Eigen::VectorXd::Constant(columns, kSeasonPenalty);
  penalty.head(2).setConstant(1e-6);
  penalty.segment(2, kChangepoints).setConstant(kFirstNoise * kFirstNoise / kPriorScale);
  Eigen::VectorXd beta;
  for (int round = 0; round < kRounds; ++round) {
    beta = SolveRidge(x, y, weight, penalty);
    const Eigen::VectorXd off = (y - x * beta).cwiseAbs();
    Eigen::VectorXd sorted = off;
    const double scale = 1.48 * MedianInPlace(sorted) + 1e-6;
    // |change| / prior as a square, in units of the noise.
    penalty.segment(2, kChangepoints) =
        scale * scale * (beta.segment(2, kChangepoints).array().abs() + kPriorFloor).inverse() /
        kPriorScale;
    if (!least_squares) weight = w0.array() / (off.array() / scale).max(0.5);
  }
  const double level = x.row(n - 1).head(kTrendColumns).dot(beta.head(kTrendColumns));
  const double slope = (beta(1) + beta.segment(2, kChangepoints).sum()) / n;  // a bin
  Eigen::VectorXd seasons(columns - kTrendColumns);
  double carried = 0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const int ahead = static_cast<int>(i) + 1;
    carried += slope * std::pow(kFadePerDay, static_cast<double>(ahead) / past.day);
    Seasons(past, past.last + ahead, week_order, seasons);
    out[i] = level + carried + seasons.dot(beta.tail(columns - kTrendColumns));
  }
}

}  // namespace foreshard::forecast
