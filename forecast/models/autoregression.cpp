#include "forecast/models/autoregression.h"

#include "forecast/linear.h"
#include "forecast/models/naive.h"

namespace foreshard::forecast {

int RecentLags(int day_bins) { return day_bins >= 96 ? 6 : 3; }

Autoregression Autoregression::Fit(const Past& past, int step) {
  const int lags = RecentLags(past.day);
  const int first = step + lags - 1;
  const int rows = past.size() - first;
  if (rows < 4 * lags) return Autoregression(step, {});
  Eigen::MatrixXd x(rows, lags + 1);
  Eigen::VectorXd y(rows);
  Eigen::VectorXd weight(rows);
  for (int i = 0; i < rows; ++i) {
    for (int j = 0; j < lags; ++j) x(i, j) = past[first + i - step - j];
    x(i, lags) = 1;
    y(i) = past[first + i];
    weight(i) = past.usable_at(first + i) ? 1.0 : 0.0;
  }
  return Autoregression(step, SolveRidge(x, y, weight, Eigen::VectorXd::Zero(lags + 1)));
}

double Autoregression::Forecast(const Past& past) const {
  const auto lags = static_cast<int>(beta_.size()) - 1;
  if (lags < 1 || past.size() < lags) return LastValue(past);
  double sum = beta_(lags);
  for (int j = 0; j < lags; ++j) sum += beta_(j) * past[past.size() - 1 - j];
  return std::max(0.0, sum);
}

}  // namespace foreshard::forecast
