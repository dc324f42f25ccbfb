#include "forecast/models/ridge.h"

#include <cmath>

#include "forecast/linear.h"
#include "forecast/models/autoregression.h"
#include "forecast/models/naive.h"

namespace foreshard::forecast {

namespace {

constexpr double kPenalty = 1e-3;
constexpr double kRowWeightMax = 20;
constexpr int kColumnsMax = 2 * 6 + 4 + 4 + 2;

// How many bins before the target index the oldest feature lies.
int Reach(const Past& past, int step, bool weekly) {
  int reach =
      std::max(3 * past.day, step + past.day + std::max(RecentLags(past.day), past.day / 4));
  if (weekly) reach = std::max(reach, 2 * past.week + step);
  return reach;
}

// Index into the past of "t - season", moved back by whole seasons until it is known at the origin.
int Known(int t, int origin, int season) {
  int i = t - season;
  while (i > origin) i -= season;
  return i;
}

// Features of target t (an index, possibly beyond the end); returns their number. REQUIRES: t >=
// Reach().
template <typename Row>
int Features(const Past& past, int t, int step, bool weekly, Row&& row) {
  const int u = t - step;
  const int m = RecentLags(past.day);
  int c = 0;
  for (int j = 0; j < m; ++j) row(c++) = past[u - j];
  for (int j = 0; j < m; ++j) row(c++) = past[u - past.day - j];
  const int back = Known(t, u, past.day);
  row(c++) = past[back];
  row(c++) = past[back - past.day];
  row(c++) = past[std::max(0, back - 2 * past.day)];
  row(c++) = (past[back - 1] + past[std::min(back + 1, u)]) / 2;
  if (weekly) {
    const int week = Known(t, u, past.week);
    row(c++) = past[week];
    row(c++) = past[u - past.week];
    row(c++) = past[std::max(0, week - past.week)];
    row(c++) = past[u - 2 * past.week];
  }
  double change = 0;
  const int quarter = std::max(1, past.day / 4);
  for (int v = u - quarter + 1; v <= u; ++v) change += past[v] - past[v - past.day];
  row(c++) = change / quarter;
  row(c++) = 1;
  return c;
}

Eigen::VectorXd RowWeights(const Eigen::VectorXd& y, const Eigen::VectorXd& usable) {
  const double floor = 0.01 * y.cwiseAbs().mean() + 1e-300;
  Eigen::VectorXd weight = usable.array() / y.array().abs().max(floor);
  const double mean = weight.mean();
  if (mean > 0) weight = (weight / mean).cwiseMin(kRowWeightMax);
  return weight;
}

}  // namespace

int Ridge::Size(int day, bool weekly) { return 2 * RecentLags(day) + 4 + (weekly ? 4 : 0) + 2; }

Ridge Ridge::Fit(const Past& past, int step, bool least_squares) {
  const bool weekly = past.week > 0 && past.size() >= 2 * past.week + past.day + step;
  const int first = Reach(past, step, weekly);
  const int rows = past.size() - first;
  Eigen::Matrix<double, 1, Eigen::Dynamic> probe(kColumnsMax);
  if (rows < past.day / 2) return Ridge(step, weekly, {});
  const int columns = Features(past, first, step, weekly, probe);
  Eigen::MatrixXd x(rows, columns);
  Eigen::VectorXd y(rows);
  Eigen::VectorXd usable(rows);
  for (int i = 0; i < rows; ++i) {
    Features(past, first + i, step, weekly, x.row(i));
    y(i) = past[first + i];
    usable(i) = past.usable_at(first + i) ? (past.usable_at(first + i - step) ? 1.0 : 0.25) : 0.0;
  }
  const Eigen::RowVectorXd mean = x.colwise().mean();
  const Eigen::VectorXd penalty =
      kPenalty * (x.rowwise() - mean).array().square().matrix().colwise().sum().transpose();
  const AbsoluteOptions options{
      .rounds = least_squares ? 0 : 4, .median_scale = false, .floor = 0.2};
  return Ridge(step, weekly, SolveAbsolute(x, y, RowWeights(y, usable), penalty, options));
}

double Ridge::Forecast(const Past& past) const {
  const int t = past.size() - 1 + step_;
  if (beta_.size() == 0 || t < Reach(past, step_, weekly_)) return DayBack(past, step_);
  std::array<double, kColumnsMax> row;
  const int columns = Features(past, t, step_, weekly_, [&row](int c) -> double& {
    return row[static_cast<std::size_t>(c)];
  });
  double sum = 0;
  for (int c = 0; c < columns; ++c) sum += beta_(c) * row[static_cast<std::size_t>(c)];
  return std::max(0.0, sum);
}

}  // namespace foreshard::forecast
