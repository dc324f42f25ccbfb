#include "forecast/linear.h"

#include <algorithm>

namespace foreshard::forecast {

namespace {

constexpr double kTiny = 1e-12;

Eigen::VectorXd SolveNormal(Eigen::MatrixXd normal, const Eigen::VectorXd& right,
                            const Eigen::VectorXd& penalty) {
  normal.diagonal() += penalty;
  // Columns to unit length, so that units change nothing; the jitter keeps a constant or repeated
  // column from dividing by zero.
  const Eigen::VectorXd unit =
      (normal.diagonal().array() > 0).select(normal.diagonal().array().rsqrt(), 0.0);
  normal = unit.asDiagonal() * normal * unit.asDiagonal();
  normal.diagonal().setConstant(1 + kTiny);
  const Eigen::LDLT<Eigen::MatrixXd> solver(normal.selfadjointView<Eigen::Lower>());
  Eigen::VectorXd beta = solver.solve(unit.cwiseProduct(right)).cwiseProduct(unit);
  if (!beta.allFinite()) beta.setZero();
  return beta;
}

// Buffers of one regression, so that a reweighting allocates nothing.
struct Workspace {
  Workspace(const Eigen::MatrixXd& x, const Groups& groups)
      : scaled(x.rows(), x.cols()),
        normal(x.cols() + groups.columns(), x.cols() + groups.columns()),
        right(x.cols() + groups.columns()),
        by_group(x.cols() + 2, std::max(1, groups.count)) {}

  Eigen::MatrixXd scaled;
  Eigen::MatrixXd normal;
  Eigen::VectorXd right;
  Eigen::MatrixXd by_group;  // sums over each group: w x (rows), w, w y
};

void AccumulateGroups(const Eigen::MatrixXd& x, const Groups& groups, const Eigen::VectorXd& y,
                      const Eigen::VectorXd& w, Workspace& space) {
  const auto p = x.cols();
  space.by_group.setZero();
  for (Eigen::Index i = 0; i < x.rows(); ++i) {
    const int group = groups.of_row[static_cast<std::size_t>(i)];
    space.by_group.col(group).head(p) += w(i) * x.row(i).transpose();
    space.by_group(p, group) += w(i);
    space.by_group(p + 1, group) += w(i) * y(i);
  }
  for (int g = 1; g < groups.count; ++g) {
    const Eigen::Index at = p + g - 1;
    space.normal.row(at).head(p) = space.by_group.col(g).head(p).transpose();
    space.normal(at, at) = space.by_group(p, g);
    space.right(at) = space.by_group(p + 1, g);
  }
}

// X'WX (lower triangle) and X'Wy.
void Accumulate(const Eigen::MatrixXd& x, const Groups& groups, const Eigen::VectorXd& y,
                const Eigen::VectorXd& w, Workspace& space) {
  const auto p = x.cols();
  space.scaled.noalias() = w.array().max(0).sqrt().matrix().asDiagonal() * x;
  space.normal.setZero();
  space.normal.topLeftCorner(p, p).noalias() = space.scaled.transpose() * space.scaled;
  space.right.head(p).noalias() = x.transpose() * w.cwiseProduct(y);
  if (groups.columns() > 0) AccumulateGroups(x, groups, y, w, space);
}

void Predict(const Eigen::MatrixXd& x, const Groups& groups, const Eigen::VectorXd& beta,
             Eigen::VectorXd& out) {
  out.noalias() = x * beta.head(x.cols());
  if (groups.columns() == 0) return;
  for (Eigen::Index i = 0; i < x.rows(); ++i) {
    const int group = groups.of_row[static_cast<std::size_t>(i)];
    if (group > 0) out(i) += beta(x.cols() + group - 1);
  }
}

}  // namespace

double MedianInPlace(Eigen::VectorXd& values) {
  const auto n = values.size();
  if (n == 0) return 0;
  double* begin = values.data();
  double* middle = begin + n / 2;
  std::nth_element(begin, middle, begin + n);
  if (n % 2 == 1) return *middle;
  return (*middle + *std::max_element(begin, middle)) / 2;
}

Eigen::VectorXd SolveRidge(const Eigen::MatrixXd& x, const Eigen::VectorXd& y,
                           const Eigen::VectorXd& weight, const Eigen::VectorXd& penalty) {
  Workspace space(x, {});
  Accumulate(x, {}, y, weight, space);
  return SolveNormal(std::move(space.normal), space.right, penalty);
}

Eigen::VectorXd SolveAbsolute(const Eigen::MatrixXd& x, const Groups& groups,
                              const Eigen::VectorXd& y, const Eigen::VectorXd& w0,
                              const Eigen::VectorXd& penalty, const AbsoluteOptions& options) {
  Workspace space(x, groups);
  Eigen::VectorXd weight = w0;
  Eigen::VectorXd residual(y.size());
  Eigen::VectorXd sorted;
  for (int round = 0;; ++round) {
    Accumulate(x, groups, y, weight, space);
    Eigen::VectorXd beta = SolveNormal(space.normal, space.right, penalty);
    if (round == options.rounds) return beta;
    Predict(x, groups, beta, residual);
    residual = (y - residual).cwiseAbs();
    double scale = 0;
    if (options.median_scale) {
      sorted = residual;
      scale = 1.48 * MedianInPlace(sorted) + 1e-6;
    } else {
      scale = residual.mean() + 1e-300;
    }
    weight = w0.array() / (residual.array() / scale).max(options.floor);
  }
}

Eigen::VectorXd SolveAbsolute(const Eigen::MatrixXd& x, const Eigen::VectorXd& y,
                              const Eigen::VectorXd& w0, const Eigen::VectorXd& penalty,
                              const AbsoluteOptions& options) {
  return SolveAbsolute(x, {}, y, w0, penalty, options);
}

}  // namespace foreshard::forecast
