#include "planner/outlook.h"

#include <algorithm>

#include "base/check.h"

namespace foreshard::planner {

namespace {

constexpr std::size_t kPathsOfAFan = 32;
constexpr std::size_t kStepsWithoutForecast = 24;

}  // namespace

double QuantileOf(float* sample, std::size_t size, double level) {
  CHECK(size > 0, "quantile of nothing");
  const double place = level * static_cast<double>(size - 1);
  const auto low = static_cast<std::size_t>(place);
  std::nth_element(sample, sample + low, sample + size);
  const double at = sample[low];
  if (low + 1 >= size) return at;
  const double next = *std::min_element(sample + low + 1, sample + size);
  return at + (place - static_cast<double>(low)) * (next - at);
}

Outlook::Outlook(const Problem& problem, const Options& options)
    : problem_(problem),
      options_(options),
      shards_(problem.shards.size()),
      units_(problem.shards.size()) {
  std::size_t steps = 0;
  bool fans = false;
  for (const Shard& shard : problem.shards) {
    if (joint_ == nullptr && !shard.scenarios.paths.empty()) joint_ = &shard;
    if (Joint(shard)) paths_ = std::max(paths_, shard.scenarios.paths.size());
    steps = std::max(steps, shard.fan.steps.size());
    fans = fans || (!shard.fan.steps.empty() && !Joint(shard));
  }
  if (fans) paths_ = std::max(paths_, kPathsOfAFan);
  steps_ = steps > 0 ? steps : kStepsWithoutForecast;
}

bool Outlook::Joint(const Shard& shard) const {
  return joint_ != nullptr && !shard.scenarios.paths.empty() &&
         shard.scenarios.origin == joint_->scenarios.origin &&
         shard.scenarios.drawn_from == joint_->scenarios.drawn_from;
}

Matrix Outlook::Build(const Shard& shard) const {
  Matrix load(steps_ * paths_);
  const std::vector<std::vector<double>>& scenarios = shard.scenarios.paths;
  const bool joint = Joint(shard);
  const double measured = shard.measured.empty() ? shard.background : shard.measured.back();
  for (std::size_t h = 0; h < steps_; ++h) {
    const bool fan = h < shard.fan.steps.size();
    for (std::size_t r = 0; r < paths_; ++r) {
      double value = measured;
      if (joint) {
        const std::vector<double>& path = scenarios[r % scenarios.size()];
        if (!path.empty()) value = path[std::min(h, path.size() - 1)];
      } else if (fan) {
        const double level = (static_cast<double>(r) + 0.5) / static_cast<double>(paths_);
        value = model::Quantile(shard.fan.steps[h], level);
      } else if (!shard.fan.steps.empty()) {
        value = shard.fan.steps.back()[model::kMedian];
      }
      load[h * paths_ + r] = static_cast<float>(value);
    }
  }
  return load;
}

const Matrix& Outlook::Of(std::size_t shard) const {
  if (shards_[shard].empty()) shards_[shard] = Build(problem_.shards[shard]);
  return shards_[shard];
}

Matrix Outlook::Clients(std::size_t shard) const {
  Matrix load = Of(shard);
  const auto background = static_cast<float>(problem_.shards[shard].background);
  for (float& value : load) value = std::max(0.0F, value - background);
  return load;
}

const Matrix& Outlook::OfUnit(std::size_t shard, std::size_t unit) const {
  std::vector<Matrix>& cache = units_[shard];
  const Shard& owner = problem_.shards[shard];
  if (cache.empty()) cache.resize(owner.units.size());
  Matrix& load = cache[unit];
  if (!load.empty()) return load;
  const Unit& moved = owner.units[unit];
  if (moved.paths.empty()) {
    load = Clients(shard);
    for (float& value : load) value *= static_cast<float>(moved.share);
    return load;
  }
  load.resize(steps_ * paths_);
  for (std::size_t r = 0; r < paths_; ++r) {
    const std::vector<double>& path = moved.paths[r % moved.paths.size()];
    for (std::size_t h = 0; h < steps_ && !path.empty(); ++h)
      load[h * paths_ + r] = static_cast<float>(path[std::min(h, path.size() - 1)]);
  }
  return load;
}

Matrix Outlook::Empty(double background) const {
  return Matrix(steps_ * paths_, static_cast<float>(background));
}

Reading Outlook::Read(const Matrix& load, const Change& change) const {
  const auto limit = static_cast<float>(problem_.policy.limit_cpu_percent / 100.0);
  const auto target = static_cast<float>(problem_.policy.target_cpu_percent / 100.0);
  const double level = problem_.policy.plan_quantile_percent / 100.0;
  const double hours = problem_.bin_seconds / 3'600;
  const auto over_limit = static_cast<float>(hours * options_.weights.breach);
  const auto over_target = static_cast<float>(hours * options_.weights.headroom);
  const auto over_at_all = static_cast<float>(hours * options_.weights.overload);
  Reading reading;
  reading.by_path.assign(paths_, 0);
  std::vector<float> step(paths_);
  std::size_t exceeded = 0;
  for (std::size_t h = 0; h < steps_; ++h) {
    const bool moved = h >= change.cutover;
    const float dip = !moved && h >= change.begin ? change.dip : 0;
    const float factor = moved && change.added != nullptr ? change.factor : 0;
    const float* from = load.data() + h * paths_;
    const float* added = change.added != nullptr ? change.added->data() + h * paths_ : from;
    float most = 0;
    for (std::size_t r = 0; r < paths_; ++r) {
      const float value = from[r] + dip + factor * added[r];
      step[r] = value;
      most = std::max(most, value);
    }
    if (most > target) {
      for (std::size_t r = 0; r < paths_; ++r) {
        const float over = std::max(0.0F, step[r] - limit);
        reading.by_path[r] += over_limit * over + over_target * std::max(0.0F, step[r] - target) +
                              (over > 0 ? over_at_all : 0);
        exceeded += step[r] > limit ? 1 : 0;
      }
    }
    double& peak = moved ? reading.peak : reading.dip_peak;
    if (most > peak) peak = std::max(peak, QuantileOf(step.data(), paths_, level));
  }
  for (const float cost : reading.by_path)
    reading.cost += static_cast<double>(cost) / static_cast<double>(paths_);
  reading.overload_minutes =
      hours * 60 * static_cast<double>(exceeded) / static_cast<double>(paths_);
  return reading;
}

void Outlook::Apply(Matrix& load, const Change& change) const {
  for (std::size_t h = 0; h < steps_; ++h) {
    const bool moved = h >= change.cutover;
    for (std::size_t r = 0; r < paths_; ++r) {
      float& value = load[h * paths_ + r];
      if (moved && change.added != nullptr)
        value += change.factor * (*change.added)[h * paths_ + r];
      if (!moved && h >= change.begin) value += change.dip;
    }
  }
}

}  // namespace foreshard::planner
