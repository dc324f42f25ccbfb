#include "forecast/models/spar.h"

#include <cmath>

#include "forecast/linear.h"
#include "forecast/models/naive.h"

namespace foreshard::forecast {

namespace {

double OffUsual(const Past& past, int v, const SparShape& shape) {
  double usual = 0;
  for (int k = 1; k <= shape.days; ++k) usual += past[v - k * past.day];
  return past[v] - usual / shape.days;
}

// The features of target index t at horizon h. REQUIRES: t >= FirstTarget().
template <typename Row>
void Features(const Past& past, int t, int step, const SparShape& shape, Row&& row) {
  for (int k = 1; k <= shape.days; ++k) row(k - 1) = past[t - k * past.day];
  for (int j = 0; j < shape.recent; ++j) row(shape.days + j) = OffUsual(past, t - step - j, shape);
}

int FirstTarget(const Past& past, int step, const SparShape& shape) {
  return shape.days * past.day + step + shape.recent - 1;
}

}  // namespace

SparShape ShapeOfSpar(int history_bins, int day_bins) {
  const int days = history_bins / day_bins;
  SparShape shape;
  shape.days = days >= 14 ? 7 : std::clamp(days - 1, 1, 3);
  shape.recent = day_bins >= 96 ? 6 : (day_bins >= 48 ? 2 : 3);
  return shape;
}

Spar Spar::Fit(const Past& past, int step, const SparShape& shape) {
  const int first = FirstTarget(past, step, shape);
  const int columns = shape.days + shape.recent;
  const int rows = past.size() - first;
  if (rows < 2 * columns) return Spar(step, shape, {});
  Eigen::MatrixXd x(rows, columns);
  Eigen::VectorXd y(rows);
  Eigen::VectorXd weight(rows);
  for (int i = 0; i < rows; ++i) {
    Features(past, first + i, step, shape, x.row(i));
    y(i) = past[first + i];
    weight(i) = past.usable_at(first + i) ? 1.0 : 0.0;
  }
  return Spar(step, shape, SolveRidge(x, y, weight, Eigen::VectorXd::Zero(columns)));
}

double Spar::Forecast(const Past& past) const {
  const int t = past.size() - 1 + step_;
  // Beyond a day ahead the newest "day ago" is not known yet; day-1 repeats the last known day.
  if (beta_.size() == 0 || step_ > past.day || t < FirstTarget(past, step_, shape_))
    return DayBack(past, step_);
  double sum = 0;
  for (int k = 1; k <= shape_.days; ++k) sum += beta_(k - 1) * past[t - k * past.day];
  for (int j = 0; j < shape_.recent; ++j) {
    sum += beta_(shape_.days + j) * OffUsual(past, t - step_ - j, shape_);
  }
  return std::max(0.0, sum);
}

}  // namespace foreshard::forecast
