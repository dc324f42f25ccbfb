#include "router/heat.h"

#include <algorithm>
#include <map>

#include "base/check.h"

namespace foreshard::router {

namespace {

constexpr std::size_t kKeysOfTransactionMax = 8;  // pairs of the first keys only: bounded work

std::size_t QuarterOf(WallTime now) {
  constexpr std::int64_t kDay = 86'400'000'000;
  const std::int64_t micros = now.time_since_epoch().count() % kDay;
  return static_cast<std::size_t>((micros + kDay) % kDay /
                                  (kDay / static_cast<std::int64_t>(kQuarters)));
}

void Count(HeatCounters& counters, const HeatSample& sample) {
  ++counters.statements;
  counters.rows += sample.rows;
  counters.bytes += sample.bytes;
  counters.backend_nanos += sample.backend_nanos;
  counters.errors += sample.error ? 1 : 0;
}

}  // namespace

void HeatCounters::Add(const HeatCounters& other) {
  statements += other.statements;
  rows += other.rows;
  bytes += other.bytes;
  backend_nanos += other.backend_nanos;
  errors += other.errors;
}

Heat::Heat(model::KeySpace space, std::uint64_t seed)
    : space_(space), random_(seed), top_keys_(kTopKeys), top_pairs_(kTopPairs) {}

void Heat::TableChanged(const CompiledTable& table) {
  std::map<std::pair<std::string, std::string>, std::uint32_t> before;
  for (std::uint32_t i = 0; i < ranges_.size(); ++i) before[{ranges_[i].from, ranges_[i].to}] = i;
  std::vector<HeatCounters> reads(table.table().ranges.size());
  std::vector<HeatCounters> writes(reads.size());
  std::map<std::uint32_t, Sampled> sampled;
  ranges_.clear();
  shards_.clear();
  for (std::uint32_t i = 0; i < reads.size(); ++i) {
    const model::OwnedRange& owned = table.table().ranges[i];
    ranges_.push_back(owned.range);
    shards_.push_back(owned.shard.value);
    const auto at = before.find({owned.range.from, owned.range.to});
    if (at == before.end()) continue;
    reads[i] = reads_[at->second];
    writes[i] = writes_[at->second];
    if (auto kept = sampled_.extract(at->second); !kept.empty())
      sampled[i] = std::move(kept.mapped());
  }
  reads_ = std::move(reads);
  writes_ = std::move(writes);
  sampled_ = std::move(sampled);
}

Heat::Sampled* Heat::SampledOf(std::uint32_t range) {
  const auto at = sampled_.find(range);
  if (at != sampled_.end()) return &at->second;
  if (sampled_.size() >= kSampledRangesMax) return nullptr;
  return &sampled_[range];
}

void Heat::RecordInsert(Sampled& sampled, const Key& key) {
  ++sampled.inserts;
  const bool above = !sampled.highest || ComparePlaces(space_, key, *sampled.highest) > 0;
  const bool below = !sampled.lowest || ComparePlaces(space_, key, *sampled.lowest) < 0;
  if (above || below) ++sampled.inserts_at_head;
  if (above) sampled.highest = key;
  if (below) sampled.lowest = key;
}

void Heat::Record(std::span<const Key> keys, std::span<const Owner> owners,
                  const HeatSample& sample, WallTime now) {
  if (keys.empty()) {
    Count(sample.write ? scatter_writes_ : scatter_reads_, sample);
    return;
  }
  const std::uint32_t first = owners.front().range;
  if (first >= reads_.size()) return;  // the table changed under a statement in flight
  Count(sample.write ? writes_[first] : reads_[first], sample);
  const std::uint64_t weight = std::max<std::uint64_t>(sample.backend_nanos / keys.size(), 1);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (sample.insert && owners[i].range < reads_.size()) {
      if (Sampled* sampled = SampledOf(owners[i].range)) RecordInsert(*sampled, keys[i]);
    }
    const std::uint64_t scale = ScaleOfNextKey(now);
    if (scale > 0) CountKey(keys[i], owners[i].range, scale * weight, now);
  }
}

