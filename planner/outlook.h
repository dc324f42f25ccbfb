#pragma once

#include <cstddef>
#include <vector>

#include "planner/options.h"
#include "planner/problem.h"

// What each shard will probably carry, path by path, and what it would carry after a change.
//
// Loads that peak together do so here: paths with equal index belong together and are summed, never
// their quantiles. Shards without joint paths get theirs from their fans, lowest first: perfectly
// correlated with each other, which is the safe side. A shard without any forecast stays at what
// was measured.

namespace foreshard::planner {

// u[step * paths + path]; step 0 is the bin after now.
using Matrix = std::vector<float>;

// What a matrix means for the objective. Bins before `cutover` carry `dip` on top and not yet the
// change.
struct Reading {
  std::vector<float> by_path;  // member-hours of each path
  double cost = 0;             // their mean
  double overload_minutes = 0;
  double peak = 0;      // planned quantile, highest after the cutover; 0 if that is past the end
  double dip_peak = 0;  // the same before the cutover
};

struct Change {
  const Matrix* added = nullptr;
  float factor = 0;         // of `added`, from the cutover on
  std::size_t cutover = 0;  // steps
  float dip = 0;            // in steps [begin, cutover)
  std::size_t begin = 0;
};

class Outlook {
 public:
  Outlook(const Problem& problem, const Options& options);

  std::size_t paths() const { return paths_; }
  std::size_t steps() const { return steps_; }
  const Problem& problem() const { return problem_; }
  const Options& options() const { return options_; }

  // Built at the first use. Not for several threads.
  const Matrix& Of(std::size_t shard) const;
  // What one unit adds to its shard, without background.
  const Matrix& OfUnit(std::size_t shard, std::size_t unit) const;
  // What all units add.
  Matrix Clients(std::size_t shard) const;
  Matrix Empty(double background) const;

  Reading Read(const Matrix& load, const Change& change) const;
  void Apply(Matrix& load, const Change& change) const;

 private:
  bool Joint(const Shard& shard) const;
  Matrix Build(const Shard& shard) const;

  const Problem& problem_;
  const Options& options_;
  std::size_t paths_ = 1;
  std::size_t steps_ = 1;
  const Shard* joint_ = nullptr;  // whose paths the others must belong to
  mutable std::vector<Matrix> shards_;
  mutable std::vector<std::vector<Matrix>> units_;
};

// The level's quantile of a sample, linear between order statistics as model::QuantilesOf; the
// sample is reordered.
double QuantileOf(float* sample, std::size_t size, double level);

}  // namespace foreshard::planner
