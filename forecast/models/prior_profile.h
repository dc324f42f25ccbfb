#pragma once

#include <memory>
#include <span>
#include <vector>

#include "forecast/bytes.h"
#include "forecast/past.h"

// What a day looks like in this set, for a series that has not lived through one.
//
//   profile(p) = median over the last week's days of y(p) / mean of its day, one a series;
//   k-means of the profiles, k <= 8, seeded by the farthest (no randomness)
//   forecast   = A(u) / profile(u) * profile(t), A the mean of the last hour, with the profile that
//                fits what was seen so far best
//
// Source: cold start by clusters as in QB5000 (SIGMOD 2018). Cost: 1 ms for 400 series.

namespace foreshard::forecast {

class PriorProfiles {
 public:
  // Series of at least two days; without any there are no profiles.
  static PriorProfiles Fit(std::span<const Past> series);

  bool empty() const { return profiles_.empty(); }
  std::size_t size() const { return profiles_.size(); }
  // Which profile fits best what is known. REQUIRES: not empty, past not empty.
  std::size_t Nearest(const Past& past) const;
  double Forecast(const Past& past, std::size_t profile, int step) const;

  void Save(ByteWriter& out) const;
  bool Load(ByteReader& in);

 private:
  std::vector<std::vector<double>> profiles_;  // largest group first; means 1
};

}  // namespace foreshard::forecast
