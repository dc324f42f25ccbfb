#include "forecast/models/arma.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>

namespace foreshard::forecast {

namespace {

constexpr std::size_t kValuesMin = 50;
constexpr int kStepsMax = 50;
constexpr std::size_t kMemory = 5;       // pairs of L-BFGS
constexpr double kGradientSmall = 1e-5;  // of the mean log loss
constexpr double kFreeMost = 4;          // tanh(4) = 0.9993
constexpr int kLongAr = 10;              // of the first stage of Hannan-Rissanen

struct Shape {
  int p = 0;
  int q = 0;
};

std::vector<double> Head(const Eigen::VectorXd& free, int begin, int count) {
  std::vector<double> part(free.data() + begin, free.data() + begin + count);
  return StationaryFromFree(part);
}

// The one-step errors; the first max(p, q) are zero.
void Errors(std::span<const double> x, std::span<const double> ar, std::span<const double> ma,
            std::vector<double>& e) {
  e.assign(x.size(), 0);
  const std::size_t begin = std::max(ar.size(), ma.size());
  for (std::size_t t = begin; t < x.size(); ++t) {
    double predicted = 0;
    for (std::size_t i = 0; i < ar.size(); ++i) predicted += ar[i] * x[t - 1 - i];
    for (std::size_t j = 0; j < ma.size(); ++j) predicted += ma[j] * e[t - 1 - j];
    e[t] = x[t] - predicted;
  }
}

// Half the log of the mean squared error: scale-free, so that one tolerance fits all series.
class Loss {
 public:
  Loss(std::span<const double> x, Shape shape) : x_(x), shape_(shape) {}

  double At(const Eigen::VectorXd& free) const {
    const std::vector<double> ar = Head(free, 0, shape_.p);
    std::vector<double> ma = Head(free, shape_.p, shape_.q);
    for (double& b : ma) b = -b;  // invertible: 1 + b z has its roots outside
    Errors(x_, ar, ma, errors_);
    double sum = 0;
    for (const double e : errors_) sum += e * e;
    return 0.5 * std::log(sum / static_cast<double>(x_.size()) + 1e-300);
  }

  Eigen::VectorXd Gradient(const Eigen::VectorXd& free) const {
    constexpr double kStep = 1e-5;
    Eigen::VectorXd gradient(free.size());
    for (Eigen::Index i = 0; i < free.size(); ++i) {
      Eigen::VectorXd a = free;
      Eigen::VectorXd b = free;
      a(i) += kStep;
      b(i) -= kStep;
      gradient(i) = (At(a) - At(b)) / (2 * kStep);
    }
    return gradient;
  }

