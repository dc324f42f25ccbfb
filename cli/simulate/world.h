#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "cli/simulate/options.h"
#include "model/key_space.h"
#include "model/load.h"

// The truth of one simulated run: what clients ask of every unit in every bin. It does not depend
// on what a strategy does, so all strategies live in the same world.
//
//   demand of unit j = w_j * trace(t - phase_j) * noise_j(t) * events;  w is Zipf with random
//   ranks, noise lognormal AR(1). Source: design page "planner", section 16.

namespace foreshard::simulate {

// A key that causes a share of its unit's load for a while.
struct HotSpell {
  std::size_t from = 0;  // bins, half-open
  std::size_t to = 0;
  std::size_t unit = 0;
  model::Position at = 0;
  double share = 0;
};

// One unit's demand is multiplied for a while. Announced ones are known to forecasters beforehand.
struct Crowd {
  std::size_t unit = 0;
  std::size_t start = 0;  // bin
  int before = 1;         // bins of ramp
  int plateau = 6;
  int after = 1;
  double multiplier = 1;
  std::optional<double> announced{};  // the multiplier as people expect it
  double FactorAt(std::size_t bin) const;
};

struct World {
  std::int64_t first = 0;  // bin since 1970 of index 0
  std::size_t begin = 0;   // strategies act from here
  std::size_t scored = 0;  // and are scored from here
  std::size_t bins = 0;
  std::vector<std::vector<double>> demand;  // [unit][bin]
  std::vector<double> bytes;                // of a unit
  std::vector<HotSpell> hot;                // ordered
  std::vector<Crowd> crowds;
  std::vector<char> gap;  // monitoring saw nothing in this bin
  double capacity = 1;    // demand of a shard at utilisation 1
  double bytes_total = 0;
  double speed = 1;  // of moves against what a planner would guess; hidden
  double move_failure = 0;

  std::size_t units() const { return demand.size(); }
  // Half-open; the end of the last one is 0.
  model::Position StartOf(std::size_t unit) const;
  // Share of the unit's demand in that bin that falls on [from, to) of its positions.
  double ShareOf(std::size_t unit, model::Position from, model::Position to, std::size_t bin) const;
  double Total(std::size_t bin) const;
};

World MakeWorld(const Trace& trace, const Options& options, std::uint64_t seed);

// Reads the text of a trace file. Errors: kGiveUp for text that is not a trace, or one that is too
// short for a training part and a test part.
Result<Trace> MakeTrace(const std::string& name, const std::string& text, const Options& options);

// Day and week, noise, a slow trend; for tests and for runs without data.
Trace SyntheticTrace(const Options& options, std::uint64_t seed);

}  // namespace foreshard::simulate
