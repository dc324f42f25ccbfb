#include "planner/split_point.h"

#include <algorithm>
#include <cmath>

namespace foreshard::planner {

namespace {

double Balance(double left, double total) {
  return total <= 0 ? 1 : std::abs(2 * left - total) / total;
}

double WeightBelow(const model::KeySpace& space, const std::vector<HeatSample>& sorted,
                   const std::string& bound) {
  double weight = 0;
  for (const HeatSample& sample : sorted) {
    if (model::CompareBounds(space, sample.bound, bound) >= 0) break;
    weight += sample.weight;
  }
  return weight;
}

bool Inside(const model::KeySpace& space, const model::KeyRange& range, const std::string& bound) {
  if (bound.empty()) return false;
  if (!range.from.empty() && model::CompareBounds(space, bound, range.from) <= 0) return false;
  return range.to.empty() || model::CompareBounds(space, bound, range.to) < 0;
}

// A shorter position means a table people can read; it is as good while the balance allows it.
std::string Shortest(const model::KeySpace& space, const Unit& unit,
                     const std::vector<HeatSample>& sorted, const std::string& best, double total,
                     double best_balance) {
  if (space.strategy != model::Strategy::kHash) return best;
  for (std::size_t digits = 2; digits < best.size(); digits += 2) {
    const Result<model::Position> position = model::ParsePosition(best.substr(0, digits));
    if (!position) return best;
    const std::string text = model::FormatPosition(*position);
    if (!Inside(space, unit.range, text)) continue;
    const double balance = Balance(WeightBelow(space, sorted, text), total);
    if (balance <= std::min(kSplitBalanceMax, best_balance + 0.05)) return text;
  }
  return best;
}

}  // namespace

SplitSearch FindSplitPoint(const model::KeySpace& space, const Unit& unit) {
  for (const HotKey& key : unit.hot_keys) {
    if (key.share > kHotKeyShare) return {.point = std::nullopt, .why_not = "HotKey"};
  }
  if (unit.reservoir.size() < kSplitSamplesMin)
    return {.point = std::nullopt, .why_not = "TooFewSamples"};
  std::vector<HeatSample> sorted = unit.reservoir;
  std::sort(sorted.begin(), sorted.end(), [&space](const HeatSample& a, const HeatSample& b) {
    return model::CompareBounds(space, a.bound, b.bound) < 0;
  });
  double total = 0;
  for (const HeatSample& sample : sorted) total += sample.weight;

  std::string best;
  double best_balance = 1;
  double left = 0;  // weight below the present bound
  double equal =
      0;  // weight of samples at the present bound: they all go to the right of a cut there
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    const std::string& bound = sorted[i].bound;
    if (i > 0 && bound != sorted[i - 1].bound) {
      left += equal;
      equal = 0;
    }
    equal += sorted[i].weight;
    const double balance = Balance(left, total);
    if (balance < best_balance && Inside(space, unit.range, bound)) {
      best = bound;
      best_balance = balance;
    }
  }
  if (best.empty() || best_balance > kSplitBalanceMax)
    return {.point = std::nullopt, .why_not = "NoBalance"};
  const std::string at = Shortest(space, unit, sorted, best, total, best_balance);
  return {.point = SplitPoint{.at = at, .right_share = 1 - WeightBelow(space, sorted, at) / total},
          .why_not = {}};
}

}  // namespace foreshard::planner
