#include "cli/simulate/strategy.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>

#include "base/check.h"
#include "cli/simulate/baselines.h"
#include "cli/simulate/planned.h"
#include "cli/simulate/tuning.h"

namespace foreshard::simulate {

double Past::Demand(std::size_t unit, std::size_t bin) const {
  CHECK(bin <= now_, "a strategy looked into the future", bin, now_);
  return world_->demand[unit][bin];
}

double Past::Total(std::size_t bin) const {
  double total = 0;
  for (std::size_t unit = 0; unit < world_->units(); ++unit) total += Demand(unit, bin);
  return total;
}

double Past::ShareOf(const Piece& piece) const {
  return world_->ShareOf(piece.unit, piece.from, piece.to, now_);
}

double Past::Load(const Piece& piece) const {
  return Demand(piece.unit, now_) * ShareOf(piece) / world_->capacity;
}

std::vector<model::Position> Past::Sample(const Piece& piece, std::size_t count) const {
  std::vector<model::Position> positions;
  const double width = static_cast<double>(piece.to - piece.from - 1) + 1;
  double hot_share = 0;
  model::Position hot_at = 0;
  for (const planner::HotKey& key : HotKeys(piece)) {
    hot_share = key.share;
    hot_at = *model::ParsePosition(key.key);
  }
  const auto hot = static_cast<std::size_t>(std::lround(hot_share * static_cast<double>(count)));
  for (std::size_t i = 0; i < hot; ++i) positions.push_back(hot_at);
  const std::size_t rest = count - std::min(count, hot);
  for (std::size_t i = 0; i < rest; ++i) {
    const double inside = (static_cast<double>(i) + 0.5) / static_cast<double>(rest) * width;
    positions.push_back(piece.from + static_cast<model::Position>(inside));
  }
  std::sort(positions.begin(), positions.end());
  return positions;
}

std::vector<planner::HotKey> Past::HotKeys(const Piece& piece) const {
  std::vector<planner::HotKey> keys;
  const double share = ShareOf(piece);
  for (const HotSpell& spell : world_->hot) {
    if (spell.unit != piece.unit || now_ < spell.from || now_ >= spell.to) continue;
    const bool inside =
        spell.at >= piece.from && spell.at - piece.from <= piece.to - piece.from - 1;
    if (inside && share > 0)
      keys.push_back({.key = model::FormatPosition(spell.at), .share = spell.share / share});
  }
  return keys;
}

bool IsStrategy(std::string_view name) {
  name = BaseName(name);
  return std::find(std::begin(kStrategies), std::end(kStrategies), name) != std::end(kStrategies);
}

bool NeedsForecasts(std::string_view name) {
  return BaseName(name) == "ours" || BaseName(name) == "ours-ga";
}

std::size_t ShardsAtStart(std::string_view name, const Options& options) {
  if (name == "static-peak" || name == "threshold-split") return 10;
  if (name == "static-average") return 5;
  return static_cast<std::size_t>(options.shards);
}

namespace {

// Asks for each unit once a bin: a unit in several pieces has one forecast.
template <typename Make>
PathSource Remembered(Make make) {
  struct Known {
    std::size_t now = SIZE_MAX;
    std::map<std::size_t, UnitForecast> of_unit;
  };
  return [make, known = std::make_shared<Known>()](std::size_t unit,
                                                   std::size_t now) -> const UnitForecast& {
    if (known->now != now) *known = {.now = now, .of_unit = {}};
    const auto [found, fresh] = known->of_unit.try_emplace(unit);
    if (fresh) found->second = make(unit, now);
    return found->second;
  };
}

}  // namespace

std::unique_ptr<Strategy> MakeStrategy(std::string_view name, const World& world,
                                       const Options& options, const Forecasts& forecasts,
                                       const Clock& clock) {
  CHECK(IsStrategy(name), "no such strategy", name);
  if (name == "static-peak" || name == "static-average") return std::make_unique<Static>();
  if (name == "reactive") return std::make_unique<Reactive>(options);
  if (name == "threshold-split") return std::make_unique<ThresholdSplit>(options);
  if (name == "pstore") return std::make_unique<PStore>(world, options);
  PathSource paths;
  if (BaseName(name) == "ours-no-forecast") {
    paths = Remembered([&world, &options](std::size_t unit, std::size_t now) {
      return LastValue(world, options, unit, now);
    });
  } else if (BaseName(name) == "oracle") {
    paths = Remembered([&world, &options](std::size_t unit, std::size_t now) {
      return Truth(world, options, unit, now);
    });
  } else {
    paths = [&forecasts](std::size_t unit, std::size_t) -> const UnitForecast& {
      return forecasts.Of(unit);
    };
  }
  return std::make_unique<Planned>(options, std::move(paths), name, clock);
}

}  // namespace foreshard::simulate
