#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

namespace foreshard::router {

// Upper bounds of the buckets in seconds; one more counts what is above the last.
inline constexpr std::array<double, 12> kLatencyBounds = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                                          0.05,   0.1,   0.25,   0.5,   1.0,  5.0};

// Durations counted by size, as a Prometheus histogram shows them. One owner; no allocation.
struct Latencies {
  std::array<std::uint64_t, kLatencyBounds.size() + 1> counts = {};
  double seconds = 0;

  void Add(double duration) {
    const auto bucket = std::lower_bound(kLatencyBounds.begin(), kLatencyBounds.end(), duration);
    ++counts[static_cast<std::size_t>(bucket - kLatencyBounds.begin())];
    seconds += duration;
  }
  void Add(const Latencies& other) {
    for (std::size_t i = 0; i < counts.size(); ++i) counts[i] += other.counts[i];
    seconds += other.seconds;
  }
};

}  // namespace foreshard::router
