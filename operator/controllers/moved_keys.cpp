#include "operator/controllers/moved_keys.h"

#include <fmt/format.h>

#include <algorithm>

namespace foreshard::op {

std::string IdentityText(const migration::Identity& identity) {
  if (identity.system_identifier.empty()) return {};
  return fmt::format("{}/{}", identity.system_identifier, identity.timeline);
}

std::vector<model::KeyRange> RangesOf(const migration::MigrationSpec& spec) {
  if (!spec.keys.empty()) return {};
  return {spec.range};
}

bool IsMarked(const model::RoutingTable& table, const migration::MigrationSpec& spec) {
  return std::any_of(table.moving.begin(), table.moving.end(), [&](const model::Moving& moving) {
    return moving.migration == spec.name && moving.number == spec.number;
  });
}

bool MaySwitch(const model::RoutingTable& table, const migration::MigrationSpec& spec,
               std::int64_t record) {
  return IsMarked(table, spec) && table.switching &&
         *table.switching == model::Switching{.number = spec.number, .record = record};
}

std::optional<std::string> OtherSwitching(const model::RoutingTable& table,
                                          const migration::MigrationSpec& spec) {
  if (!table.switching || table.switching->number == spec.number) return std::nullopt;
  for (const model::Moving& moving : table.moving) {
    if (moving.number == table.switching->number) return moving.migration;
  }
  return std::nullopt;
}

bool OwnsK(const model::RoutingTable& table, const migration::MigrationSpec& spec,
           const model::ShardId& owner) {
  if (!spec.keys.empty()) {
    return std::all_of(spec.keys.begin(), spec.keys.end(), [&](const std::string& key) {
      return model::OwnerOfKey(table, key) == owner;
    });
  }
  return std::all_of(table.ranges.begin(), table.ranges.end(), [&](const model::OwnedRange& owned) {
    return owned.shard == owner || !model::Overlap(table.key_space, owned.range, spec.range);
  });
}

Result<model::RoutingTable> WithOwnerOfK(const model::RoutingTable& table,
                                         const migration::MigrationSpec& spec,
                                         const model::ShardId& owner, model::Epoch epoch) {
  if (OwnsK(table, spec, owner) && table.epoch >= epoch) return table;
  const model::Epoch next{std::max(epoch.value, table.epoch.value + 1)};
  if (!spec.keys.empty()) return model::WithPins(table, spec.keys, owner, next);
  return model::WithOwner(table, spec.range, owner, next);
}

}  // namespace foreshard::op
