#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// Load as values: what was asked of a shard (demand), what will be asked (fan, scenarios), and how
// far to believe it (trust). Forecasting makes them, planning reads them, and the two never meet.

namespace foreshard::model {

// A point of the time grid: whole bins since 1970-01-01T00:00:00Z. Seasonal positions are counted
// from there too.
using BinIndex = std::int64_t;

// What clients ask for. Rates are a second; only the first attempt of a statement counts.
enum class DemandKind { kReads, kWrites, kRows, kBytes, kConnections, kCrossShard };
inline constexpr std::size_t kDemandKinds = 6;
const char* ToString(DemandKind kind);

// One value of every kind, indexed by DemandKind.
struct DemandPoint {
  std::array<double, kDemandKinds> rate{};
  double& operator[](DemandKind kind) { return rate[static_cast<std::size_t>(kind)]; }
  double operator[](DemandKind kind) const { return rate[static_cast<std::size_t>(kind)]; }
  bool operator==(const DemandPoint&) const = default;
};

// What is known of one bin. A sample of zero is data; no sample is a gap; they are never mixed up.
enum class BinState : std::uint8_t {
  kGood,
  kInterpolated,  // a short gap, filled by a line
  kMissing,       // a gap; `mean` holds no information
  kCensored,      // outage, shard not ready, hold: clients asked for more than was seen
};

// One demand series on a regular grid, oldest first. `mean`, `peak` (largest raw sample of the bin)
// and `state` have equal length.
struct DemandSeries {
  std::chrono::seconds bin{300};
  BinIndex first = 0;
  std::vector<double> mean;
  std::vector<double> peak;
  std::vector<BinState> state;

  BinIndex last() const { return first + static_cast<BinIndex>(mean.size()) - 1; }
  bool operator==(const DemandSeries&) const = default;
};

inline constexpr std::size_t kFanLevels = 11;
inline constexpr std::array<double, kFanLevels> kLevels = {0.01, 0.025, 0.05, 0.10,  0.25, 0.50,
                                                           0.75, 0.90,  0.95, 0.975, 0.99};
inline constexpr std::size_t kMedian = 5;

// A distribution by its quantiles at kLevels, ascending. Linear between them; beyond the ends an
// exponential tail through the last two. A distribution whose lowest quantile is not negative has
// no mass below zero.
using Quantiles = std::array<double, kFanLevels>;

double Quantile(const Quantiles& distribution, double level);  // REQUIRES: 0 < level < 1
double Exceedance(const Quantiles& distribution,
                  double threshold);  // P(Y > threshold), falls in the threshold
double ExpectedExcess(const Quantiles& distribution, double threshold);  // E[(Y - threshold)+]

// The largest value within the next `bins`. Capacity must hold at the worst step, not at each.
struct WindowMaximum {
  std::int32_t bins = 0;
  Quantiles factor{};   // band(step, level) = median(step) + factor[level] * scale(step) covers the
                        // whole path with that probability
  Quantiles maximum{};  // quantiles of the maximum itself
  bool operator==(const WindowMaximum&) const = default;
};

// Quantiles of a demand for every bin ahead. Step h (1-based) is the bin `origin + h`.
struct Fan {
  std::chrono::seconds bin{300};
  BinIndex origin = 0;                 // newest bin the forecast has seen
  std::vector<Quantiles> steps;        // steps[h - 1]
  std::vector<double> scale;           // local scale of the errors, same length
  std::vector<WindowMaximum> windows;  // ascending in bins
  bool operator==(const Fan&) const = default;
};

// REQUIRES: 1 <= step <= fan.steps.size().
double Quantile(const Fan& fan, std::size_t step, double level);
double Exceedance(const Fan& fan, std::size_t step, double threshold);
double ExpectedExcess(const Fan& fan, std::size_t step, double threshold);

// P(the demand exceeds the threshold at any of the next `bins`). Between calibrated windows it is
// interpolated; never below the largest single-step probability of the window.
double ExceedanceInWindow(const Fan& fan, std::size_t bins, double threshold);
// The level's band over the path of the next `bins` is wholly kept with that probability.
double WindowQuantile(const Fan& fan, std::size_t bins, double level);

// Joint paths of one series. The paths of two series with equal `drawn_from` belong together, so
// shards that peak together do so here. Sum shards path by path; never sum quantiles.
struct Scenarios {
  BinIndex origin = 0;
  std::vector<BinIndex> drawn_from;        // the past origin whose errors made the path
  std::vector<std::vector<double>> paths;  // paths[r][h - 1], never negative
  bool operator==(const Scenarios&) const = default;
};

// P(the peak of the horizon falls on step h), by scenario. Sums to 1; empty without scenarios.
std::vector<double> PeakTime(const Scenarios& scenarios);
// Quantiles of a sample (sorted inside), linear between order statistics. REQUIRES: not empty, all
// finite.
Quantiles QuantilesOf(std::span<const double> sample);

// How far a forecast may be believed, each part and the product in 0..1.
struct Trust {
  double history = 0;    // 0 below two seasons
  double data = 0;       // share of good bins in the last day
  double skill = 0;      // 1 when the error is <= 0.8 of the better naive one, 0 at 1.1
  double coverage = 0;   // 1 within 5 points at 90 %, 0 at 20
  double drift = 1;      // 0.5 for a day after an alarm
  double freshness = 0;  // 0 when stale
  double cap = 1;        // 0.8 for a season after a split or merge

  double Value() const;
  // The part that holds it back most, as a word: "history", "data", ...
  std::string_view Weakest() const;
  bool operator==(const Trust&) const = default;
};

inline constexpr double kTrustToActFully = 0.6;
inline constexpr double kTrustToAddCapacity = 0.3;

}  // namespace foreshard::model
