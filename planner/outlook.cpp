#include "planner/outlook.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <utility>

#include "base/check.h"
#include "planner/load_path.h"

namespace foreshard::planner {

namespace {

constexpr std::size_t kPathsOfAFan = 32;
constexpr std::size_t kStepsWithoutForecast = 24;

// Whether QuantileOf() can be above a threshold; far cheaper than to ask for it.
bool Exceeds(const float* sample, std::size_t size, double level, double threshold) {
  const auto next =
      std::min(size - 1, static_cast<std::size_t>(level * static_cast<double>(size - 1)) + 1);
  const auto most = static_cast<float>(threshold);
  std::uint32_t above = 0;
  for (std::size_t i = 0; i < size; ++i) above += sample[i] >= most ? 1U : 0U;
  return above >= size - next;
}

// What most of the time of a plan goes into, in a form that compilers turn into vectors.

// row[r] = from[r] + dip + factor * added[r]; the highest of it.
float FillRow(const float* from, const float* added, float factor, float dip, std::size_t size,
              float* row) {
  constexpr std::size_t kLanes = 8;
  std::array<float, kLanes> high{};
  std::size_t r = 0;
  for (; r + kLanes <= size; r += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const float value = from[r + lane] + dip + factor * added[r + lane];
      row[r + lane] = value;
      high[lane] = value > high[lane] ? value : high[lane];
    }
  }
  float most = *std::max_element(high.begin(), high.end());
  for (; r < size; ++r) {
    row[r] = from[r] + dip + factor * added[r];
    most = std::max(most, row[r]);
  }
  return most;
}

struct Prices {
  float limit = 0;
  float target = 0;
  float over_limit = 0;  // per hour at 100 points over
  float over_target = 0;
  float over_at_all = 0;
};

// Adds what a row costs that lasts so many hours, path by path; how many paths are over the limit.
std::uint32_t AddCost(const float* row, std::size_t size, const Prices& prices, float hours,
                      float* by_path) {
  std::uint32_t exceeded = 0;
  for (std::size_t r = 0; r < size; ++r) {
    const float over = row[r] > prices.limit ? row[r] - prices.limit : 0.0F;
    const float above = row[r] > prices.target ? row[r] - prices.target : 0.0F;
    const float at_all = row[r] > prices.limit ? prices.over_at_all : 0.0F;
    by_path[r] += hours * (prices.over_limit * over + prices.over_target * above + at_all);
  }
  for (std::size_t r = 0; r < size; ++r) exceeded += row[r] > prices.limit ? 1U : 0U;
  return exceeded;
}

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
  for (std::size_t i = 0; i < problem.shards.size(); ++i) {
    for (const Unit& unit : problem.shards[i].units) {
      begins_[unit.range.from] = i;
      ends_[unit.range.to] = i;
    }
  }
  if (fans) paths_ = std::max(paths_, kPathsOfAFan);
  steps_ = steps > 0 ? steps : kStepsWithoutForecast;
  std::size_t known = steps > 0 ? 0 : SIZE_MAX;
  for (const Shard& shard : problem.shards) known = std::max(known, shard.later.size());
  const std::size_t fans_reach = steps_ / static_cast<std::size_t>(std::max(1, problem.later_bins));
  if (known == SIZE_MAX) return;
  const std::size_t wanted = AheadSteps(options, known);
  later_rows_ = wanted - std::min(fans_reach, wanted);
}

std::size_t Outlook::FirstBin(std::size_t row) const {
  if (row < steps_) return row;
  return steps_ + (row - steps_) * static_cast<std::size_t>(std::max(1, problem_.later_bins));
}

double Outlook::LaterOf(std::size_t shard, std::size_t row) const {
  const std::vector<double>& later = problem_.shards[shard].later;
  const std::size_t step =
      FirstBin(row) / static_cast<std::size_t>(std::max(1, problem_.later_bins));
  return step < later.size() ? later[step] : -1;
}

// Where nothing is known of the time after the fan, the end of the fan lasts.
void Outlook::FillLater(std::size_t shard, Matrix& load) const {
  for (std::size_t row = steps_; row < rows(); ++row) {
    const double later = LaterOf(shard, row);
    for (std::size_t r = 0; r < paths_; ++r)
      load[row * paths_ + r] =
          later < 0 ? load[(steps_ - 1) * paths_ + r] : static_cast<float>(later);
  }
}

int Outlook::SidesOwned(const model::KeyRange& range, std::size_t shard) const {
  const auto owned = [shard](const auto& bounds, const std::string& bound) {
    const auto found = bounds.find(bound);
    return !bound.empty() && found != bounds.end() && found->second == shard ? 1 : 0;
  };
  return owned(ends_, range.from) + owned(begins_, range.to);
}

bool Outlook::Joint(const Shard& shard) const {
  return joint_ != nullptr && !shard.scenarios.paths.empty() &&
         shard.scenarios.origin == joint_->scenarios.origin &&
         shard.scenarios.drawn_from == joint_->scenarios.drawn_from;
}

