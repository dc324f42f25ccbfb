#include "planner/shard_count.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"

namespace foreshard::planner {

namespace {

constexpr int kChangeMax = 16;  // |after - before| tried: keeps 1,000 shards cheap
constexpr double kInfinite = std::numeric_limits<double>::infinity();

struct Choice {
  double cost = kInfinite;
  int next = 0;   // count after this step
  int slots = 1;  // how long the step takes
};

class Search {
 public:
  Search(const std::vector<double>& demand, const CountOptions& options)
      : demand_(demand),
        options_(options),
        slots_(static_cast<int>(demand.size())),
        counts_(options.max_shards - options.min_shards + 1),
        best_(static_cast<std::size_t>(slots_ + 1) * static_cast<std::size_t>(counts_)) {}

  // Cheapest way from (slot, count) to the end of the path with the given final count.
  const Choice& Solve(int final_count);
  CountPlan Walk(int final_count);

 private:
  Choice& At(int slot, int count) {
    return best_[static_cast<std::size_t>(slot) * static_cast<std::size_t>(counts_) +
                 static_cast<std::size_t>(count - options_.min_shards)];
  }
  double StepCost(int slot, int before, int after, int& length) const;

  const std::vector<double>& demand_;
  const CountOptions& options_;
  int slots_;
  int counts_;
  std::vector<Choice> best_;
};

// Infinite when demand passes what is effective in any slot of the step. The fraction is taken on
// the pessimistic side: at the start of a slot when growing, at its end when shrinking.
double Search::StepCost(int slot, int before, int after, int& length) const {
  length = std::max(1, static_cast<int>(std::ceil(ChangeSlots(options_, before, after))));
  if (slot + length > slots_) return kInfinite;
  for (int i = 0; i < length; ++i) {
    const double moved = static_cast<double>(after > before ? i : i + 1) / length;
    if (demand_[static_cast<std::size_t>(slot + i)] > EffectiveShards(before, after, moved) + 1e-9)
      return kInfinite;
  }
  if (before == after) return before;
  return ChangeSlots(options_, before, after) * AverageShards(before, after) +
         options_.price_per_change +
         (length - ChangeSlots(options_, before, after)) * std::max(before, after);
}

const Choice& Search::Solve(int final_count) {
  for (int count = options_.min_shards; count <= options_.max_shards; ++count) {
    At(slots_, count) = {.cost = count == final_count ? 0 : kInfinite, .next = count, .slots = 0};
  }
  for (int slot = slots_ - 1; slot >= 0; --slot) {
    for (int before = options_.min_shards; before <= options_.max_shards; ++before) {
      Choice& choice = At(slot, before);
      choice = {};
      const int low = std::max(options_.min_shards, before - kChangeMax);
      const int high = std::min(options_.max_shards, before + kChangeMax);
      for (int after = low; after <= high; ++after) {
        int length = 1;
        const double step = StepCost(slot, before, after, length);
        if (step == kInfinite) continue;
        const double cost = step + At(slot + length, after).cost;
        // Waiting first: of two equally cheap ways the later change, which knows more.
        if (cost < choice.cost - 1e-9 || (cost <= choice.cost && after == before)) {
          choice = {.cost = cost, .next = after, .slots = length};
        }
      }
    }
  }
  return At(0, options_.shards);
}

CountPlan Search::Walk(int final_count) {
  CountPlan plan{.feasible = true,
                 .shards = final_count,
                 .first_slot = -1,
                 .first_count = options_.shards,
                 .cost = At(0, options_.shards).cost};
  int count = options_.shards;
  for (int slot = 0; slot < slots_;) {
    const Choice& choice = At(slot, count);
    if (choice.next != count) {
      plan.first_slot = slot;
      plan.first_count = choice.next;
      return plan;
    }
    slot += choice.slots;
  }
  return plan;
}

}  // namespace

double ChangeSlots(const CountOptions& options, int before, int after) {
  if (before == after) return 0;
  const int small = std::min(before, after);
  const int large = std::max(before, after);
  const int parallel =
      std::max(1, std::min(options.streams_per_shard * std::min(small, large - small),
                           options.concurrent_streams_max));
  return options.full_move_slots / parallel * (1 - static_cast<double>(small) / large);
}

double EffectiveShards(int before, int after, double moved_fraction) {
  const double b = before;
  const double a = after;
  return 1 / (1 / b + moved_fraction * (1 / a - 1 / b));
}

double AverageShards(int before, int after) {
  if (before == after) return before;
  const double s = std::min(before, after);
  const double l = std::max(before, after);
  if (s >= l - s) return l;
  const double r = std::fmod(l - s, s);
  if (r == 0) return (2 * s + l) / 2;
  const double rounds = std::floor((l - s) / s);
  return (rounds - 1) * s / (l - s) * (s + l - r) / 2 + r / (l - s) * (l - r) + s / (l - s) * l;
}

CountPlan PlanShardCount(const std::vector<double>& demand, const CountOptions& options) {
  CHECK(!demand.empty(), "no demand");
  CHECK(options.min_shards >= 1 && options.min_shards <= options.max_shards, "bad limits",
        options.min_shards, options.max_shards);
  CountOptions bounded = options;
  bounded.shards = std::clamp(options.shards, options.min_shards, options.max_shards);
  // Fewer than the last slot needs cannot be feasible.
  const int fewest =
      std::max(bounded.min_shards, static_cast<int>(std::ceil(demand.back() - 1e-9)));
  for (int count = fewest; count <= bounded.max_shards; ++count) {
    Search search(demand, bounded);
    if (search.Solve(count).cost < kInfinite) return search.Walk(count);
  }
  const double peak = *std::max_element(demand.begin(), demand.end());
  const int needed =
      std::clamp(static_cast<int>(std::ceil(peak - 1e-9)), bounded.min_shards, bounded.max_shards);
  return {.feasible = false,
          .shards = needed,
          .first_slot = needed == bounded.shards ? -1 : 0,
          .first_count = needed,
          .cost = kInfinite};
}

}  // namespace foreshard::planner
