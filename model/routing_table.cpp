#include "model/routing_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/check.h"

namespace foreshard::model {

namespace {

Status ValidateRanges(const RoutingTable& table, const std::set<std::string>& shards) {
  if (table.ranges.empty())
    return Error::GiveUp("spec.ranges: empty; accepted is a list from \"\" to \"\"");
  if (table.ranges.size() > kRangesMax) {
    return Error::GiveUp(
        fmt::format("spec.ranges: {} ranges, at most {}", table.ranges.size(), kRangesMax));
  }
  std::string expected;
  for (std::size_t i = 0; i < table.ranges.size(); ++i) {
    const OwnedRange& owned = table.ranges[i];
    const std::string where = fmt::format("spec.ranges[{}]", i);
    for (const std::string& bound : {owned.range.from, owned.range.to}) {
      const Result<std::string> canonical = CanonicalBound(table.key_space, bound);
      if (!canonical) return Error::GiveUp(fmt::format("{}: {}", where, canonical.error().message));
      if (*canonical != bound)
        return Error::GiveUp(fmt::format("{}: '{}' is written '{}'", where, bound, *canonical));
    }
    if (owned.range.from != expected) {
      return Error::GiveUp(fmt::format("{}.from: gap or overlap, '{}' follows '{}'", where,
                                       owned.range.from, expected));
    }
    const bool last = i + 1 == table.ranges.size();
    if (last != owned.range.to.empty()) {
      return Error::GiveUp(
          fmt::format("{}.to: '{}'; only the last range ends at \"\"", where, owned.range.to));
    }
    if (IsEmpty(table.key_space, owned.range)) {
      return Error::GiveUp(fmt::format("{}: '{}' is empty", where, ToString(owned.range)));
    }
    if (!shards.contains(owned.shard.value)) {
      return Error::GiveUp(fmt::format("{}.shard: unknown shard '{}'", where, owned.shard));
    }
    expected = owned.range.to;
  }
  return Ok();
}

Status ValidatePins(const RoutingTable& table, const std::set<std::string>& shards) {
  if (table.pins.size() > kPinsMax) {
    return Error::GiveUp(
        fmt::format("spec.pins: {} pins, at most {}", table.pins.size(), kPinsMax));
  }
  for (std::size_t i = 0; i < table.pins.size(); ++i) {
    const Pin& pin = table.pins[i];
    const Result<std::string> canonical = CanonicalKey(table.key_space.key_type, pin.key);
    if (!canonical)
      return Error::GiveUp(fmt::format("spec.pins[{}].key: {}", i, canonical.error().message));
    if (*canonical != pin.key) {
      return Error::GiveUp(
          fmt::format("spec.pins[{}].key: '{}' is written '{}'", i, pin.key, *canonical));
    }
    if (!shards.contains(pin.shard.value)) {
      return Error::GiveUp(fmt::format("spec.pins[{}].shard: unknown shard '{}'", i, pin.shard));
    }
    if (i == 0) continue;
    const std::string& before = table.pins[i - 1].key;
    if (before == pin.key)
      return Error::GiveUp(fmt::format("spec.pins[{}].key: duplicate pin '{}'", i, pin.key));
    if (before > pin.key) {
      return Error::GiveUp(
          fmt::format("spec.pins[{}].key: '{}' is not in order of bytes", i, pin.key));
    }
  }
  return Ok();
}

// Index of the range that holds `bound`: the last one whose `from` is not above it.
std::size_t IndexOfBound(const RoutingTable& table, std::string_view bound) {
  CHECK(!table.ranges.empty(), "routing table without ranges");
  if (bound.empty()) return 0;
  const auto after =
      std::upper_bound(table.ranges.begin() + 1, table.ranges.end(), bound,
                       [&](std::string_view at, const OwnedRange& owned) {
                         return CompareBounds(table.key_space, at, owned.range.from) < 0;
                       });
  return static_cast<std::size_t>(after - table.ranges.begin()) - 1;
}

std::vector<Pin>::const_iterator FindPin(const RoutingTable& table, std::string_view key) {
  const auto at =
      std::lower_bound(table.pins.begin(), table.pins.end(), key,
                       [](const Pin& pin, std::string_view wanted) { return pin.key < wanted; });
  return at != table.pins.end() && at->key == key ? at : table.pins.end();
}

const ShardId& OwnerByRange(const RoutingTable& table, std::string_view key) {
  return table.ranges[IndexOfBound(table, BoundOfKey(table.key_space, key))].shard;
}

void Append(std::vector<OwnedRange>& ranges, OwnedRange next) {
  if (!ranges.empty() && ranges.back().shard == next.shard) {
    ranges.back().range.to = next.range.to;
    return;
  }
  ranges.push_back(std::move(next));
}

}  // namespace

void DropIdlePins(RoutingTable& table) {
  const auto may_go_back = [&](const Pin& pin) {
    return std::any_of(table.moving.begin(), table.moving.end(), [&](const Moving& moving) {
      return moving.keys.empty() && ContainsKey(table.key_space, moving.range, pin.key);
    });
  };
  std::erase_if(table.pins, [&](const Pin& pin) {
    return OwnerByRange(table, pin.key) == pin.shard && !may_go_back(pin);
  });
}

Status Validate(const RoutingTable& table) {
  std::set<std::string> shards;
  for (std::size_t i = 0; i < table.shards.size(); ++i) {
    const std::string& id = table.shards[i].id.value;
    if (id.empty()) return Error::GiveUp(fmt::format("spec.shards[{}].id: empty", i));
    if (!shards.insert(id).second)
      return Error::GiveUp(fmt::format("spec.shards[{}].id: duplicate shard '{}'", i, id));
  }
  if (const Status ranges = ValidateRanges(table, shards); !ranges) return ranges;
  return ValidatePins(table, shards);
}

const ShardId& OwnerOfKey(const RoutingTable& table, std::string_view canonical_key) {
  if (const auto pin = FindPin(table, canonical_key); pin != table.pins.end()) return pin->shard;
  return OwnerByRange(table, canonical_key);
}

const ShardId& OwnerOfBound(const RoutingTable& table, std::string_view bound) {
  return table.ranges[IndexOfBound(table, bound)].shard;
}

Result<RoutingTable> WithOwner(const RoutingTable& table, const KeyRange& range,
                               const ShardId& owner, Epoch epoch) {
  CHECK(epoch > table.epoch, "epochs only grow", epoch, table.epoch);
  const KeySpace& space = table.key_space;
  if (IsEmpty(space, range))
    return Error::GiveUp(fmt::format("range '{}' is empty", ToString(range)));
  RoutingTable next = table;
  next.epoch = epoch;
  next.ranges.clear();
  std::optional<ShardId> before;
  for (const OwnedRange& owned : table.ranges) {
    const std::optional<KeyRange> common = Intersect(space, owned.range, range);
    if (!common) {
      Append(next.ranges, owned);
      continue;
    }
    if (before && *before != owned.shard) {
      return Error::GiveUp(fmt::format("range '{}' is owned by '{}' and '{}'", ToString(range),
                                       *before, owned.shard));
    }
    before = owned.shard;
    if (common->from != owned.range.from)
      Append(next.ranges, {{owned.range.from, common->from}, owned.shard});
    Append(next.ranges, {*common, owner});
    if (common->to != owned.range.to)
      Append(next.ranges, {{common->to, owned.range.to}, owned.shard});
  }
  DropIdlePins(next);
  return next;
}

Result<RoutingTable> WithPins(const RoutingTable& table,
                              const std::vector<std::string>& canonical_keys, const ShardId& owner,
                              Epoch epoch) {
  CHECK(epoch > table.epoch, "epochs only grow", epoch, table.epoch);
  RoutingTable next = table;
  next.epoch = epoch;
  for (const std::string& key : canonical_keys) {
    const ShardId& before = OwnerOfKey(table, key);
    if (before != OwnerOfKey(table, canonical_keys.front())) {
      return Error::GiveUp(
          fmt::format("keys '{}' and '{}' have different owners", canonical_keys.front(), key));
    }
    const auto at = std::lower_bound(
        next.pins.begin(), next.pins.end(), key,
        [](const Pin& pin, const std::string& wanted) { return pin.key < wanted; });
    if (at != next.pins.end() && at->key == key) {
      at->shard = owner;
    } else {
      next.pins.insert(at, {key, owner});
    }
  }
  DropIdlePins(next);
  return next;
}

std::optional<KeyRange> OnePiece(const RoutingTable& table, const ShardId& shard) {
  std::optional<KeyRange> all;
  for (const KeyRange& range : RangesOf(table, shard)) {
    if (all && (all->to.empty() || all->to != range.from)) return std::nullopt;
    all = all ? KeyRange{.from = all->from, .to = range.to} : range;
  }
  for (const Pin& pin : table.pins) {
    if (pin.shard == shard) return std::nullopt;
  }
  return all;
}

std::vector<KeyRange> RangesOf(const RoutingTable& table, const ShardId& shard) {
  std::vector<KeyRange> ranges;
  for (const OwnedRange& owned : table.ranges) {
    if (owned.shard == shard) ranges.push_back(owned.range);
  }
  return ranges;
}

}  // namespace foreshard::model
