#include "router/plan_cache.h"

#include <algorithm>
#include <bit>

#include "router/classify.h"

namespace foreshard::router {

namespace {

CacheKey InContext(CacheKey key, const PlanContext& context) {
  return {key.high ^ context.fingerprint, key.low};
}

// The canonical text with the values that mattered.
void WithValues(std::string_view text, const Normalized& normalized,
                const std::vector<std::uint32_t>& looked_at, std::string& out) {
  out.assign(normalized.canonical);
  for (const std::uint32_t index : looked_at) {
    const Literal& literal = normalized.literals[index];
    out += '\x04';
    out.append(text.substr(literal.begin, literal.end - literal.begin));
  }
}

}  // namespace

PlanContext PlanContextOf(const Catalogue& catalogue, const std::vector<std::string>& search_path) {
  std::string all;
  for (const std::string& schema : search_path) all += schema + '\0';
  const CacheKey hash = HashBytes(all);
  return {&catalogue, &search_path, hash.low ^ std::rotl(catalogue.fingerprint(), 17)};
}

PlanCache::PlanCache(std::size_t entries_max)
    : entries_max_(std::max<std::size_t>(entries_max, 2)),
      slots_(std::bit_ceil(entries_max_ * 2)),
      mask_(slots_.size() - 1) {}

PlanCache::Entry* PlanCache::Find(const CacheKey& key, std::string_view canonical) {
  for (std::size_t at = key.low & mask_; slots_[at].taken; at = (at + 1) & mask_) {
    Entry& entry = slots_[at];
    if (entry.key == key && entry.canonical == canonical) return &entry;
  }
  return nullptr;
}

PlanCache::Entry* PlanCache::Find(std::string_view text, const Normalized& normalized,
                                  const PlanContext& context) {
  Entry* entry = Find(InContext(normalized.key, context), normalized.canonical);
  if (entry == nullptr) return nullptr;
  entry->used = ++tick_;
  if (entry->statement != nullptr) return entry;
  WithValues(text, normalized, entry->looked_at, scratch_);
  Entry* exact = Find(InContext(HashBytes(scratch_), context), scratch_);
  if (exact != nullptr) exact->used = tick_;
  return exact;
}

std::shared_ptr<const Statement> PlanCache::Recall(std::string_view text,
                                                   const PlanContext& context,
                                                   Normalized& normalized) {
  const std::shared_ptr<const Statement>* known =
      memo_.Find(text, context.fingerprint, normalized);
  if (known == nullptr) return nullptr;
  ++hits_;
  return *known;
}

std::shared_ptr<const Statement> PlanCache::Get(std::string_view text, const Normalized& normalized,
                                                const PlanContext& context) {
  if (const Entry* entry = Find(text, normalized, context); entry != nullptr) {
    ++hits_;
    // Said for the second time, and its meaning is that of all texts of its shape.
    if (entry->statement->looked_at.empty())
      memo_.Keep(text, normalized, context.fingerprint, entry->statement);
    return entry->statement;
  }
  ++misses_;
  auto statement = std::make_shared<const Statement>(
      Classify(text, normalized, *context.catalogue, *context.search_path));
  Entry entry;
  entry.key = InContext(normalized.key, context);
  entry.canonical = normalized.canonical;
  if (!statement->looked_at.empty()) {
    // Two statements of one shape look at the same literals, because what they look at does not
    // depend on values seen later; should they differ, the later list replaces the earlier and both
    // are classified again: slow, never wrong.
    if (Entry* shape = Find(entry.key, entry.canonical); shape != nullptr) {
      shape->looked_at = statement->looked_at;
    } else {
      Entry marker = entry;
      marker.looked_at = statement->looked_at;
      Insert(std::move(marker));
    }
    WithValues(text, normalized, statement->looked_at, entry.canonical);
    entry.key = InContext(HashBytes(entry.canonical), context);
    if (Entry* exact = Find(entry.key, entry.canonical); exact != nullptr) {
      exact->statement = statement;
      return statement;
    }
  }
  entry.statement = statement;
  Insert(std::move(entry));
  return statement;
}

void PlanCache::Insert(Entry entry) {
  if (used_ >= entries_max_) Shrink();
  entry.taken = true;
  entry.used = ++tick_;
  std::size_t at = entry.key.low & mask_;
  while (slots_[at].taken) at = (at + 1) & mask_;
  slots_[at] = std::move(entry);
  ++used_;
}

void PlanCache::Shrink() {
  std::vector<Entry> entries;
  for (Entry& slot : slots_) {
    if (slot.taken) entries.push_back(std::move(slot));
    slot = Entry{};
  }
  const auto middle = entries.begin() + static_cast<std::ptrdiff_t>(entries.size() / 2);
  std::nth_element(entries.begin(), middle, entries.end(),
                   [](const Entry& a, const Entry& b) { return a.used > b.used; });
  entries.erase(middle, entries.end());
  used_ = 0;
  for (Entry& entry : entries) {
    std::size_t at = entry.key.low & mask_;
    while (slots_[at].taken) at = (at + 1) & mask_;
    slots_[at] = std::move(entry);
    ++used_;
  }
}

void PlanCache::Clear() {
  for (Entry& slot : slots_) slot = Entry{};
  used_ = 0;
  memo_.Clear();
}

}  // namespace foreshard::router
