#include "forecast/models/global_ridge.h"

#include <algorithm>
#include <cmath>

#include "forecast/models/naive.h"
#include "forecast/transform.h"

namespace foreshard::forecast {

namespace {

constexpr double kClip = 10;
constexpr double kPenaltyShare = 1e-3;
constexpr float kResidualFloor = 0.1F;
constexpr std::size_t kBlockRows = 512;

struct Window {
  double mean = 0;
  double spread = 1;
};

Window WindowEndingAt(const std::vector<double>& v, int end, int week) {
  Window window;
  for (int i = end - week + 1; i <= end; ++i) window.mean += v[static_cast<std::size_t>(i)] / week;
  double spread = 0;
  for (int i = end - week + 1; i <= end; ++i) {
    spread += std::abs(v[static_cast<std::size_t>(i)] - window.mean) / week;
  }
  window.spread = spread + 1e-9;
  return window;
}

std::vector<double> Values(const Past& past, bool log, Transform& transform) {
  transform = {.space = Space::kLinear};
  if (log) {
    transform = FitTransform(past.y, Space::kLog1p);
    transform.mean = 0;
    transform.deviation = 1;
  }
  std::vector<double> values;
  values.reserve(past.y.size());
  for (const double y : past.y) values.push_back(transform.To(y));
  return values;
}

// All rows of all series as floats: they are only read, in blocks, three times.
struct Rows {
  Eigen::MatrixXf x;  // features x rows
  Eigen::MatrixXf y;  // horizon x rows
};

Rows CollectRows(std::span<const Past> series, const GlobalRidgeOptions& options) {
  const int reach = 2 * options.week;
  std::vector<std::pair<std::size_t, int>> places;
  std::vector<std::vector<double>> values;
  for (std::size_t s = 0; s < series.size(); ++s) {
    Transform unused;
    values.push_back(Values(series[s], options.log, unused));
    for (int t = reach - 1; t + options.horizon < series[s].size(); t += options.stride) {
      places.emplace_back(s, t);
    }
  }
  Rows rows;
  rows.x.resize(reach + 1, static_cast<Eigen::Index>(places.size()));
  rows.y.resize(options.horizon, static_cast<Eigen::Index>(places.size()));
  for (std::size_t r = 0; r < places.size(); ++r) {
    const auto [s, t] = places[r];
    const std::vector<double>& v = values[s];
    const Window window = WindowEndingAt(v, t, options.week);
    const auto scaled = [&](int i) {
      return (v[static_cast<std::size_t>(i)] - window.mean) / window.spread;
    };
    const auto column = static_cast<Eigen::Index>(r);
    for (int i = 0; i < reach; ++i) rows.x(i, column) = static_cast<float>(scaled(t - i));
    rows.x(reach, column) = 1;
    for (int h = 1; h <= options.horizon; ++h) {
      rows.y(h - 1, column) = static_cast<float>(std::clamp(scaled(t + h), -kClip, kClip));
    }
  }
  return rows;
}

Eigen::MatrixXf Solve(const Rows& rows, const Eigen::VectorXf& weight) {
  const Eigen::Index features = rows.x.rows();
  const Eigen::Index count = rows.x.cols();
  Eigen::MatrixXd normal = Eigen::MatrixXd::Zero(features, features);
  Eigen::MatrixXd right = Eigen::MatrixXd::Zero(features, rows.y.rows());
  Eigen::MatrixXf partial(features, features);
  Eigen::MatrixXf scaled;
  for (Eigen::Index begin = 0; begin < count; begin += kBlockRows) {
    const Eigen::Index size = std::min<Eigen::Index>(kBlockRows, count - begin);
    const auto x = rows.x.middleCols(begin, size);
    scaled.noalias() = x * weight.segment(begin, size).asDiagonal();
    partial.setZero();
    partial.selfadjointView<Eigen::Lower>().rankUpdate(
        x * weight.segment(begin, size).cwiseSqrt().asDiagonal());
    normal += partial.cast<double>();
    right += (scaled * rows.y.middleCols(begin, size).transpose()).cast<double>();
  }
  normal.diagonal().array() += kPenaltyShare * static_cast<double>(count);
  const Eigen::LLT<Eigen::MatrixXd, Eigen::Lower> solver(normal);
  return solver.solve(right).cast<float>();
}

}  // namespace

GlobalRidge GlobalRidge::Fit(std::span<const Past> series, const GlobalRidgeOptions& options) {
  GlobalRidge ridge;
  ridge.options_ = options;
  const Rows rows = CollectRows(series, options);
  if (rows.x.cols() < rows.x.rows()) return ridge;
  Eigen::VectorXf weight = Eigen::VectorXf::Ones(rows.x.cols());
  for (int round = 0; round < options.rounds; ++round) {
    ridge.map_ = Solve(rows, weight);
    if (round + 1 == options.rounds) break;
    for (Eigen::Index begin = 0; begin < rows.x.cols(); begin += kBlockRows) {
      const Eigen::Index size = std::min<Eigen::Index>(kBlockRows, rows.x.cols() - begin);
      const Eigen::MatrixXf off =
          rows.y.middleCols(begin, size) - ridge.map_.transpose() * rows.x.middleCols(begin, size);
      weight.segment(begin, size) =
          off.cwiseAbs().colwise().mean().transpose().cwiseMax(kResidualFloor).cwiseInverse();
    }
  }
  return ridge;
}

void GlobalRidge::Forecast(const Past& past, std::span<double> out) const {
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = WeekBack(past, static_cast<int>(i) + 1);
  const int reach = 2 * options_.week;
  if (!fitted() || past.size() < reach) return;
  Transform transform;
  const std::vector<double> v = Values(past, options_.log, transform);
  const int t = past.size() - 1;
  const Window window = WindowEndingAt(v, t, options_.week);
  Eigen::VectorXf x(reach + 1);
  for (int i = 0; i < reach; ++i) {
    x(i) = static_cast<float>((v[static_cast<std::size_t>(t - i)] - window.mean) / window.spread);
  }
  x(reach) = 1;
  const Eigen::VectorXf ahead = map_.transpose() * x;
  const std::size_t known = std::min(out.size(), static_cast<std::size_t>(ahead.size()));
  for (std::size_t h = 0; h < known; ++h) {
    out[h] = transform.From(
        window.mean + window.spread * static_cast<double>(ahead(static_cast<Eigen::Index>(h))));
  }
}

void GlobalRidge::Save(ByteWriter& out) const {
  out.Put(static_cast<std::int32_t>(options_.week));
  out.Put(static_cast<std::int32_t>(options_.horizon));
  out.Put(static_cast<std::uint8_t>(options_.log ? 1 : 0));
  out.PutAll(std::span<const float>(map_.data(), static_cast<std::size_t>(map_.size())));
}

bool GlobalRidge::Load(ByteReader& in) {
  constexpr std::int32_t kSidesMax = 20'000;
  options_.week = in.Get<std::int32_t>();
  options_.horizon = in.Get<std::int32_t>();
  options_.log = in.Get<std::uint8_t>() != 0;
  if (!in.good() || options_.week < 1 || options_.week > kSidesMax || options_.horizon < 1 ||
      options_.horizon > kSidesMax) {
    return false;
  }
  const Eigen::Index features = 2 * options_.week + 1;
  const std::vector<float> values = in.GetVector<float>(static_cast<std::size_t>(features) *
                                                        static_cast<std::size_t>(options_.horizon));
  if (!in.good()) return false;
  if (values.empty()) return true;
  if (static_cast<Eigen::Index>(values.size()) != features * options_.horizon) return false;
  map_ = Eigen::Map<const Eigen::MatrixXf>(values.data(), features, options_.horizon);
  return map_.allFinite();
}

}  // namespace foreshard::forecast