// How many statements are left out between two is uniform with the right mean, so that no rhythm of
// the clients hides a key.
std::uint64_t Heat::ScaleOfNextKey(WallTime now) {
  if (now != keys_since_) {
    keys_since_ = now;
    keys_seen_ = keys_left_out_ = 0;
  }
  if (keys_seen_ < kKeysExact) {
    ++keys_seen_;
    return 1;
  }
  if (keys_left_out_ > 0) {
    --keys_left_out_;
    return 0;
  }
  keys_left_out_ = static_cast<std::uint32_t>(random_.Below(2 * kKeySampling - 1));
  return kKeySampling;
}

void Heat::CountKey(const Key& key, std::uint32_t range, std::uint64_t weight, WallTime now) {
  if (key.text.size() > kSampledKeyBytesMax) return;
  Sampled* sampled = range < reads_.size() ? SampledOf(range) : nullptr;
  if (sampled != nullptr) {
    Reservoir& sample = sampled->samples[QuarterOf(now)];
    std::size_t place = 0;
    if (sample.Offer(static_cast<double>(weight), random_, &place)) {
      sample.Put(place, CanonicalText(space_.key_type, key));
    }
  }
  top_keys_.Add(key, weight);
}

void Heat::RecordTransaction(std::span<const Key> keys, std::size_t shards) {
  ++transactions_;
  if (shards > 1) ++cross_shard_transactions_;
  const std::size_t count = std::min(keys.size(), kKeysOfTransactionMax);
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < count; ++i) {
    std::string text = CanonicalText(space_.key_type, keys[i]);
    if (text.size() > kSampledKeyBytesMax) continue;
    if (std::find(texts.begin(), texts.end(), text) == texts.end())
      texts.push_back(std::move(text));
  }
  for (std::size_t i = 0; i < texts.size(); ++i) {
    for (std::size_t j = i + 1; j < texts.size(); ++j) top_pairs_.Add({texts[i], texts[j]}, 1);
  }
}

HeatSnapshot Heat::Snapshot() const {
  HeatSnapshot snapshot;
  for (std::uint32_t i = 0; i < ranges_.size(); ++i) {
    if (reads_[i].statements == 0 && writes_[i].statements == 0) continue;
    RangeHeat heat;
    heat.range = ranges_[i];
    heat.shard = shards_[i];
    heat.reads = reads_[i];
    heat.writes = writes_[i];
    if (const auto at = sampled_.find(i); at != sampled_.end()) {
      heat.samples = at->second.samples;
      heat.inserts = at->second.inserts;
      heat.inserts_at_head = at->second.inserts_at_head;
    }
    snapshot.ranges.push_back(std::move(heat));
  }
  snapshot.scatter_reads = scatter_reads_;
  snapshot.scatter_writes = scatter_writes_;
  for (const TopCount<Key>& top : top_keys_.Top())
    snapshot.keys.push_back({CanonicalText(space_.key_type, top.item), top.count, top.error});
  // Heaviest first; ties in order of texts, as after a merge.
  std::sort(snapshot.keys.begin(), snapshot.keys.end(), [](const auto& a, const auto& b) {
    return a.count != b.count ? a.count > b.count : a.item < b.item;
  });
  snapshot.pairs = top_pairs_.Top();
  snapshot.transactions = transactions_;
  snapshot.cross_shard_transactions = cross_shard_transactions_;
  return snapshot;
}

void Merge(HeatSnapshot& into, const HeatSnapshot& other, Random& random) {
  for (const RangeHeat& heat : other.ranges) {
    const auto at = std::find_if(into.ranges.begin(), into.ranges.end(),
                                 [&](const RangeHeat& mine) { return mine.range == heat.range; });
    if (at == into.ranges.end()) {
      into.ranges.push_back(heat);
      continue;
    }
    at->shard = heat.shard;
    at->reads.Add(heat.reads);
    at->writes.Add(heat.writes);
    at->inserts += heat.inserts;
    at->inserts_at_head += heat.inserts_at_head;
    for (std::size_t q = 0; q < kQuarters; ++q) at->samples[q].Merge(heat.samples[q], random);
  }
  into.scatter_reads.Add(other.scatter_reads);
  into.scatter_writes.Add(other.scatter_writes);
  into.keys = MergeTop(into.keys, other.keys, kTopKeys);
  into.pairs = MergeTop(into.pairs, other.pairs, kTopPairs);
  into.transactions += other.transactions;
  into.cross_shard_transactions += other.cross_shard_transactions;
}

}  // namespace foreshard::router
