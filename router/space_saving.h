#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
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

// A binary heap by count over slots that stay where they are, and a hash table of the slots beside
// it. Cost: O(log capacity) a call, no allocation once it is full (but what copying an item needs).
template <typename Item, typename Hash = std::hash<Item>>
class SpaceSaving {
 public:
  explicit SpaceSaving(std::size_t capacity)
      : capacity_(capacity), table_(std::bit_ceil(2 * capacity + 2), kNone) {
    CHECK(capacity > 0, "capacity");
  }

  void Add(const Item& item, std::uint64_t weight) {
    total_ += weight;
    const std::size_t hash = Mix(Hash{}(item));
    const std::size_t place = Find(item, hash);
    if (table_[place] != kNone) {
      const std::uint32_t at = slots_[table_[place]].heap;
      heap_[at].count += weight;
      SiftDown(at);
      return;
    }
    if (slots_.size() < capacity_) {
      const auto slot = static_cast<std::uint32_t>(slots_.size());
      table_[place] = slot;
      slots_.push_back({item, hash, 0, slot});
      heap_.push_back({weight, slot});
      SiftUp(slot);
      return;
    }
    const std::uint32_t slot = heap_.front().slot;
    Slot& least = slots_[slot];
    Forget(slot);
    least.item = item;
    least.hash = hash;
    least.error = heap_.front().count;
    heap_.front().count += weight;
    table_[Find(item, hash)] = slot;
    SiftDown(0);
  }

  // Heaviest first; ties in order of items.
  std::vector<TopCount<Item>> Top() const {
    std::vector<TopCount<Item>> top;
    for (const Slot& slot : slots_) top.push_back({slot.item, heap_[slot.heap].count, slot.error});
    std::sort(top.begin(), top.end(), [](const TopCount<Item>& a, const TopCount<Item>& b) {
      return a.count != b.count ? a.count > b.count : a.item < b.item;
    });
    return top;
  }

  std::uint64_t total() const { return total_; }
  std::size_t size() const { return slots_.size(); }

 private:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};
  struct Slot {
    Item item;
    std::size_t hash = 0;
    std::uint64_t error = 0;
    std::uint32_t heap = 0;  // its place there
  };
  struct Counted {
    std::uint64_t count = 0;
    std::uint32_t slot = 0;
  };

  static std::size_t Mix(std::size_t hash) {
    return (hash ^ hash >> 32) * 0x9e3779b97f4a7c15ULL >> 16;
  }
  std::size_t Next(std::size_t place) const { return (place + 1) & (table_.size() - 1); }

  // Where `item` is in the table, or the free place where it would be.
  std::size_t Find(const Item& item, std::size_t hash) const {
    std::size_t place = hash & (table_.size() - 1);
    while (table_[place] != kNone &&
           !(slots_[table_[place]].hash == hash && slots_[table_[place]].item == item)) {
      place = Next(place);
    }
    return place;
  }

  // Takes a slot out of the table and closes the gap, so that no run of places is broken.
  void Forget(std::uint32_t slot) {
    std::size_t gap = slots_[slot].hash & (table_.size() - 1);
    while (table_[gap] != slot) gap = Next(gap);
    for (std::size_t place = Next(gap); table_[place] != kNone; place = Next(place)) {
      const std::size_t home = slots_[table_[place]].hash & (table_.size() - 1);
      const bool stays = gap < place ? gap < home && home <= place : gap < home || home <= place;
      if (stays) continue;
      table_[gap] = table_[place];
      gap = place;
    }
    table_[gap] = kNone;
  }

  void Put(std::size_t at, Counted counted) {
    heap_[at] = counted;
    slots_[counted.slot].heap = static_cast<std::uint32_t>(at);
  }
  void SiftUp(std::size_t at) {
    const Counted moving = heap_[at];
    for (; at > 0 && moving.count < heap_[(at - 1) / 2].count; at = (at - 1) / 2)
      Put(at, heap_[(at - 1) / 2]);
    Put(at, moving);
  }
  void SiftDown(std::size_t at) {
    const Counted moving = heap_[at];
    for (;;) {
      std::size_t child = 2 * at + 1;
      if (child >= heap_.size()) break;
      if (child + 1 < heap_.size() && heap_[child + 1].count < heap_[child].count) ++child;
      if (heap_[child].count >= moving.count) break;
      Put(at, heap_[child]);
      at = child;
    }
    Put(at, moving);
  }

  std::size_t capacity_;
  std::vector<Slot> slots_;
  std::vector<Counted> heap_;         // least first
  std::vector<std::uint32_t> table_;  // open addressing: numbers of slots
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
