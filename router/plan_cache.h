#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "router/catalogue.h"
#include "router/normalize.h"
#include "router/shape_memo.h"
#include "router/statement.h"

// Have we classified it before? Bounded; the least recently used half goes when it is full.
//
// Threads: one owner (each event loop has its own). Cost of a hit: below a microsecond, no
// allocation.

namespace foreshard::router {

struct PlanContext {
  const Catalogue* catalogue = nullptr;
  const std::vector<std::string>* search_path = nullptr;
  std::uint64_t fingerprint = 0;  // of both; PlanContextOf() computes it, keep it in the session
};

PlanContext PlanContextOf(const Catalogue& catalogue, const std::vector<std::string>& search_path);

class PlanCache {
 public:
  explicit PlanCache(std::size_t entries_max = 4096);

  // The statement's meaning: from the cache, or classified now and kept. Never null. REQUIRES: not
  // normalized.recalled.
  std::shared_ptr<const Statement> Get(std::string_view text, const Normalized& normalized,
                                       const PlanContext& context);

  // The same for the hot path, without Normalize(): fills `normalized` but for its key. Null: look
  // for it the long way.
  std::shared_ptr<const Statement> Recall(std::string_view text, const PlanContext& context,
                                          Normalized& normalized);

  void Clear();  // after DDL
  std::size_t size() const { return used_; }
  std::uint64_t hits() const { return hits_; }
  std::uint64_t misses() const { return misses_; }

 private:
  struct Entry {
    CacheKey key;
    std::string canonical;  // compared too: a hash that collides must not lend its meaning
    // Null: the meaning depends on the values of `looked_at`; look again with those in the key.
    std::shared_ptr<const Statement> statement;
    std::vector<std::uint32_t> looked_at;
    std::uint64_t used = 0;
    bool taken = false;
  };

  Entry* Find(const CacheKey& key, std::string_view canonical);
  Entry* Find(std::string_view text, const Normalized& normalized, const PlanContext& context);
  void Insert(Entry entry);
  void Shrink();

  std::size_t entries_max_;
  std::vector<Entry> slots_;  // open addressing, a power of two, at most half full
  std::size_t mask_ = 0;
  std::size_t used_ = 0;
  std::uint64_t tick_ = 0;
  std::uint64_t hits_ = 0;
  std::uint64_t misses_ = 0;
  std::string scratch_;
  ShapeMemo memo_;
};

}  // namespace foreshard::router
