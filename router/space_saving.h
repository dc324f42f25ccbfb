#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "base/check.h"

// The heaviest items of a stream in bounded memory: count - error <= true weight <= count, and
// every item heavier than total / capacity is there.
//
// Source: SpaceSaving (Metwally, Agrawal, El Abbadi, ICDT 2005); merge as in Agarwal et al.,
// Mergeable Summaries (PODS 2012).

namespace foreshard::router {

template <typename Item>
struct TopCount {
  Item item;
  std::uint64_t count = 0;
  std::uint64_t error = 0;  // count is at most this much too high
  bool operator==(const TopCount&) const = default;
};

// A binary heap by count with the place of each item beside it. Cost: O(log capacity) a call.
template <typename Item>
class SpaceSaving {
 public:
  explicit SpaceSaving(std::size_t capacity) : capacity_(capacity) {
    CHECK(capacity > 0, "capacity");
  }

  void Add(const Item& item, std::uint64_t weight) {
    total_ += weight;
    if (const auto at = places_.find(item); at != places_.end()) {
      heap_[at->second].count += weight;
      SiftDown(at->second);
      return;
    }
    if (heap_.size() < capacity_) {
      places_.emplace(item, heap_.size());
      heap_.push_back({item, weight, 0});
      SiftUp(heap_.size() - 1);
      return;
    }
    TopCount<Item>& least = heap_.front();
    places_.erase(least.item);
    least = {item, least.count + weight, least.count};
    places_.emplace(item, 0);
    SiftDown(0);
  }

  // Heaviest first; ties in order of items.
  std::vector<TopCount<Item>> Top() const {
    std::vector<TopCount<Item>> top = heap_;
    std::sort(top.begin(), top.end(), [](const TopCount<Item>& a, const TopCount<Item>& b) {
      return a.count != b.count ? a.count > b.count : a.item < b.item;
    });
    return top;
  }

  std::uint64_t total() const { return total_; }
  std::size_t size() const { return heap_.size(); }

 private:
  void Swap(std::size_t a, std::size_t b) {
    std::swap(heap_[a], heap_[b]);
    places_.find(heap_[a].item)->second = a;
    places_.find(heap_[b].item)->second = b;
  }
  void SiftUp(std::size_t at) {
    for (; at > 0 && heap_[at].count < heap_[(at - 1) / 2].count; at = (at - 1) / 2)
      Swap(at, (at - 1) / 2);
  }
  void SiftDown(std::size_t at) {
    for (;;) {
      std::size_t least = at;
      for (std::size_t child = 2 * at + 1; child <= 2 * at + 2 && child < heap_.size(); ++child) {
        if (heap_[child].count < heap_[least].count) least = child;
      }
      if (least == at) return;
      Swap(at, least);
      at = least;
    }
  }

  std::size_t capacity_;
  std::vector<TopCount<Item>> heap_;
  std::map<Item, std::size_t> places_;
  std::uint64_t total_ = 0;
};

// Of two top lists of the same capacity: an item that one list lacks may have had up to that list's
// least count there.
template <typename Item>
std::vector<TopCount<Item>> MergeTop(const std::vector<TopCount<Item>>& a,
                                     const std::vector<TopCount<Item>>& b, std::size_t capacity) {
  const auto least = [&](const std::vector<TopCount<Item>>& top) {
    return top.size() < capacity || top.empty() ? std::uint64_t{0} : top.back().count;
  };
  std::map<Item, TopCount<Item>> sums;
  for (const TopCount<Item>& top : a) {
    sums[top.item] = {top.item, top.count + least(b), top.error + least(b)};
  }
  for (const TopCount<Item>& top : b) {
    const auto at = sums.find(top.item);
    if (at == sums.end()) {
      sums[top.item] = {top.item, top.count + least(a), top.error + least(a)};
      continue;
    }
    at->second.count += top.count - least(b);
    at->second.error = at->second.error - least(b) + top.error;
  }
  std::vector<TopCount<Item>> merged;
  for (auto& [item, top] : sums) merged.push_back(std::move(top));
  std::sort(merged.begin(), merged.end(), [](const TopCount<Item>& x, const TopCount<Item>& y) {
    return x.count != y.count ? x.count > y.count : x.item < y.item;
  });
  if (merged.size() > capacity) merged.resize(capacity);
  return merged;
}

}  // namespace foreshard::router
