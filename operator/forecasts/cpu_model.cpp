#include "operator/forecasts/cpu_model.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

namespace foreshard::op {

namespace {

constexpr int kRounds = 6;
using Vector = std::array<double, 3>;  // background, reads, writes

Vector Features(const CpuRow& row) {
  return {1, row.demand[model::DemandKind::kReads], row.demand[model::DemandKind::kWrites]};
}

double Predict(const Vector& beta, const Vector& x) {
  return beta[0] * x[0] + beta[1] * x[1] + beta[2] * x[2];
}

// Gaussian elimination on the chosen coefficients; the others are 0. Nothing if the system is
// singular.
std::optional<Vector> SolveSubset(const std::array<Vector, 3>& a, const Vector& b,
                                  unsigned subset) {
  std::array<std::array<double, 4>, 3> m{};
  for (std::size_t i = 0; i < 3; ++i) {
    const bool in = (subset >> i & 1) != 0;
    for (std::size_t j = 0; j < 3; ++j)
      m[i][j] = in && (subset >> j & 1) != 0 ? a[i][j] : (i == j ? 1 : 0);
    m[i][3] = in ? b[i] : 0;
  }
  for (std::size_t column = 0; column < 3; ++column) {
    std::size_t pivot = column;
    for (std::size_t row = column + 1; row < 3; ++row) {
      if (std::abs(m[row][column]) > std::abs(m[pivot][column])) pivot = row;
    }
    if (std::abs(m[pivot][column]) < 1e-12) return std::nullopt;
    std::swap(m[pivot], m[column]);
    for (std::size_t row = 0; row < 3; ++row) {
      if (row == column) continue;
      const double factor = m[row][column] / m[column][column];
      for (std::size_t k = column; k < 4; ++k) m[row][k] -= factor * m[column][k];
    }
  }
  return Vector{m[0][3] / m[0][0], m[1][3] / m[1][1], m[2][3] / m[2][2]};
}

// Of the non-negative solutions on all subsets the one with the least weighted squared error.
Vector SolveNonNegative(const std::vector<CpuRow>& rows, const std::vector<double>& weights) {
  std::array<Vector, 3> a{};
  Vector b{};
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const Vector x = Features(rows[r]);
    for (std::size_t i = 0; i < 3; ++i) {
      for (std::size_t j = 0; j < 3; ++j) a[i][j] += weights[r] * x[i] * x[j];
      b[i] += weights[r] * x[i] * rows[r].cores;
    }
  }
  Vector best{};
  double best_gain = 0;  // of b'beta, which is what the squared error falls by
  for (unsigned subset = 1; subset < 8; ++subset) {
    const std::optional<Vector> beta = SolveSubset(a, b, subset);
    if (!beta || *std::min_element(beta->begin(), beta->end()) < 0) continue;
    const double gain = b[0] * (*beta)[0] + b[1] * (*beta)[1] + b[2] * (*beta)[2];
    if (gain > best_gain) {
      best = *beta;
      best_gain = gain;
    }
  }
  return best;
}

double Median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

double Statements(const model::DemandPoint& demand) {
  return demand[model::DemandKind::kReads] + demand[model::DemandKind::kWrites];
}

}  // namespace

double CpuModel::Cores(const model::DemandPoint& demand) const {
  return background_cores + cores_per_read * demand[model::DemandKind::kReads] +
         cores_per_write * demand[model::DemandKind::kWrites];
}

bool IsUsable(const CpuModel& model, double capacity_cores) {
  return model.rows >= kCpuRowsMin && model.demand_ratio >= kDemandRatioMin &&
         model.median_error_cores <= kErrorShareMax * capacity_cores &&
         model.cores_per_read + model.cores_per_write > 0;
}

CpuModel FitCpuModel(const std::vector<CpuRow>& rows, double half_life_bins) {
  CpuModel model;
  model.rows = rows.size();
  if (rows.empty()) return model;
  std::vector<double> ages;
  for (const CpuRow& row : rows) ages.push_back(std::exp2(-row.age_bins / half_life_bins));
  std::vector<double> weights = ages;
  Vector beta{};
  std::vector<double> errors(rows.size());
  for (int round = 0; round < kRounds; ++round) {
    beta = SolveNonNegative(rows, weights);
    for (std::size_t r = 0; r < rows.size(); ++r)
      errors[r] = std::abs(rows[r].cores - Predict(beta, Features(rows[r])));
    const double scale = 1.48 * Median(errors) + 1e-6;
    for (std::size_t r = 0; r < rows.size(); ++r)
      weights[r] = ages[r] / std::max(errors[r] / scale, 0.5);
  }
  model.background_cores = beta[0];
  model.cores_per_read = beta[1];
  model.cores_per_write = beta[2];
  model.median_error_cores = Median(errors);
  double low = INFINITY;
  double high = 0;
  for (const CpuRow& row : rows) {
    low = std::min(low, Statements(row.demand));
    high = std::max(high, Statements(row.demand));
  }
  model.demand_ratio = high > 0 ? high / std::max(low, high / 1e6) : 0;
  return model;
}

}  // namespace foreshard::op
