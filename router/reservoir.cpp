#include "router/reservoir.h"

#include <utility>

#include "base/check.h"

namespace foreshard::router {

bool Reservoir::Offer(double weight, Random& random, std::size_t* place) {
  if (!(weight > 0)) return false;
  ++offered_;
  total_weight_ += weight;
  if (keys_.size() < kCapacity) {
    *place = keys_.size();
    keys_.emplace_back();
    return true;
  }
  if (random.Unit() * total_weight_ >= weight * static_cast<double>(kCapacity)) return false;
  *place = static_cast<std::size_t>(random.Below(kCapacity));
  return true;
}

void Reservoir::Put(std::size_t place, std::string key) { keys_[place] = std::move(key); }

void Reservoir::Merge(const Reservoir& other, Random& random) {
  const double total = total_weight_ + other.total_weight_;
  if (keys_.size() + other.keys_.size() <= kCapacity) {
    keys_.insert(keys_.end(), other.keys_.begin(), other.keys_.end());
  } else {
    // Draw without replacement, each time from the side that the weights choose.
    std::vector<std::string> mine = std::move(keys_);
    std::vector<std::string> theirs = other.keys_;
    const auto draw = [&random](std::vector<std::string>& from) {
      const auto at = static_cast<std::size_t>(random.Below(from.size()));
      std::swap(from[at], from.back());
      std::string key = std::move(from.back());
      from.pop_back();
      return key;
    };
    keys_.clear();
    while (keys_.size() < kCapacity) {
      const bool from_mine =
          theirs.empty() || (!mine.empty() && random.Chance(total_weight_ / total));
      keys_.push_back(draw(from_mine ? mine : theirs));
    }
  }
  total_weight_ = total;
  offered_ += other.offered_;
}

Reservoir Reservoir::FromParts(std::vector<std::string> keys, double total_weight,
                               std::uint64_t offered) {
  CHECK(keys.size() <= kCapacity, "a sample that is too large", keys.size());
  Reservoir reservoir;
  reservoir.keys_ = std::move(keys);
  reservoir.total_weight_ = total_weight;
  reservoir.offered_ = offered;
  return reservoir;
}

}  // namespace foreshard::router