Matrix Outlook::Build(const Shard& shard) const {
  Matrix load(rows() * paths_);
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
  if (shards_[shard].empty()) {
    shards_[shard] = Build(problem_.shards[shard]);
    FillLater(shard, shards_[shard]);
  }
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
  load.resize(rows() * paths_);
  for (std::size_t r = 0; r < paths_; ++r) {
    const std::vector<double>& path = moved.paths[r % moved.paths.size()];
    for (std::size_t h = 0; h < steps_ && !path.empty(); ++h)
      load[h * paths_ + r] = static_cast<float>(path[std::min(h, path.size() - 1)]);
  }
  if (rows() == steps_) return load;
  // Beyond the fan it keeps its share of its shard's clients at the end of the fan.
  const Matrix clients = Clients(shard);
  const auto last = static_cast<std::ptrdiff_t>((steps_ - 1) * paths_);
  const auto end = last + static_cast<std::ptrdiff_t>(paths_);
  const float all = std::accumulate(clients.begin() + last, clients.begin() + end, 0.0F);
  const float own = std::accumulate(load.begin() + last, load.begin() + end, 0.0F);
  const float share = all > 0 ? std::min(1.0F, own / all) : static_cast<float>(moved.share);
  for (std::size_t i = steps_ * paths_; i < load.size(); ++i) load[i] = share * clients[i];
  return load;
}

Matrix Outlook::Empty(double background) const {
  return Matrix(rows() * paths_, static_cast<float>(background));
}

Reading Outlook::Read(const Matrix& load, const Change& change) const {
  const Prices prices{
      .limit = static_cast<float>(problem_.policy.limit_cpu_percent / 100.0),
      .target = static_cast<float>(problem_.policy.target_cpu_percent / 100.0),
      .over_limit = static_cast<float>(options_.weights.breach),
      .over_target = static_cast<float>(options_.weights.headroom),
      .over_at_all = static_cast<float>(options_.weights.overload),
  };
  const double level = problem_.policy.plan_quantile_percent / 100.0;
  const double hours = problem_.bin_seconds / 3'600;
  const double later_hours = hours * problem_.later_bins * options_.ahead_share;
  const double quantile_share = PlannedLoad(problem_.policy, options_, 0, 1);
  Reading reading;
  reading.by_path.assign(paths_, 0);
  std::vector<float>& values = scratch_;
  values.resize(rows() * paths_);
  std::vector<std::pair<float, std::size_t>>& order = order_;  // highest path of a step, step
  order.clear();
  std::size_t exceeded = 0;
  std::size_t exceeded_later = 0;
  for (std::size_t h = 0; h < rows(); ++h) {
    const std::size_t bin = FirstBin(h);
    const bool moved = bin >= change.cutover;
    const auto lasts = static_cast<float>(h < steps_ ? hours : later_hours);  // hours
    const float dip = !moved && bin >= change.begin ? change.dip : 0;
    const float factor = moved && change.added != nullptr ? change.factor : 0;
    const float* from = load.data() + h * paths_;
    const float* added = change.added != nullptr ? change.added->data() + h * paths_ : from;
    float* row = values.data() + h * paths_;
    const float most = FillRow(from, added, factor, dip, paths_, row);
    order.emplace_back(most, h);
    if (most <= prices.target) continue;
    (h < steps_ ? exceeded : exceeded_later) +=
        AddCost(row, paths_, prices, lasts, reading.by_path.data());
  }
  // Quantiles cost most: the highest steps first, the others hardly ever matter.
  std::sort(order.rbegin(), order.rend());
  for (const auto& [most, h] : order) {
    const bool moved = FirstBin(h) >= change.cutover;
    double& peak = moved ? reading.peak : reading.dip_peak;
    if (most <= peak && (!moved || most <= reading.planned)) continue;
    float* step = values.data() + h * paths_;
    // The planned quantile matters where it is above the peak, or its share above the planned load.
    const double matters = moved ? std::min(peak, reading.planned / quantile_share) : peak;
    double quantile = 0;
    const double wanted = moved ? level : std::max(level, options_.copy_quantile);
    if (Exceeds(step, paths_, wanted, matters)) quantile = QuantileOf(step, paths_, wanted);
    peak = std::max(peak, quantile);
    if (!moved) continue;
    double median = 0;
    if (options_.margin_once && h < steps_ && Exceeds(step, paths_, 0.5, reading.planned))
      median = QuantileOf(step, paths_, 0.5);
    reading.planned =
        std::max(reading.planned, PlannedLoad(problem_.policy, options_, median, quantile));
  }
  for (const float cost : reading.by_path)
    reading.cost += static_cast<double>(cost) / static_cast<double>(paths_);
  reading.overload_minutes =
      hours * 60 * static_cast<double>(exceeded) / static_cast<double>(paths_);
  reading.later_minutes = hours * 60 * problem_.later_bins * static_cast<double>(exceeded_later) /
                          static_cast<double>(paths_);
  return reading;
}

void Outlook::Apply(Matrix& load, const Change& change) const {
  for (std::size_t h = 0; h < rows(); ++h) {
    const std::size_t bin = FirstBin(h);
    const bool moved = bin >= change.cutover;
    for (std::size_t r = 0; r < paths_; ++r) {
      float& value = load[h * paths_ + r];
      if (moved && change.added != nullptr)
        value += change.factor * (*change.added)[h * paths_ + r];
      if (!moved && bin >= change.begin) value += change.dip;
    }
  }
}

}  // namespace foreshard::planner