 private:
  std::span<const double> x_;
  Shape shape_;
  mutable std::vector<double> errors_;
};

struct Pair {
  Eigen::VectorXd s;
  Eigen::VectorXd y;
};

// Two-loop recursion of L-BFGS (Nocedal 1980).
Eigen::VectorXd Direction(const std::vector<Pair>& pairs, const Eigen::VectorXd& gradient) {
  Eigen::VectorXd q = gradient;
  std::vector<double> alpha(pairs.size());
  for (std::size_t i = pairs.size(); i-- > 0;) {
    alpha[i] = pairs[i].s.dot(q) / pairs[i].s.dot(pairs[i].y);
    q -= alpha[i] * pairs[i].y;
  }
  if (!pairs.empty()) q *= pairs.back().s.dot(pairs.back().y) / pairs.back().y.squaredNorm();
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const double beta = pairs[i].y.dot(q) / pairs[i].s.dot(pairs[i].y);
    q += (alpha[i] - beta) * pairs[i].s;
  }
  return -q;
}

bool Minimise(const Loss& loss, Eigen::VectorXd& free) {
  std::vector<Pair> pairs;
  double value = loss.At(free);
  Eigen::VectorXd gradient = loss.Gradient(free);
  for (int step = 0; step < kStepsMax; ++step) {
    if (gradient.cwiseAbs().maxCoeff() < kGradientSmall) return true;
    Eigen::VectorXd direction = Direction(pairs, gradient);
    if (direction.dot(gradient) >= 0) {
      pairs.clear();
      direction = -gradient;
    }
    double length = std::min(1.0, 1.0 / direction.norm());
    Eigen::VectorXd next = free;
    double next_value = value;
    for (int halving = 0; halving < 20; ++halving, length /= 2) {
      next = (free + length * direction).cwiseMax(-kFreeMost).cwiseMin(kFreeMost);
      next_value = loss.At(next);
      if (next_value <= value + 1e-4 * gradient.dot(next - free)) break;
    }
    if (!(next_value < value)) return true;  // no lower place in this direction
    const Eigen::VectorXd next_gradient = loss.Gradient(next);
    Pair pair{next - free, next_gradient - gradient};
    if (pair.s.dot(pair.y) > 1e-12) {
      pairs.push_back(std::move(pair));
      if (pairs.size() > kMemory) pairs.erase(pairs.begin());
    }
    const double gained = value - next_value;
    free = next;
    value = next_value;
    gradient = next_gradient;
    if (gained < 1e-9) return true;
  }
  return false;
}

// Ordinary least squares of x on its own lags and those of e.
Eigen::VectorXd Regress(std::span<const double> x, std::span<const double> e, Shape shape,
                        int begin) {
  const auto rows = static_cast<Eigen::Index>(x.size()) - begin;
  Eigen::MatrixXd design(rows, shape.p + shape.q);
  Eigen::VectorXd target(rows);
  for (Eigen::Index r = 0; r < rows; ++r) {
    const auto t = static_cast<std::size_t>(r + begin);
    for (int i = 0; i < shape.p; ++i) design(r, i) = x[t - 1 - static_cast<std::size_t>(i)];
    for (int j = 0; j < shape.q; ++j)
      design(r, shape.p + j) = e[t - 1 - static_cast<std::size_t>(j)];
    target(r) = x[t];
  }
  Eigen::MatrixXd normal = design.transpose() * design;
  normal.diagonal() *= 1 + 1e-9;
  normal.diagonal().array() += 1e-300;
  return normal.ldlt().solve(design.transpose() * target);
}

// Free numbers whose AR is near the given one: partial autocorrelations by step-down, then atanh.
std::vector<double> FreeFromStationary(std::vector<double> coefficients) {
  std::vector<double> free(coefficients.size());
  for (std::size_t k = coefficients.size(); k-- > 0;) {
    const double partial = std::clamp(coefficients[k], -0.95, 0.95);
    free[k] = std::atanh(partial);
    std::vector<double> lower(k);
    for (std::size_t i = 0; i < k; ++i) {
      lower[i] = (coefficients[i] + partial * coefficients[k - 1 - i]) / (1 - partial * partial);
    }
    std::copy(lower.begin(), lower.end(), coefficients.begin());
  }
  return free;
}

Eigen::VectorXd HannanRissanen(std::span<const double> x, Shape shape) {
  std::vector<double> e(x.size(), 0);
  const Shape longer{kLongAr, 0};
  const Eigen::VectorXd ar = Regress(x, e, longer, kLongAr);
  for (std::size_t t = kLongAr; t < x.size(); ++t) {
    double predicted = 0;
    for (int i = 0; i < kLongAr; ++i) predicted += ar(i) * x[t - 1 - static_cast<std::size_t>(i)];
    e[t] = x[t] - predicted;
  }
  const Eigen::VectorXd beta = Regress(x, e, shape, kLongAr + 2);
  Eigen::VectorXd free(shape.p + shape.q);
  const std::vector<double> a = FreeFromStationary({beta.data(), beta.data() + shape.p});
  std::vector<double> b(beta.data() + shape.p, beta.data() + shape.p + shape.q);
  for (double& value : b) value = -value;
  b = FreeFromStationary(b);
  for (int i = 0; i < shape.p; ++i) free(i) = a[static_cast<std::size_t>(i)];
  for (int j = 0; j < shape.q; ++j) free(shape.p + j) = b[static_cast<std::size_t>(j)];
  return free.allFinite() ? free : Eigen::VectorXd::Zero(shape.p + shape.q);
}

}  // namespace

std::vector<double> StationaryFromFree(std::span<const double> free) {
  std::vector<double> coefficients;
  for (const double number : free) {
    const double partial = std::tanh(number);
    std::vector<double> next(coefficients.size() + 1, partial);
    for (std::size_t i = 0; i < coefficients.size(); ++i) {
      next[i] = coefficients[i] - partial * coefficients[coefficients.size() - 1 - i];
    }
    coefficients = std::move(next);
  }
  return coefficients;
}

Arma FitArma(std::span<const double> x, int p_most, int q_most) {
  Arma best;
  if (x.size() < kValuesMin) return best;
  double best_score = HUGE_VAL;
  const auto n = static_cast<double>(x.size());
  for (int p = 0; p <= p_most; ++p) {
    for (int q = 0; q <= q_most; ++q) {
      if (p + q == 0) continue;
      const Shape shape{p, q};
      const Loss loss(x, shape);
      Eigen::VectorXd free = HannanRissanen(x, shape);
      const bool converged = Minimise(loss, free);
      const double k = p + q + 1;
      const double score = 2 * n * loss.At(free) + 2 * k + 2 * k * (k + 1) / (n - k - 1);
      if (!(score < best_score) || !converged) continue;
      best_score = score;
      best.ar = Head(free, 0, p);
      best.ma = Head(free, p, q);
      for (double& b : best.ma) b = -b;
      best.variance = std::exp(2 * loss.At(free));
      best.converged = true;
    }
  }
  return best;
}

void Arma::Forecast(std::span<const double> x, std::span<double> out) const {
  std::fill(out.begin(), out.end(), 0.0);
  if (!converged || x.size() < 2) return;
  std::vector<double> e;
  Errors(x, ar, ma, e);
  const auto at = [&](std::size_t h, std::size_t back) {  // x of `back` steps before step h
    return h >= back ? out[h - back] : x[x.size() - (back - h)];
  };
  for (std::size_t h = 0; h < out.size(); ++h) {
    double value = 0;
    for (std::size_t i = 0; i < ar.size(); ++i) value += ar[i] * at(h, i + 1);
    for (std::size_t j = h; j < ma.size(); ++j) value += ma[j] * e[e.size() - 1 - (j - h)];
    out[h] = value;
  }
}

}  // namespace foreshard::forecast
