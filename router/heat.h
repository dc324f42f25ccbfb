#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "model/key_space.h"
#include "router/compiled_table.h"
#include "router/key.h"
#include "router/reservoir.h"
#include "router/space_saving.h"

// Heat: what was used, how much, and with what. Bounded memory whatever clients do; snapshots of
// several loops and routers merge into one.
//
// Sources: weighted reservoir A-Chao (Chao, Biometrika 69(3), 1982); SpaceSaving (Metwally,
// Agrawal, El Abbadi, ICDT 2005).
//
// Threads: one owner (each event loop has its own); Snapshot() in that thread, Merge() anywhere.

namespace foreshard::router {

inline constexpr std::size_t kQuarters =
    4;  // of the UTC day: a reservoir for each, so that a split can fit the peak
inline constexpr std::size_t kTopKeys = 100;
inline constexpr std::size_t kTopPairs = 1'000;
inline constexpr std::size_t kSampledRangesMax =
    512;  // ranges with reservoirs; further ranges are only counted
inline constexpr std::size_t kSampledKeyBytesMax = 256;  // longer keys are counted but never kept

struct HeatCounters {
  std::uint64_t statements = 0;
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;
  std::uint64_t backend_nanos = 0;
  std::uint64_t errors = 0;
  void Add(const HeatCounters& other);
  bool operator==(const HeatCounters&) const = default;
};

struct RangeHeat {
  model::KeyRange range;
  std::string shard;
  HeatCounters reads;
  HeatCounters writes;
  std::uint64_t inserts_at_head =
      0;  // inserts above (below) all earlier ones of the range: append-only data shows here
  std::uint64_t inserts = 0;
  std::array<Reservoir, kQuarters> samples;
};

struct KeyPair {
  std::string first;  // canonical; used before `second` in one transaction
  std::string second;
  auto operator<=>(const KeyPair&) const = default;
};

struct KeyHash {
  std::size_t operator()(const Key& key) const {
    return static_cast<std::size_t>(key.position ^ static_cast<std::uint64_t>(key.number));
  }
};
struct KeyPairHash {
  std::size_t operator()(const KeyPair& pair) const {
    return std::hash<std::string>{}(pair.first) * 31 + std::hash<std::string>{}(pair.second);
  }
};

struct HeatSnapshot {
  std::vector<RangeHeat> ranges;  // in order of the key space; only those that were used
  HeatCounters scatter_reads;     // statements over several shards: no one range's
  HeatCounters scatter_writes;
  std::vector<TopCount<std::string>> keys;  // weight = backend nanoseconds, descending
  std::vector<TopCount<KeyPair>> pairs;     // weight = transactions
  std::uint64_t transactions = 0;           // sampled for pairs
  std::uint64_t cross_shard_transactions = 0;
};

// Adds `other` to `into`: counters add up, reservoirs and top lists merge. `random` decides which
// samples stay.
void Merge(HeatSnapshot& into, const HeatSnapshot& other, Random& random);

struct HeatSample {
  bool write = false;
  bool insert = false;
  bool error = false;
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;
  std::uint64_t backend_nanos = 0;
};

class Heat {
 public:
  Heat(model::KeySpace space, std::uint64_t seed);

  // Counters of ranges that are the same in the new table stay; those of others end here.
  void TableChanged(const CompiledTable& table);

  // One statement on one shard. `keys` are those of the decision (weight is shared between them);
  // empty: a scatter. `now` may stand still for a while: of the keys that come under one `now`, the
  // first kKeysExact are counted each; from then on one in kKeySampling on average, by chance, with
  // so many times its weight. Counters of ranges miss nothing.
  void Record(std::span<const Key> keys, std::span<const Owner> owners, const HeatSample& sample,
              WallTime now);

  // A transaction (or a lone statement with several keys) ended: `keys` in order of first use. The
  // caller samples: one transaction in `kPairSampling`.
  void RecordTransaction(std::span<const Key> keys, std::size_t shards);
  static constexpr std::uint32_t kPairSampling = 16;
  static constexpr std::uint32_t kKeysExact = 64;
  static constexpr std::uint32_t kKeySampling = 8;

  HeatSnapshot Snapshot() const;

  // For the low-cardinality Prometheus metrics: index = range index of the current table.
  std::span<const HeatCounters> reads() const { return reads_; }
  std::span<const HeatCounters> writes() const { return writes_; }
  const HeatCounters& scatter_reads() const { return scatter_reads_; }
  const HeatCounters& scatter_writes() const { return scatter_writes_; }

 private:
  struct Sampled {
    std::array<Reservoir, kQuarters> samples;
    std::optional<Key> highest;
    std::optional<Key> lowest;
    std::uint64_t inserts = 0;
    std::uint64_t inserts_at_head = 0;
  };

  std::uint64_t ScaleOfNextKey(WallTime now);  // 0: it is left out
  void CountKey(const Key& key, std::uint32_t range, std::uint64_t weight, WallTime now);
  Sampled* SampledOf(std::uint32_t range);
  void RecordInsert(Sampled& sampled, const Key& key);

  model::KeySpace space_;
  Random random_;
  std::vector<model::KeyRange> ranges_;
  std::vector<std::string> shards_;  // id, by range
  std::vector<HeatCounters> reads_;  // by range
  std::vector<HeatCounters> writes_;
  HeatCounters scatter_reads_;
  HeatCounters scatter_writes_;
  std::map<std::uint32_t, Sampled> sampled_;  // by range; at most kSampledRangesMax
  WallTime keys_since_{};
  std::uint32_t keys_seen_ = 0;  // since then
  std::uint32_t keys_left_out_ = 0;  // that are still to be
  SpaceSaving<Key, KeyHash> top_keys_;
  SpaceSaving<KeyPair, KeyPairHash> top_pairs_;
  std::uint64_t transactions_ = 0;
  std::uint64_t cross_shard_transactions_ = 0;
};

}  // namespace foreshard::router
