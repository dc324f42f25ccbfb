#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/random.h"

// A weighted sample of fixed size: each item stays with a probability proportional to its weight,
// so each of the items kept stands for total_weight / size of the load.
//
// Source: A-Chao (Chao, Biometrika 69(3), 1982), without the correction for items heavier than
// total / capacity: those are what SpaceSaving is for.

namespace foreshard::router {

class Reservoir {
 public:
  static constexpr std::size_t kCapacity = 128;

  // True if the item has a place now: the caller then writes it through slot(). Splits choice from
  // copying the key.
  bool Offer(double weight, Random& random, std::size_t* place);
  void Put(std::size_t place, std::string key);

  // Keeps a sample of both, each in proportion to its total weight.
  void Merge(const Reservoir& other, Random& random);

  const std::vector<std::string>& keys() const { return keys_; }
  double total_weight() const { return total_weight_; }
  std::uint64_t offered() const { return offered_; }

  // From a snapshot that travelled. REQUIRES: keys.size() <= kCapacity.
  static Reservoir FromParts(std::vector<std::string> keys, double total_weight,
                             std::uint64_t offered);

 private:
  std::vector<std::string> keys_;
  double total_weight_ = 0;
  std::uint64_t offered_ = 0;
};

}  // namespace foreshard::router
