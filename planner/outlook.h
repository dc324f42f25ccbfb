#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <utility>
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

// u[row * paths + path]; row 0 is the bin after now. Beyond the fans a row is a step of
// Problem::later_bins, and all its paths are the planned quantile.
using Matrix = std::vector<float>;

// What a matrix means for the objective. Bins before `cutover` carry `dip` on top and not yet the
// change.
struct Reading {
  std::vector<float> by_path;   // member-hours of each path
  double cost = 0;              // their mean
  double overload_minutes = 0;  // expected, within the fans
  double later_minutes = 0;     // after them: in which the planned quantile is over the limit
  double peak = 0;      // planned quantile, highest after the cutover; 0 if that is past the end
  double dip_peak = 0;  // the same before the cutover
  double planned = 0;   // what is held to the target (PlannedLoad), highest after the cutover
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
  std::size_t steps() const { return steps_; }  // bins of the fans
  // Bins and, after them, steps of Problem::later_bins that only Shard::later knows.
  std::size_t rows() const { return steps_ + later_rows_; }
  const Problem& problem() const { return problem_; }
  const Options& options() const { return options_; }

  // Built at the first use. Not for several threads.
  const Matrix& Of(std::size_t shard) const;
  // What one unit adds to its shard, without background.
  const Matrix& OfUnit(std::size_t shard, std::size_t unit) const;
  // What all units add.
  Matrix Clients(std::size_t shard) const;
  Matrix Empty(double background) const;

  // How many sides of a range, 0 to 2, the shard owns the keys beside.
  int SidesOwned(const model::KeyRange& range, std::size_t shard) const;

  Reading Read(const Matrix& load, const Change& change) const;
  void Apply(Matrix& load, const Change& change) const;

 private:
  bool Joint(const Shard& shard) const;
  double LaterOf(std::size_t shard, std::size_t row) const;
  void FillLater(std::size_t shard, Matrix& load) const;
  std::size_t FirstBin(std::size_t row) const;
  Matrix Build(const Shard& shard) const;

  const Problem& problem_;
  const Options& options_;
  std::size_t paths_ = 1;
  std::size_t steps_ = 1;
  std::size_t later_rows_ = 0;
  std::map<std::string, std::size_t> begins_;  // shard whose unit begins at a bound
  std::map<std::string, std::size_t> ends_;
  const Shard* joint_ = nullptr;  // whose paths the others must belong to
  mutable std::vector<Matrix> shards_;
  mutable std::vector<std::vector<Matrix>> units_;
  // Kept from one reading to the next, for their memory only.
  mutable std::vector<float> scratch_;
  mutable std::vector<std::pair<float, std::size_t>> order_;
};

// The level's quantile of a sample, linear between order statistics as model::QuantilesOf; the
// sample is reordered.
double QuantileOf(float* sample, std::size_t size, double level);

}  // namespace foreshard::planner
