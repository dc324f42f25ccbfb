#include "forecast/models/card_pair.h"

#include <Eigen/Dense>
#include <vector>

#include "forecast/linear.h"

namespace foreshard::forecast {

namespace {

constexpr int kHours = 24;
constexpr double kFreePenalty = 1e-6;

std::vector<int> CalibrationLags(const Past& past) {
  std::vector<int> lags;
  for (const int lag : {1, 2, past.day, past.day + 1, past.week, past.week + 1}) {
    const bool fits = lag > 0 && lag < 0.6 * past.size() && (lags.empty() || lag > lags.back());
    if (fits) lags.push_back(lag);
  }
  return lags;
}

}  // namespace

void CardPair(const Past& past, std::span<const double> first, std::span<const double> second,
              Space space, std::span<double> out) {
  const std::vector<int> lags = CalibrationLags(past);
  if (lags.empty() || past.size() < 2 * past.day) {
    for (std::size_t h = 0; h < out.size(); ++h) out[h] = (first[h] + second[h]) / 2;
    return;
  }
  std::vector<double> extended(past.y.begin(), past.y.end());
  for (std::size_t h = 0; h < out.size(); ++h) extended.push_back((first[h] + second[h]) / 2);
  const Transform transform = FitTransform(extended, space);
  const auto total = static_cast<int>(extended.size());
  Eigen::VectorXd z(total);
  for (int i = 0; i < total; ++i) z(i) = transform.To(extended[static_cast<std::size_t>(i)]);

  const int begin = lags.back();
  const int rows = total - begin;
  Eigen::MatrixXd x(rows, static_cast<Eigen::Index>(lags.size()) + 1);
  x.col(0).setOnes();
  for (std::size_t c = 0; c < lags.size(); ++c) {
    x.col(static_cast<Eigen::Index>(c) + 1) = z.segment(begin - lags[c], rows);
  }
  Groups groups;
  groups.count = kHours;
  for (int i = 0; i < rows; ++i) {
    groups.of_row.push_back(past.DayPosition(begin + i - (past.size() - 1)) * kHours / past.day);
  }
  Eigen::VectorXd penalty = Eigen::VectorXd::Ones(x.cols() + groups.columns());
  penalty(0) = kFreePenalty;
  const Eigen::VectorXd beta =
      SolveAbsolute(x, groups, z.tail(rows), Eigen::VectorXd::Ones(rows), penalty, {.rounds = 0});
  for (std::size_t h = 0; h < out.size(); ++h) {
    const Eigen::Index row = rows - static_cast<Eigen::Index>(out.size() - h);
    double fitted = x.row(row).dot(beta.head(x.cols()));
    const int group = groups.of_row[static_cast<std::size_t>(row)];
    if (group > 0) fitted += beta(x.cols() + group - 1);
    out[h] = transform.From(fitted);
  }
}

}  // namespace foreshard::forecast
