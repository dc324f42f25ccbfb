#pragma once

#include <Eigen/Dense>
#include <vector>

// Weighted ridge regression, and least absolute deviations by reweighting. The only solver of the
// linear models.

namespace foreshard::forecast {

// (X'WX + diag(penalty)) beta = X'Wy by LDLT.
// Shape: X is n x p, y and w n, penalty p >= 0. A singular system gives the zero of the free
// directions, never NaN.
Eigen::VectorXd SolveRidge(const Eigen::MatrixXd& x, const Eigen::VectorXd& y,
                           const Eigen::VectorXd& weight, const Eigen::VectorXd& penalty);

struct AbsoluteOptions {
  int rounds = 4;            // reweightings; one solve more than rounds
  bool median_scale = true;  // scale = 1.48 median|r|, else mean|r|
  double floor = 0.5;        // weight = w0 / max(|r| / scale, floor)
};

// One-hot columns that are not stored: row i has a 1 in the column of its group. Group 0 has none,
// it is the intercept's.
struct Groups {
  std::vector<int> of_row;  // empty: there are no groups
  int count = 0;
  Eigen::Index columns() const { return count > 1 ? count - 1 : 0; }
};

// Minimises about sum w0 |y - Xb| + penalty. Source: iteratively reweighted least squares
// (Schlossmacher, JASA 68, 1973). Cost: (rounds + 1) * n * p^2.
Eigen::VectorXd SolveAbsolute(const Eigen::MatrixXd& x, const Eigen::VectorXd& y,
                              const Eigen::VectorXd& w0, const Eigen::VectorXd& penalty,
                              const AbsoluteOptions& options);
// The same for [X, one-hot groups]; the penalty has x.cols() + groups.columns() entries, and so has
// the result.
Eigen::VectorXd SolveAbsolute(const Eigen::MatrixXd& x, const Groups& groups,
                              const Eigen::VectorXd& y, const Eigen::VectorXd& w0,
                              const Eigen::VectorXd& penalty, const AbsoluteOptions& options);

// Median of the values; reorders them. 0 for none.
double MedianInPlace(Eigen::VectorXd& values);

}  // namespace foreshard::forecast
