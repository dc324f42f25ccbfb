#include "migration/audit.h"

#include <fmt/format.h>

#include <algorithm>

#include "migration/predicate.h"

namespace foreshard::migration {

namespace {

MigrationSpec SpecOf(const model::RoutingTable& table) {
  MigrationSpec spec;
  spec.key_space = table.key_space;
  return spec;
}

std::string RangeTerm(const model::RoutingTable& table, const model::KeyRange& range,
                      std::string_view column) {
  MigrationSpec spec = SpecOf(table);
  spec.range = range;
  for (const model::Pin& pin : table.pins) {
    if (model::ContainsKey(table.key_space, range, pin.key)) spec.excluded_keys.push_back(pin.key);
  }
  return PredicateSql(spec, column);
}

std::string KeysTerm(const model::RoutingTable& table, const std::vector<std::string>& keys,
                     std::string_view column) {
  MigrationSpec spec = SpecOf(table);
  spec.keys = keys;
  return PredicateSql(spec, column);
}

}  // namespace

std::string StraySql(const model::RoutingTable& table, const model::ShardId& shard,
                     std::string_view column) {
  std::vector<std::string> fine;
  for (const model::KeyRange& range : model::RangesOf(table, shard)) {
    fine.push_back(RangeTerm(table, range, column));
  }
  std::vector<std::string> pinned;
  for (const model::Pin& pin : table.pins) {
    if (pin.shard == shard) pinned.push_back(pin.key);
  }
  if (!pinned.empty()) fine.push_back(KeysTerm(table, pinned, column));
  for (const model::Moving& moving : table.moving) {
    fine.push_back(moving.keys.empty() ? RangeTerm(table, moving.range, column)
                                       : KeysTerm(table, moving.keys, column));
  }
  if (fine.empty()) return "true";
  return fmt::format("NOT (({}))", fmt::join(fine, ") OR ("));
}

Agreement Compare(const ReferenceDigests& before, const ReferenceDigests& now) {
  const bool same = std::all_of(now.begin(), now.end(), [&](const auto& entry) {
    return entry.second == now.begin()->second;
  });
  if (same) return Agreement::kSame;
  return before == now ? Agreement::kDiffer : Agreement::kLookAgain;
}

bool SameOwners(const model::RoutingTable& before, const model::RoutingTable& after) {
  return before.epoch == after.epoch && before.ranges == after.ranges &&
         before.pins == after.pins && before.moving == after.moving;
}

}  // namespace foreshard::migration
