#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

namespace foreshard::load {

// Latencies in microseconds in logarithmic buckets: 32 a power of two, so a percentile is off by at
// most 3 %. Threads: one owner; merge to combine.
class Histogram {
 public:
  void Add(std::uint64_t micros) {
    ++counts_[IndexOf(micros)];
    ++total_;
    if (micros > max_) max_ = micros;
  }

  void Merge(const Histogram& other) {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
    total_ += other.total_;
    if (other.max_ > max_) max_ = other.max_;
  }

  std::uint64_t total() const { return total_; }
  std::uint64_t max_micros() const { return max_; }

  // Upper bound of the bucket that holds the quantile; 0 when empty.
  std::uint64_t Quantile(double quantile) const {
    const auto rank = static_cast<std::uint64_t>(quantile * static_cast<double>(total_));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (seen > rank || (seen == total_ && total_ > 0)) return std::min(UpperBound(i), max_);
    }
    return 0;
  }

 private:
  static constexpr int kBits = 5;

  static std::size_t IndexOf(std::uint64_t micros) {
    if (micros < (1u << kBits)) return static_cast<std::size_t>(micros);
    const int shift = 63 - std::countl_zero(micros) - kBits;
    return (static_cast<std::size_t>(shift + 1) << kBits) +
           static_cast<std::size_t>((micros >> shift) - (1u << kBits));
  }
  static std::uint64_t UpperBound(std::size_t index) {
    if (index < (1u << kBits)) return index;
    const std::size_t shift = (index >> kBits) - 1;
    return ((std::uint64_t{index & ((1u << kBits) - 1)} + (1u << kBits) + 1) << shift) - 1;
  }

  std::array<std::uint64_t, 2'048> counts_{};
  std::uint64_t total_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace foreshard::load
