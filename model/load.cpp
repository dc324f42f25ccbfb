#include "model/load.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/check.h"

namespace foreshard::model {

namespace {

// 1/rate of the exponential tail through the last two quantiles; 0 when they coincide.
double UpperTail(const Quantiles& q) {
  return (q[kFanLevels - 1] - q[kFanLevels - 2]) /
         std::log((1 - kLevels[kFanLevels - 2]) / (1 - kLevels[kFanLevels - 1]));
}

double LowerTail(const Quantiles& q) { return (q[1] - q[0]) / std::log(kLevels[1] / kLevels[0]); }

double ExcessBelowFirst(const Quantiles& q, double threshold) {
  if (threshold >= q[0]) return 0;
  const double tail = LowerTail(q);
  const double reach = q[0] - threshold;
  if (tail <= 0) return kLevels[0] * reach;
  return kLevels[0] * (reach - tail * (1 - std::exp(-reach / tail)));
}

double ExcessAboveLast(const Quantiles& q, double threshold) {
  const double mass = 1 - kLevels[kFanLevels - 1];
  const double top = q[kFanLevels - 1];
  const double tail = UpperTail(q);
  if (threshold <= top) return mass * (top - threshold + tail);
  return tail > 0 ? mass * tail * std::exp(-(threshold - top) / tail) : 0;
}

double ExcessOfSegment(double low, double high, double mass, double threshold) {
  if (threshold <= low) return mass * ((low + high) / 2 - threshold);
  if (threshold >= high) return 0;
  return mass * (high - threshold) * (high - threshold) / (2 * (high - low));
}

const Quantiles& StepOf(const Fan& fan, std::size_t step) {
  CHECK(step >= 1 && step <= fan.steps.size(), "step outside the fan", step, fan.steps.size());
  return fan.steps[step - 1];
}

double SteepestStep(const Fan& fan, std::size_t bins, double threshold) {
  double most = 0;
  for (std::size_t step = 1; step <= std::min(bins, fan.steps.size()); ++step) {
    most = std::max(most, Exceedance(fan.steps[step - 1], threshold));
  }
  return most;
}

}  // namespace

const char* ToString(DemandKind kind) {
  switch (kind) {
    case DemandKind::kReads:
      return "reads";
    case DemandKind::kWrites:
      return "writes";
    case DemandKind::kRows:
      return "rows";
    case DemandKind::kBytes:
      return "bytes";
    case DemandKind::kConnections:
      return "connections";
    case DemandKind::kCrossShard:
      return "cross-shard";
  }
  Unreachable(kind);
}

double Quantile(const Quantiles& q, double level) {
  CHECK(level > 0 && level < 1, "a level lies between 0 and 1", level);
  if (level <= kLevels.front()) {
    const double value = q[0] + LowerTail(q) * std::log(level / kLevels[0]);
    return q[0] >= 0 ? std::max(0.0, value) : value;
  }
  if (level >= kLevels.back()) {
    return q.back() - UpperTail(q) * std::log((1 - level) / (1 - kLevels.back()));
  }
  std::size_t i = 0;
  while (level > kLevels[i + 1]) ++i;
  const double share = (level - kLevels[i]) / (kLevels[i + 1] - kLevels[i]);
  return q[i] + share * (q[i + 1] - q[i]);
}

double Exceedance(const Quantiles& q, double threshold) {
  if (threshold < q.front()) {
    if (q.front() >= 0 && threshold < 0) return 1;
    const double tail = LowerTail(q);
    return tail > 0 ? 1 - kLevels.front() * std::exp((threshold - q.front()) / tail) : 1;
  }
  if (threshold >= q.back()) {
    const double tail = UpperTail(q);
    return tail > 0 ? (1 - kLevels.back()) * std::exp(-(threshold - q.back()) / tail) : 0;
  }
  std::size_t i = kFanLevels - 2;
  while (q[i] > threshold) --i;
  const double share = (threshold - q[i]) / (q[i + 1] - q[i]);  // q[i] <= threshold < q[i + 1]
  return 1 - (kLevels[i] + share * (kLevels[i + 1] - kLevels[i]));
}

double ExpectedExcess(const Quantiles& q, double threshold) {
  double excess = ExcessBelowFirst(q, threshold) + ExcessAboveLast(q, threshold);
  for (std::size_t i = 0; i + 1 < kFanLevels; ++i) {
    excess += ExcessOfSegment(q[i], q[i + 1], kLevels[i + 1] - kLevels[i], threshold);
  }
  return std::max(0.0, excess);
}

double Quantile(const Fan& fan, std::size_t step, double level) {
  return Quantile(StepOf(fan, step), level);
}

double Exceedance(const Fan& fan, std::size_t step, double threshold) {
  return Exceedance(StepOf(fan, step), threshold);
}

double ExpectedExcess(const Fan& fan, std::size_t step, double threshold) {
  return ExpectedExcess(StepOf(fan, step), threshold);
}

double ExceedanceInWindow(const Fan& fan, std::size_t bins, double threshold) {
  const double least = SteepestStep(fan, bins, threshold);
  double before = 0;
  std::size_t before_bins = 0;
  for (const WindowMaximum& window : fan.windows) {
    const double here = Exceedance(window.maximum, threshold);
    const auto here_bins = static_cast<std::size_t>(window.bins);
    if (here_bins >= bins) {
      const double share =
          static_cast<double>(bins - before_bins) / static_cast<double>(here_bins - before_bins);
      return std::clamp(before + share * (here - before), least, 1.0);
    }
    before = here;
    before_bins = here_bins;
  }
  return std::max(before, least);
}

double WindowQuantile(const Fan& fan, std::size_t bins, double level) {
  double most = -HUGE_VAL;
  for (std::size_t step = 1; step <= std::min(bins, fan.steps.size()); ++step) {
    most = std::max(most, Quantile(fan.steps[step - 1], level));
  }
  for (const WindowMaximum& window : fan.windows) {
    if (static_cast<std::size_t>(window.bins) < bins && &window != &fan.windows.back()) continue;
    return std::max(most, Quantile(window.maximum, level));
  }
  return most;
}

std::vector<double> PeakTime(const Scenarios& scenarios) {
  if (scenarios.paths.empty() || scenarios.paths.front().empty()) return {};
  std::vector<double> share(scenarios.paths.front().size(), 0.0);
  for (const std::vector<double>& path : scenarios.paths) {
    const auto peak = std::max_element(path.begin(), path.end()) - path.begin();
    share[static_cast<std::size_t>(peak)] += 1.0 / static_cast<double>(scenarios.paths.size());
  }
  return share;
}

Quantiles QuantilesOf(std::span<const double> sample) {
  CHECK(!sample.empty(), "quantiles of nothing");
  std::vector<double> sorted(sample.begin(), sample.end());
  std::sort(sorted.begin(), sorted.end());
  Quantiles quantiles{};
  for (std::size_t i = 0; i < kFanLevels; ++i) {
    const double place = kLevels[i] * static_cast<double>(sorted.size() - 1);
    const auto low = static_cast<std::size_t>(place);
    const std::size_t high = std::min(low + 1, sorted.size() - 1);
    quantiles[i] = sorted[low] + (place - static_cast<double>(low)) * (sorted[high] - sorted[low]);
  }
  return quantiles;
}

double Trust::Value() const {
  return std::min(cap, history * data * skill * coverage * drift * freshness);
}

std::string_view Trust::Weakest() const {
  const std::array<std::pair<double, std::string_view>, 7> parts = {{{history, "history"},
                                                                     {data, "data"},
                                                                     {skill, "skill"},
                                                                     {coverage, "coverage"},
                                                                     {drift, "drift"},
                                                                     {freshness, "freshness"},
                                                                     {cap, "inheritance"}}};
  return std::min_element(parts.begin(), parts.end(),
                          [](const auto& a, const auto& b) { return a.first < b.first; })
      ->second;
}

}  // namespace foreshard::model
