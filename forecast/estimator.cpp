#include "forecast/estimator.h"

#include <fmt/format.h>

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>

namespace foreshard::forecast {

namespace {

constexpr std::size_t kSlots = 24;
constexpr int kRounds = 6;
constexpr int kSweepsMax = 500;
constexpr double kSlotPenalty =
    0.05;  // of the rows' weight: a slot needs evidence to differ from the common background
// Before a slot was seen on this many days what it adds cannot be told from what the load of that
// hour costs; then there is one background for all.
constexpr int kSlotDaysMin = 3;
constexpr double kNoSlots = 1e3;
constexpr double kTinyPenalty = 1e-9;
constexpr Eigen::Index kColumns =
    model::kDemandKinds + 1 + kSlots;  // demand, common background, what a slot adds
constexpr std::size_t kStoragePointsMax = 168;

double MedianOf(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

double Statements(const model::DemandPoint& demand) {
  return demand[model::DemandKind::kReads] + demand[model::DemandKind::kWrites];
}

// min b'Ab - 2 b'c over b >= 0, by coordinate descent. A is symmetric with a positive diagonal.
Eigen::VectorXd SolveNonNegative(const Eigen::MatrixXd& a, const Eigen::VectorXd& c) {
  Eigen::VectorXd beta = Eigen::VectorXd::Zero(c.size());
  Eigen::VectorXd gradient = -c;  // A beta - c
  for (int sweep = 0; sweep < kSweepsMax; ++sweep) {
    double moved = 0;
    for (Eigen::Index k = 0; k < c.size(); ++k) {
      const double next = std::max(0.0, beta(k) - gradient(k) / a(k, k));
      const double change = next - beta(k);
      if (change == 0) continue;
      gradient += change * a.col(k);
      beta(k) = next;
      moved = std::max(moved, std::abs(change));
    }
    if (moved <= 1e-10 * beta.maxCoeff()) break;
  }
  return beta;
}

// The rows of one resource as a regression, columns scaled to a mean of 1.
class Problem {
 public:
  Problem(std::span<const UsageRow> rows, double UsageRow::*used, const EstimatorOptions& options) {
    std::vector<const UsageRow*> known;
    for (const UsageRow& row : rows) {
      if (std::isfinite(row.*used)) known.push_back(&row);
    }
    const auto n = static_cast<Eigen::Index>(known.size());
    x_ = Eigen::MatrixXd::Zero(n, kColumns);
    y_.resize(n);
    age_.resize(n);
    day_bins_ = options.day_bins;
    if (n > 0) {
      slots_known_ = known.back()->at - known.front()->at >= kSlotDaysMin * day_bins_;
    }
    model::Estimator clock;
    clock.day_bins = options.day_bins;
    for (Eigen::Index i = 0; i < n; ++i) {
      const UsageRow& row = *known[static_cast<std::size_t>(i)];
      for (std::size_t k = 0; k < model::kDemandKinds; ++k)
        x_(i, static_cast<Eigen::Index>(k)) = row.demand.rate[k];
      x_(i, model::kDemandKinds) = 1;
      x_(i, static_cast<Eigen::Index>(model::kDemandKinds) + 1 + clock.SlotOf(row.at, kSlots)) = 1;
      y_(i) = row.*used;
      at_.push_back(row.at);
      age_(i) = std::exp2(-static_cast<double>(rows.back().at - row.at) /
                          (options.half_life_days * options.day_bins));
    }
    scale_ = Eigen::VectorXd::Ones(kColumns);
    for (std::size_t k = 0; k < model::kDemandKinds && n > 0; ++k) {
      const double mean = x_.col(static_cast<Eigen::Index>(k)).mean();
      if (mean > 0) scale_(static_cast<Eigen::Index>(k)) = mean;
    }
    x_ *= scale_.cwiseInverse().asDiagonal();
  }

  Eigen::Index rows() const { return y_.size(); }

  // Coefficients in the units of the data.
  Eigen::VectorXd Fit(const model::ResourceModel* prior, double prior_rows) const {
    Eigen::VectorXd weight = age_;
    Eigen::VectorXd beta;
    for (int round = 0; round < kRounds; ++round) {
      Eigen::MatrixXd a = x_.transpose() * weight.asDiagonal() * x_;
      Eigen::VectorXd c = x_.transpose() * weight.cwiseProduct(y_);
      Penalise(prior, prior_rows, weight.sum(), a, c);
      beta = SolveNonNegative(a, c);
      const Eigen::VectorXd residual = (y_ - x_ * beta).cwiseAbs();
      const double scale = 1.48 * MedianOf({residual.begin(), residual.end()}) +
                           1e-9 * y_.cwiseAbs().mean() + 1e-300;
      weight = age_.array() / (residual.array() / scale).max(0.5);
    }
    return beta.cwiseQuotient(scale_);
  }

  std::vector<double> Errors(const Eigen::VectorXd& beta) const {
    const Eigen::VectorXd error = y_ - x_ * beta.cwiseProduct(scale_);
    return {error.begin(), error.end()};
  }
  // Of all errors, the absolute ones of the last day.
  std::vector<double> OfLastDay(const std::vector<double>& errors) const {
    std::vector<double> recent;
    for (std::size_t i = 0; i < errors.size(); ++i) {
      if (at_.back() - at_[i] < day_bins_) recent.push_back(std::abs(errors[i]));
    }
    return recent;
  }

 private:
  void Penalise(const model::ResourceModel* prior, double prior_rows, double total,
                Eigen::MatrixXd& a, Eigen::VectorXd& c) const {
    for (Eigen::Index k = 0; k < kColumns; ++k) {
      a(k, k) += kTinyPenalty * total + 1e-300;
      if (k > static_cast<Eigen::Index>(model::kDemandKinds))
        a(k, k) += (slots_known_ ? kSlotPenalty / kSlots : kNoSlots) * total;
      if (prior == nullptr || k >= static_cast<Eigen::Index>(model::kDemandKinds)) continue;
      const double wanted = prior->weight[static_cast<std::size_t>(k)] * scale_(k);
      a(k, k) += prior_rows;
      c(k) += prior_rows * wanted;
    }
  }

  Eigen::MatrixXd x_;
  Eigen::VectorXd y_;
  Eigen::VectorXd age_;
  Eigen::VectorXd scale_;
  std::vector<model::BinIndex> at_;
  model::BinIndex day_bins_ = 0;
  bool slots_known_ = false;
};

model::ResourceModel FitResource(std::span<const UsageRow> rows, double UsageRow::*used,
                                 const EstimatorOptions& options,
                                 const model::ResourceModel* prior) {
  model::ResourceModel resource;
  const Problem problem(rows, used, options);
  if (problem.rows() < options.rows_min) return prior != nullptr ? *prior : resource;
  const Eigen::VectorXd beta = problem.Fit(prior, options.prior_rows);
  for (std::size_t k = 0; k < model::kDemandKinds; ++k)
    resource.weight[k] = beta(static_cast<Eigen::Index>(k));
  const auto common = static_cast<Eigen::Index>(model::kDemandKinds);
  for (std::size_t slot = 0; slot < kSlots; ++slot) {
    resource.background.push_back(beta(common) +
                                  beta(common + 1 + static_cast<Eigen::Index>(slot)));
  }
  const std::vector<double> errors = problem.Errors(beta);
  resource.error = model::QuantilesOf(errors);
  resource.median_error = MedianOf(problem.OfLastDay(errors));
  return resource;
}

model::LatencyModel FitLatency(std::span<const UsageRow> rows, double capacity_cores) {
  std::vector<double> load;
  std::vector<double> seconds;
  for (const UsageRow& row : rows) {
    if (!std::isfinite(row.latency_seconds) || !std::isfinite(row.cpu_cores) ||
        row.latency_seconds <= 0)
      continue;
    const double u = std::clamp(row.cpu_cores / capacity_cores, 0.0, 0.99);
    load.push_back(u / (1 - u));
    seconds.push_back(row.latency_seconds);
  }
  model::LatencyModel latency;
  if (load.size() < 2) return latency;
  const auto n = static_cast<Eigen::Index>(load.size());
  Eigen::MatrixXd x(n, 2);
  x.col(0).setOnes();
  x.col(1) = Eigen::Map<const Eigen::VectorXd>(load.data(), n);
  const Eigen::VectorXd y = Eigen::Map<const Eigen::VectorXd>(seconds.data(), n);
  Eigen::VectorXd weight = Eigen::VectorXd::Ones(n);
  for (int round = 0; round < kRounds; ++round) {
    Eigen::MatrixXd a = x.transpose() * weight.asDiagonal() * x;
    a.diagonal().array() += 1e-12 * a.trace() + 1e-300;
    const Eigen::VectorXd beta = SolveNonNegative(a, x.transpose() * weight.cwiseProduct(y));
    latency = {.base_seconds = beta(0), .queueing_seconds = beta(1)};
    const Eigen::VectorXd residual = (y - x * beta).cwiseAbs();
    const double scale =
        1.48 * MedianOf({residual.begin(), residual.end()}) + 1e-9 * y.mean() + 1e-300;
    weight = (residual.array() / scale).max(0.5).inverse();
  }
  return latency;
}

// 95th percentile of the ratio by slot of the day, at least 1.
std::vector<double> FitPeaks(std::span<const UsageRow> rows, const model::Estimator& clock) {
  std::vector<std::vector<double>> by_slot(kSlots);
  for (const UsageRow& row : rows) {
    if (std::isfinite(row.peak_ratio)) {
      by_slot[static_cast<std::size_t>(clock.SlotOf(row.at, kSlots))].push_back(row.peak_ratio);
    }
  }
  std::vector<double> peaks;
  for (const std::vector<double>& ratios : by_slot) {
    peaks.push_back(
        ratios.empty() ? 1 : std::max(1.0, model::Quantile(model::QuantilesOf(ratios), 0.95)));
  }
  return peaks;
}

std::string WhyExcluded(std::span<const UsageRow> rows, const model::Estimator& fitted,
                        const EstimatorOptions& options) {
  if (rows.size() < static_cast<std::size_t>(options.rows_min)) {
    return fmt::format("{} bins seen, {} needed", rows.size(), options.rows_min);
  }
  double least = HUGE_VAL;
  double most = 0;
  for (const UsageRow& row : rows) {
    least = std::min(least, Statements(row.demand));
    most = std::max(most, Statements(row.demand));
  }
  if (most <= 0 || most < options.demand_ratio_min * least) {
    return fmt::format("demand seen covers a factor of {:.2f}, {:.0f} needed",
                       least > 0 ? most / least : 1.0, options.demand_ratio_min);
  }
  const double allowed = options.error_share_max * options.capacity_cores;
  if (fitted.cpu.median_error > allowed) {
    return fmt::format("median CPU error of the last day is {:.0f} points, {:.0f} allowed",
                       100 * fitted.cpu.median_error / options.capacity_cores,
                       100 * options.error_share_max);
  }
  const auto& weight = fitted.cpu.weight;
  if (std::all_of(weight.begin(), weight.end(), [](double w) { return w <= 0; }))
    return "CPU does not follow demand";
  return {};
}

}  // namespace

model::Estimator FitEstimator(std::span<const UsageRow> rows, const EstimatorOptions& options,
                              const model::Estimator* prior) {
  model::Estimator estimator;
  estimator.day_bins = options.day_bins;
  if (rows.empty()) return estimator;
  const bool has_prior = prior != nullptr && !prior->excluded;
  estimator.cpu =
      FitResource(rows, &UsageRow::cpu_cores, options, has_prior ? &prior->cpu : nullptr);
  estimator.io =
      FitResource(rows, &UsageRow::io_per_second, options, has_prior ? &prior->io : nullptr);
  estimator.latency = FitLatency(rows, options.capacity_cores);
  estimator.peak_factor = FitPeaks(rows, estimator);
  for (const UsageRow& row : rows) {
    estimator.statements_seen_most =
        std::max(estimator.statements_seen_most, Statements(row.demand));
  }
  estimator.reason = WhyExcluded(rows, estimator, options);
  estimator.excluded = !estimator.reason.empty();
  return estimator;
}

model::StorageTrend FitStorage(std::span<const double> bytes, int day_bins) {
  model::StorageTrend trend;
  const std::size_t window = std::min(bytes.size(), static_cast<std::size_t>(7 * day_bins));
  const std::span<const double> recent = bytes.last(window);
  if (recent.empty()) return trend;
  trend.bytes = recent.back();
  const std::size_t stride = std::max<std::size_t>(1, recent.size() / kStoragePointsMax);
  std::vector<double> slopes;
  for (std::size_t i = 0; i < recent.size(); i += stride) {
    // Slopes over at least a sixth of the window: shorter ones measure vacuum, not growth.
    for (std::size_t j = i + std::max<std::size_t>(1, recent.size() / 6); j < recent.size();
         j += stride) {
      slopes.push_back((recent[j] - recent[i]) / static_cast<double>(j - i) * day_bins);
    }
  }
  if (!slopes.empty()) trend.bytes_per_day = model::QuantilesOf(slopes);
  return trend;
}

}  // namespace foreshard::forecast
