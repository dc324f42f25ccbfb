#include "planner/step_effect.h"

#include <fmt/format.h>

#include <algorithm>

namespace foreshard::planner {

namespace {

int IndexOf(const Problem& problem, const model::ShardId& id) {
  const auto found = std::find_if(problem.shards.begin(), problem.shards.end(),
                                  [&id](const Shard& shard) { return shard.id == id; });
  return found == problem.shards.end() ? -1 : static_cast<int>(found - problem.shards.begin());
}

// Whether all of a unit lies in what a move takes.
bool Within(const model::KeySpace& space, const model::KeyRange& unit,
            const model::KeyRange& taken) {
  const bool from = taken.from.empty() ||
                    (!unit.from.empty() && model::CompareBounds(space, taken.from, unit.from) <= 0);
  const bool to =
      taken.to.empty() || (!unit.to.empty() && model::CompareBounds(space, unit.to, taken.to) <= 0);
  return from && to;
}

bool Above(const model::KeySpace& space, const std::string& bound, const std::string& at) {
  return !bound.empty() && model::CompareBounds(space, bound, at) >= 0;
}

// Both halves of a unit, with the samples that lie in them.
LeavingPart Cut(const model::KeySpace& space, const Unit& unit, std::size_t index,
                const std::string& at) {
  LeavingPart leaving{
      .unit = index, .part = ShareAbove(space, unit, at), .moved = unit, .rest = unit};
  leaving.moved.range.from = at;
  leaving.rest.range.to = at;
  std::erase_if(leaving.moved.reservoir,
                [&](const HeatSample& sample) { return !Above(space, sample.bound, at); });
  std::erase_if(leaving.rest.reservoir,
                [&](const HeatSample& sample) { return Above(space, sample.bound, at); });
  // Where a hot key lies is known only where it is its own bound.
  leaving.moved.hot_keys.clear();
  leaving.rest.hot_keys.clear();
  for (HotKey key : unit.hot_keys) {
    const bool upper = Above(space, model::BoundOfKey(space, key.key), at);
    const double part = upper ? leaving.part : 1 - leaving.part;
    if (part > 0) key.share = std::min(1.0, key.share / part);
    (upper ? leaving.moved : leaving.rest).hot_keys.push_back(key);
  }
  return leaving;
}

LeavingPart Whole(const Unit& unit, std::size_t index) {
  return {.unit = index, .part = 1, .moved = unit, .rest = {}};
}

// Single keys leave the range that they lie in.
std::vector<LeavingPart> Keys(const Problem& problem, const Shard& source,
                              const std::vector<std::string>& keys) {
  std::vector<LeavingPart> parts;
  for (std::size_t i = 0; i < source.units.size(); ++i) {
    const Unit& unit = source.units[i];
    LeavingPart leaving{.unit = i, .part = 0, .moved = unit, .rest = unit};
    leaving.moved.hot_keys.clear();
    leaving.moved.reservoir.clear();
    for (const std::string& key : keys) {
      if (!model::ContainsKey(problem.key_space, unit.range, key)) continue;
      for (const HotKey& hot : unit.hot_keys) {
        if (hot.key != key) continue;
        leaving.part += hot.share;
        leaving.moved.hot_keys.push_back(hot);
      }
      std::erase_if(leaving.rest.hot_keys, [&key](const HotKey& hot) { return hot.key == key; });
    }
    leaving.part = std::min(1.0, leaving.part);
    if (leaving.part > 0) parts.push_back(std::move(leaving));
  }
  return parts;
}

// Loads and bytes go by the part.
void Divide(LeavingPart& leaving, const Unit& unit) {
  leaving.moved.share = unit.share * leaving.part;
  leaving.rest.share = unit.share * (1 - leaving.part);
  leaving.moved.bytes = unit.bytes * leaving.part;
  leaving.rest.bytes = unit.bytes * (1 - leaving.part);
  const auto scale = [&unit](Unit& half, double part) {
    half.paths = unit.paths;
    for (std::vector<double>& path : half.paths) {
      for (double& value : path) value *= part;
    }
  };
  scale(leaving.moved, leaving.part);
  scale(leaving.rest, 1 - leaving.part);
}

}  // namespace

double ShareAbove(const model::KeySpace& space, const Unit& unit, const std::string& bound) {
  double total = 0;
  double above = 0;
  for (const HeatSample& sample : unit.reservoir) {
    total += sample.weight;
    if (Above(space, sample.bound, bound)) above += sample.weight;
  }
  return total > 0 ? above / total : 0.5;
}

Result<StepEffect> EffectOf(const Problem& problem, const model::PlannedStep& step) {
  const int source = IndexOf(problem, step.shard);
  if (source < 0) return Error::Reobserve(fmt::format("there is no shard {}", step.shard));
  StepEffect effect{.source = static_cast<std::size_t>(source), .destination = -1, .parts = {}};
  if (!step.destination.value.empty()) {
    effect.destination = IndexOf(problem, step.destination);
    if (effect.destination < 0 || effect.destination == source)
      return Error::Reobserve(
          fmt::format("{} cannot take anything from {}", step.destination, step.shard));
  }
  const Shard& shard = problem.shards[effect.source];
  const model::KeySpace& space = problem.key_space;
  const bool keys =
      step.type == model::ActionType::kIsolate || step.type == model::ActionType::kMoveKeys;
  if (keys) effect.parts = Keys(problem, shard, step.keys);
  for (std::size_t i = 0; i < shard.units.size() && !keys; ++i) {
    const Unit& unit = shard.units[i];
    if (step.type == model::ActionType::kMerge || Within(space, unit.range, step.range)) {
      effect.parts.push_back(Whole(unit, i));
    } else if (step.type == model::ActionType::kSplit && !step.at.empty() &&
               unit.range.to == step.range.to &&
               (unit.range.from.empty() ||
                model::CompareBounds(space, unit.range.from, step.at) < 0) &&
               (unit.range.to.empty() || model::CompareBounds(space, step.at, unit.range.to) < 0)) {
      effect.parts.push_back(Cut(space, unit, i, step.at));
    }
  }
  if (effect.parts.empty()) {
    return Error::Reobserve(fmt::format("{} owns nothing that {} could take", step.shard,
                                        step.text.empty() ? ToString(step.type) : step.text));
  }
  for (LeavingPart& leaving : effect.parts) Divide(leaving, shard.units[leaving.unit]);
  return effect;
}

}  // namespace foreshard::planner
