#include "router/state.h"

#include <algorithm>

#include "base/log.h"

namespace foreshard::router {
namespace {

constexpr std::size_t kLearnedMax = 64;

// foreshard.range keeps bounds as the routing table writes them (positions of hashes, or keys).
std::optional<std::string> BoundOf(const model::KeySpace& space,
                                   const std::optional<std::string>& text) {
  if (!text) return std::string();
  const Result<std::string> bound = model::CanonicalBound(space, *text);
  return bound ? std::optional(*bound) : std::nullopt;
}

// "{a,b}" as PostgreSQL writes text[]; quoted elements with backslashes.
std::vector<std::string> ArrayElements(std::string_view text) {
  std::vector<std::string> elements;
  if (text.size() < 2 || text.front() != '{') return elements;
  text.remove_prefix(1);
  text.remove_suffix(1);
  while (!text.empty()) {
    std::string element;
    if (text.front() == '"') {
      text.remove_prefix(1);
      while (!text.empty() && text.front() != '"') {
        if (text.front() == '\\' && text.size() > 1) text.remove_prefix(1);
        element.push_back(text.front());
        text.remove_prefix(1);
      }
      if (!text.empty()) text.remove_prefix(1);
    } else {
      const std::size_t comma = std::min(text.find(','), text.size());
      element = std::string(text.substr(0, comma));
      text.remove_prefix(comma);
    }
    elements.push_back(std::move(element));
    if (!text.empty()) text.remove_prefix(1);
  }
  return elements;
}

}  // namespace

RouterState::View RouterState::Current() const {
  const std::lock_guard lock(mutex_);
  return view_;
}

void RouterState::SetConfig(RouterConfig config) {
  auto catalogue = Catalogue::Make(config.tables);
  CHECK(catalogue.ok(), "a configuration that was not checked");
  const std::lock_guard lock(mutex_);
  view_.config = std::make_shared<const RouterConfig>(std::move(config));
  view_.catalogue = *catalogue;
  version_.fetch_add(1, std::memory_order_release);
}

void RouterState::SetUsers(std::shared_ptr<const Users> users) {
  const std::lock_guard lock(mutex_);
  view_.users = std::move(users);
  version_.fetch_add(1, std::memory_order_release);
}

void RouterState::SetTls(std::shared_ptr<const TlsContext> client,
                         std::shared_ptr<const TlsContext> shard) {
  const std::lock_guard lock(mutex_);
  view_.client_tls = std::move(client);
  view_.shard_tls = std::move(shard);
  version_.fetch_add(1, std::memory_order_release);
}

void RouterState::LearnColumns(const std::string& table, std::vector<std::string> columns) {
  const std::lock_guard lock(mutex_);
  view_.catalogue = view_.catalogue->WithColumns(table, std::move(columns));
  version_.fetch_add(1, std::memory_order_release);
}

void RouterState::LearnFunctions(const Functions& functions) {
  const std::lock_guard lock(mutex_);
  view_.catalogue = view_.catalogue->WithFunctions(functions);
  version_.fetch_add(1, std::memory_order_release);
}

void RouterState::ForgetColumns() {
  const std::lock_guard lock(mutex_);
  auto catalogue = Catalogue::Make(view_.config->tables);
  CHECK(catalogue.ok(), "a configuration that was not checked");
  view_.catalogue = *catalogue;
  version_.fetch_add(1, std::memory_order_release);
}

void RouterState::LearnCollation(const std::string& shard, bool as_bytes) {
  const std::lock_guard lock(mutex_);
  orders_as_bytes_[shard] = as_bytes;
  const bool all = std::all_of(orders_as_bytes_.begin(), orders_as_bytes_.end(),
                               [](const auto& entry) { return entry.second; });
  text_orders_as_bytes.store(all, std::memory_order_relaxed);
}

void RouterState::TableChanged() {
  const std::lock_guard lock(mutex_);
  if (feed_.version() == feed_version_) return;
  Rebuild();
}

namespace {

// The table with what one shard said; unchanged if its keys are not in one piece there.
model::RoutingTable WithLearned(model::RoutingTable table, const LearnedOwner& learned) {
  const model::ShardId owner{learned.owner};
  const auto after = [](const model::RoutingTable& now) {
    return model::Epoch{now.epoch.value + 1};
  };
  for (const model::KeyRange& range : learned.ranges) {
    Result<model::RoutingTable> next = model::WithOwner(table, range, owner, after(table));
    if (next) table = *std::move(next);
  }
  if (learned.keys.empty()) return table;
  Result<model::RoutingTable> next = model::WithPins(table, learned.keys, owner, after(table));
  return next ? *std::move(next) : table;
}

}  // namespace

void RouterState::Rebuild() {
  feed_version_ = feed_.version();
  std::shared_ptr<const CompiledTable> table = feed_.Current();
  if (table == nullptr) return;
  EndOldLeases(table->table());
  std::erase_if(view_.learned, [&table](const LearnedOwner& learned) {
    return learned.epoch <= table->epoch().value;
  });
  if (!view_.learned.empty()) {
    model::RoutingTable known = table->table();
    for (const LearnedOwner& learned : view_.learned)
      known = WithLearned(std::move(known), learned);
    // What was heard of some keys says nothing of others: the table keeps the epoch that the feed
    // gave it. A higher one would tell the operator, and shards that are being emptied, that this
    // router knows of moves that it has not heard of.
    known.epoch = table->epoch();
    const Result<std::shared_ptr<const CompiledTable>> compiled =
        CompiledTable::Compile(std::move(known));
    if (compiled) table = *compiled;
  }
  view_.table = std::move(table);
  version_.fetch_add(1, std::memory_order_release);
}

// Compared with the table that the feed gave, and with what is known of the same keys: a newer word
// about other keys does not make this one old. A router that is cut off from the feed hears of each
// move by itself, in any order.
// A migration that the table no longer lists is over. One that it does not list yet may have been
// heard of from its shard first.
void RouterState::EndOldLeases(const model::RoutingTable& table) {
  std::erase_if(view_.leased, [&table](LeasedKeys& lease) {
    const bool listed = std::any_of(
        table.moving.begin(), table.moving.end(),
        [&lease](const model::Moving& moving) { return moving.number.value == lease.migration; });
    const bool over = lease.listed && !listed;
    lease.listed = listed;
    return over;
  });
}

bool RouterState::Learn(LearnedOwner learned) {
  // The view has the epoch of the feed's table that it was made of. The feed may have a newer one
  // by now: what is no news to that one is still news to whoever goes by the view.
  if (view_.table == nullptr || learned.epoch <= view_.table->epoch().value) return false;
  if (learned.ranges.empty() && learned.keys.empty()) return false;
  const auto same =
      std::find_if(view_.learned.begin(), view_.learned.end(), [&](const LearnedOwner& known) {
        return known.ranges == learned.ranges && known.keys == learned.keys;
      });
  if (same != view_.learned.end()) {
    if (same->epoch >= learned.epoch) return false;
    view_.learned.erase(same);
  }
  view_.learned.push_back(std::move(learned));
  std::sort(view_.learned.begin(), view_.learned.end(),
            [](const LearnedOwner& a, const LearnedOwner& b) { return a.epoch < b.epoch; });
  if (view_.learned.size() > kLearnedMax) view_.learned.erase(view_.learned.begin());
  Rebuild();
  return true;
}

// Which keys a migration moves, the table says; a router that has been cut off since before it
// began knows them from the shard that told it of the lease.
bool RouterState::LearnOwner(const StaleOwner& stale) {
  stale_owner_total.fetch_add(1, std::memory_order_relaxed);
  const std::lock_guard lock(mutex_);
  if (view_.table == nullptr) return false;
  LearnedOwner learned{.migration = stale.migration,
                       .ranges = {},
                       .keys = {},
                       .excluded = {},
                       .owner = stale.owner,
                       .epoch = stale.epoch};
  for (const LeasedKeys& leased : view_.leased) {
    if (leased.migration != stale.migration) continue;
    learned.ranges = leased.ranges;
    learned.keys = leased.keys;
    learned.excluded = leased.excluded;
  }
  const model::RoutingTable& table = view_.table->table();
  for (const model::Moving& moving : table.moving) {
    if (moving.number.value != stale.migration) continue;
    learned.keys = moving.keys;
    learned.ranges.clear();
    learned.excluded.clear();
    if (!moving.keys.empty()) continue;
    learned.ranges = {moving.range};
    for (const model::Pin& pin : table.pins) {
      if (model::ContainsKey(table.key_space, moving.range, pin.key))
        learned.excluded.push_back(pin.key);
    }
  }
  return Learn(std::move(learned));
}

bool RouterState::LearnRanges(const std::vector<KnownRange>& ranges, std::string_view teller) {
  const std::lock_guard lock(mutex_);
  const std::shared_ptr<const CompiledTable> table = view_.table;  // Learn() replaces it
  if (table == nullptr) return false;
  const model::KeySpace& space = table->table().key_space;
  bool changed = false;
  for (const KnownRange& range : ranges) {
    LearnedOwner learned;
    learned.migration = range.migration;
    learned.owner = range.owner;
    learned.epoch = range.epoch;
    const bool by_key = range.kind == "keys";
    for (const std::string& key : ArrayElements(range.keys)) {
      const Result<std::string> canonical = model::CanonicalKey(space.key_type, key);
      if (canonical) (by_key ? learned.keys : learned.excluded).push_back(*canonical);
    }
    if (!by_key) {
      const std::optional<std::string> from = BoundOf(space, range.lower_bound);
      const std::optional<std::string> to = BoundOf(space, range.upper_bound);
      if (!from || !to) {
        log::Warning("range_not_understood", {{"range", range.range_id}});
        continue;
      }
      learned.ranges.push_back({.from = *from, .to = *to});
    }
    // A shard that has given the range away says so by the owner: there is nothing to prove there.
    if (range.leased && range.owner == teller) {
      LeaseLocked({.migration = range.migration,
                   .ranges = learned.ranges,
                   .keys = learned.keys,
                   .excluded = learned.excluded});
    }
    changed = Learn(std::move(learned)) || changed;
  }
  return changed;
}

void RouterState::Lease(LeasedKeys leased) {
  const std::lock_guard lock(mutex_);
  LeaseLocked(std::move(leased));
}

void RouterState::LeaseLocked(LeasedKeys leased) {
  const auto same = [&leased](const LeasedKeys& known) {
    return known.migration == leased.migration;
  };
  if (std::any_of(view_.leased.begin(), view_.leased.end(), same)) return;
  if (view_.table != nullptr) {
    const std::vector<model::Moving>& moving = view_.table->table().moving;
    leased.listed = std::any_of(moving.begin(), moving.end(), [&leased](const model::Moving& one) {
      return one.number.value == leased.migration;
    });
  }
  view_.leased.push_back(std::move(leased));
  version_.fetch_add(1, std::memory_order_release);
}

void RouterState::EndLease(std::int64_t migration) {
  const std::lock_guard lock(mutex_);
  const std::size_t ended = std::erase_if(
      view_.leased, [migration](const LeasedKeys& known) { return known.migration == migration; });
  if (ended > 0) version_.fetch_add(1, std::memory_order_release);
}

}  // namespace foreshard::router
