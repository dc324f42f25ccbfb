#include "router/compiled_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <map>

#include "base/check.h"

namespace foreshard::router {

namespace {

using model::KeyType;
using model::Strategy;

Key StartOf(const model::KeySpace& space, const std::string& from) {
  if (space.strategy == Strategy::kHash) {
    Key key;
    key.position = *model::ParsePosition(from);
    return key;
  }
  return from.empty() ? Key{} : *ParseKey(space, from);
}

std::size_t Spread(model::Position position) {
  return static_cast<std::size_t>((position * 0x9e3779b97f4a7c15ULL) >> 20);
}

bool SameKey(KeyType type, const Key& a, const Key& b) {
  switch (type) {
    case KeyType::kBigint:
      return a.number == b.number;
    case KeyType::kText:
      return a.text == b.text;
    case KeyType::kUuid:
      return a.uuid == b.uuid;
  }
  Unreachable(type);
}

std::string SqlLiteral(KeyType type, const std::string& canonical) {
  std::string quoted = "'";
  for (const char c : canonical) quoted += c == '\'' ? std::string("''") : std::string(1, c);
  quoted += "'";
  switch (type) {
    case KeyType::kBigint:
      return quoted + "::bigint";
    case KeyType::kText:
      return quoted;
    case KeyType::kUuid:
      return quoted + "::uuid";
  }
  Unreachable(type);
}

std::string KeyIn(KeyType type, const std::string& column, const std::vector<std::string>& keys,
                  bool negated) {
  std::string sql = column + (negated ? " NOT IN (" : " IN (");
  for (std::size_t i = 0; i < keys.size(); ++i)
    sql += (i == 0 ? "" : ", ") + SqlLiteral(type, keys[i]);
  return sql + ")";
}

// migration.md, section 3: the predicate of a range on a column.
std::string InRange(const model::KeySpace& space, const model::KeyRange& range,
                    const std::string& column) {
  std::string place = column;
  if (space.strategy == Strategy::kHash) {
    constexpr const char* kFunctions[] = {"hashint8extended", "hashtextextended",
                                          "uuid_hash_extended"};
    place =
        fmt::format("pg_catalog.{}({}, 0)", kFunctions[static_cast<int>(space.key_type)], column);
  } else if (space.key_type == KeyType::kText) {
    place = column + " COLLATE \"C\"";
  }
  const auto bound = [&](const std::string& text) {
    if (space.strategy == Strategy::kRange) return SqlLiteral(space.key_type, text);
    return fmt::format("'{}'::bigint", model::HashOfPosition(*model::ParsePosition(text)));
  };
  std::string sql;
  if (!range.from.empty()) sql += fmt::format("{} >= {}", place, bound(range.from));
  if (!range.to.empty())
    sql += fmt::format("{}{} < {}", sql.empty() ? "" : " AND ", place, bound(range.to));
  return sql.empty() ? "true" : sql;
}

}  // namespace

Result<std::shared_ptr<const CompiledTable>> CompiledTable::Compile(model::RoutingTable table) {
  if (const Status valid = model::Validate(table); !valid) return valid.error();
  return std::shared_ptr<const CompiledTable>(new CompiledTable(std::move(table)));
}

CompiledTable::CompiledTable(model::RoutingTable table) : table_(std::move(table)) {
  std::map<std::string, std::uint32_t> shards;
  for (std::uint32_t i = 0; i < table_.shards.size(); ++i) shards[table_.shards[i].id.value] = i;
  const model::KeySpace& space = table_.key_space;
  for (const model::OwnedRange& owned : table_.ranges) {
    range_shards_.push_back(shards.at(owned.shard.value));
    start_keys_.push_back(StartOf(space, owned.range.from));
    starts_.push_back(start_keys_.back().position);
  }
  first_of_byte_.resize(257);
  for (std::uint64_t byte = 0; byte < 256; ++byte) {
    // The first range that starts at or above byte << 56, minus one: nothing before it can hold
    // such a position.
    const auto at = std::lower_bound(starts_.begin() + 1, starts_.end(), byte << 56);
    first_of_byte_[byte] = static_cast<std::uint32_t>(at - starts_.begin()) - 1;
  }
  first_of_byte_[256] = static_cast<std::uint32_t>(starts_.size()) - 1;

  owning_shards_ = range_shards_;
  for (const model::Pin& pin : table_.pins) owning_shards_.push_back(shards.at(pin.shard.value));
  std::sort(owning_shards_.begin(), owning_shards_.end());
  owning_shards_.erase(std::unique(owning_shards_.begin(), owning_shards_.end()),
                       owning_shards_.end());

  const std::size_t slots = std::bit_ceil(std::max<std::size_t>(2, table_.pins.size() * 4));
  pins_.resize(slots);
  pin_mask_ = slots - 1;
  for (const model::Pin& pin : table_.pins) {
    const Result<Key> key = ParseKey(space, pin.key);
    CHECK(key.ok(), "a validated pin does not parse", pin.key);
    std::size_t at = Spread(key->position) & pin_mask_;
    while (pins_[at].taken) at = (at + 1) & pin_mask_;
    pins_[at] = {*key, shards.at(pin.shard.value), true};
  }
}

const std::uint32_t* CompiledTable::FindPin(const Key& key) const {
  if (table_.pins.empty()) return nullptr;
  for (std::size_t at = Spread(key.position) & pin_mask_; pins_[at].taken;
       at = (at + 1) & pin_mask_) {
    if (pins_[at].key.position == key.position &&
        SameKey(table_.key_space.key_type, pins_[at].key, key)) {
      return &pins_[at].shard;
    }
  }
  return nullptr;
}

std::uint32_t CompiledTable::RangeOf(const Key& key) const {
  const std::size_t byte = key.position >> 56;
  const std::uint32_t low = first_of_byte_[byte];
  // One past the last range that can start at or below this position.
  const std::uint32_t high =
      byte == 255 ? static_cast<std::uint32_t>(starts_.size()) : first_of_byte_[byte + 1] + 1;
  const auto begin = starts_.begin() + low + 1;
  const auto end =
      starts_.begin() + std::min<std::uint32_t>(high, static_cast<std::uint32_t>(starts_.size()));
  if (begin >= end) return low;
  const bool exact =
      table_.key_space.strategy == Strategy::kHash || table_.key_space.key_type == KeyType::kBigint;
  if (exact)
    return static_cast<std::uint32_t>(std::upper_bound(begin, end, key.position) -
                                      starts_.begin()) -
           1;
  const auto after = std::upper_bound(
      start_keys_.begin() + (begin - starts_.begin()),
      start_keys_.begin() + (end - starts_.begin()), key,
      [&](const Key& a, const Key& b) { return ComparePlaces(table_.key_space, a, b) < 0; });
  return static_cast<std::uint32_t>(after - start_keys_.begin()) - 1;
}

Owner CompiledTable::Find(const Key& key) const {
  const std::uint32_t range = RangeOf(key);
  if (const std::uint32_t* shard = FindPin(key); shard != nullptr) return {*shard, range, true};
  return {range_shards_[range], range, false};
}

bool CompiledTable::PartsWhileMoving(const Key& a, const Key& b) const {
  const model::KeySpace& space = table_.key_space;
  if (table_.moving.empty()) return false;
  const std::string first = CanonicalText(space.key_type, a);
  const std::string second = CanonicalText(space.key_type, b);
  return std::any_of(table_.moving.begin(), table_.moving.end(), [&](const model::Moving& moving) {
    const auto moves = [&](const std::string& key) {
      if (moving.keys.empty()) return model::ContainsKey(space, moving.range, key);
      return std::find(moving.keys.begin(), moving.keys.end(), key) != moving.keys.end();
    };
    return moves(first) != moves(second);
  });
}

std::string CompiledTable::ForeignRows(std::uint32_t shard, const std::string& column) const {
  const model::KeySpace& space = table_.key_space;
  const model::ShardId& self = table_.shards[shard].id;
  std::string sql;
  const auto add = [&](const std::string& condition) {
    sql += (sql.empty() ? "(" : " OR (") + condition + ")";
  };
  for (const model::Moving& moving : table_.moving) {
    std::vector<std::string> foreign;
    for (const std::string& key : moving.keys) {
      if (model::OwnerOfKey(table_, key) != self) foreign.push_back(key);
    }
    if (!foreign.empty()) add(KeyIn(space.key_type, column, foreign, false));
    if (!moving.keys.empty() || model::OwnerOfBound(table_, moving.range.from) == self) continue;
    std::vector<std::string> pinned;
    for (const model::Pin& pin : table_.pins) {
      if (model::ContainsKey(space, moving.range, pin.key)) pinned.push_back(pin.key);
    }
    std::string condition = InRange(space, moving.range, column);
    if (!pinned.empty()) condition += " AND " + KeyIn(space.key_type, column, pinned, true);
    add(condition);
  }
  return sql;
}

}  // namespace foreshard::router
