#include "operator/status/load_board.h"

#include <algorithm>
#include <limits>

namespace foreshard::op {
namespace {

// As much past as future, but enough of it to be seen and not more than can be drawn.
constexpr std::size_t kPastBinsMin = 24;
constexpr std::size_t kBinsMax = 400;

FanPercent Percent(const model::Quantiles& step) {
  return {.p05 = 100 * model::Quantile(step, 0.05),
          .p25 = 100 * model::Quantile(step, 0.25),
          .p50 = 100 * model::Quantile(step, 0.50),
          .p75 = 100 * model::Quantile(step, 0.75),
          .p95 = 100 * model::Quantile(step, 0.95)};
}

// Of the bins up to the fan's origin, which is older than the newest when metrics are.
std::vector<double> Past(const ScalingObservation& seen, const std::vector<double>& cores,
                         model::BinIndex origin, std::size_t bins, double capacity_cores) {
  std::vector<double> past;
  for (model::BinIndex bin = origin - static_cast<model::BinIndex>(bins) + 1; bin <= origin;
       ++bin) {
    const model::BinIndex at = bin - seen.first;
    const bool known = at >= 0 && at < static_cast<model::BinIndex>(cores.size());
    if (!known && past.empty()) continue;  // it did not exist yet
    past.push_back(known ? 100 * cores[static_cast<std::size_t>(at)] / capacity_cores
                         : std::numeric_limits<double>::quiet_NaN());
  }
  return past;
}

}  // namespace

void LoadBoard::Look(const ScalingReport& report) {
  const ScalingObservation& seen = *report.seen;
  const kube::ObjectRef ref{seen.set.name_space, seen.set.name};
  if (!report.decision->has_plan || !report.memory->loads) {
    Forget(ref);
    return;
  }
  const LoadBook& book = *report.memory->loads;
  std::map<model::ShardId, ShardPicture> pictures;
  for (const auto& [shard, load] : book.loads()) {
    ShardPicture picture;
    picture.bin = seen.bin;
    picture.now = load.fan.steps.empty() ? seen.now : load.fan.origin;
    const std::size_t steps = std::min(load.fan.steps.size(), kBinsMax);
    for (std::size_t i = 0; i < steps; ++i) picture.fan.push_back(Percent(load.fan.steps[i]));
    const auto cores = seen.cores.find(shard);
    if (cores != seen.cores.end()) {
      picture.measured = Past(seen, cores->second, picture.now, std::max(steps, kPastBinsMin),
                              book.options().capacity_cores);
    }
    pictures[shard] = std::move(picture);
  }
  const std::scoped_lock lock(mutex_);
  pictures_[ref] = std::move(pictures);
}

void LoadBoard::Forget(const kube::ObjectRef& set) {
  const std::scoped_lock lock(mutex_);
  pictures_.erase(set);
}

std::map<model::ShardId, ShardPicture> LoadBoard::Of(const kube::ObjectRef& set) const {
  const std::scoped_lock lock(mutex_);
  const auto found = pictures_.find(set);
  return found == pictures_.end() ? std::map<model::ShardId, ShardPicture>() : found->second;
}

}  // namespace foreshard::op
