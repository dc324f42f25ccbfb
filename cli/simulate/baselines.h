#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "cli/simulate/strategy.h"
#include "forecast/baseline.h"

// What we are compared with: rules that many fleets run today, and P-Store.

namespace foreshard::simulate {

class Static final : public Strategy {
 public:
  void Decide(const Past&, Fleet&) override {}
};

// Load of every shard without copies, and the heaviest pieces first.
struct Seen {
  std::vector<double> load;  // by shard; 0 when gone
  std::vector<std::size_t> alive;
  std::vector<std::size_t> pieces;  // indices, heaviest first
  std::vector<double> piece_load;   // by piece
  double total = 0;
};
Seen Look(const Past& past, const Fleet& fleet);

// Shards follow the total: more above 90 % of the limit, fewer after three quiet looks. A hot
// shard's hottest piece that fits goes to the coldest shard; a piece over half of its shard is cut.
class Reactive final : public Strategy {
 public:
  explicit Reactive(const Options& options) : options_(options) {}
  void Decide(const Past& past, Fleet& fleet) override;

 private:
  bool Relieve(const Past& past, Fleet& fleet, std::size_t shard, bool may_add);
  void Shrink(const Past& past, Fleet& fleet);

  const Options& options_;
  int quiet_ = 0;
  std::size_t wanted_ = 0;
};

// As TiKV and CockroachDB: pieces over a fixed load are cut after ten bins, then load is balanced
// within 5 %. The number of shards is fixed.
class ThresholdSplit final : public Strategy {
 public:
  explicit ThresholdSplit(const Options& options) : options_(options) {}
  void Decide(const Past& past, Fleet& fleet) override;

 private:
  const Options& options_;
  std::vector<int> heavy_for_;  // bins, by unit
};

// SPAR's forecast of every step ahead, refitted daily.
class SparPath {
 public:
  SparPath(int day_bins, int steps, std::size_t train_bins);
  // `known` only grows.
  std::vector<double> Ahead(std::span<const double> known, std::span<const model::BinState> states);

 private:
  int day_bins_;
  int steps_;
  std::size_t train_bins_;
  std::size_t fitted_at_ = 0;
  std::vector<std::unique_ptr<forecast::Baseline>> models_;
};

// SPAR of the total, 15 % on top, dynamic programming over the number of shards, units spread
// evenly. Source: Taft et al., P-Store, SIGMOD 2018.
class PStore final : public Strategy {
 public:
  PStore(const World& world, const Options& options);
  void Decide(const Past& past, Fleet& fleet) override;

 private:
  std::vector<double> Ahead(const Past& past);
  void Spread(const Past& past, Fleet& fleet);
  bool SpreadOnce(Fleet& fleet, const std::vector<double>& means, const std::vector<double>& load,
                  double total);

  const Options& options_;
  SparPath spar_;
  std::vector<double> known_;
  std::vector<model::BinState> states_;
  std::size_t wanted_ = 0;
  bool spreading_ = false;
  int moves_left_ = 0;  // of the spread that runs
  int confirmed_ = 0;
};

}  // namespace foreshard::simulate
