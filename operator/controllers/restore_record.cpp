#include "operator/controllers/restore_record.h"

#include <fmt/format.h>

#include <algorithm>

#include "backup/point_json.h"
#include "operator/api/routing_table_json.h"
#include "operator/builders/names.h"

namespace foreshard::op {
namespace {

constexpr const char* kFrom = "from";
constexpr const char* kPoint = "point";
constexpr const char* kEnded = "ended";

bool OwnsSomething(const model::RoutingTable& table, const model::ShardId& shard) {
  return std::ranges::find(table.ranges, shard, &model::OwnedRange::shard) != table.ranges.end() ||
         std::ranges::find(table.pins, shard, &model::Pin::shard) != table.pins.end();
}

}  // namespace

Value BuildRestoreRecord(const SetName& set, const std::string& from, const backup::Point& point) {
  Value object = NewObject(set, {.api_version = "v1",
                                 .kind = "ConfigMap",
                                 .name = RestoreName(set),
                                 .component = Component::kBackup,
                                 .shard = {}});
  object.Set("data", Value::Object({{kFrom, from}, {kPoint, backup::PointToJson(point)}}));
  return object;
}

Value RestoreEndedPatch(const std::string& ended) {
  return Value::Object({{"data", Value::Object({{kEnded, ended}})}});
}

Result<RestoreRecord> ParseRestoreRecord(const Value& config_map) {
  const Value& data = config_map["data"];
  auto point = backup::PointFromJson(data[kPoint].Text());
  if (!point) return point.error();
  return RestoreRecord{
      .from = data[kFrom].Text(), .point = *std::move(point), .ended = data[kEnded].Text()};
}

std::optional<ShardRestore> RestoreOfShard(const RestoreRecord& record,
                                           const model::ShardId& shard) {
  const auto found = std::ranges::find(record.point.shards, shard, &backup::ShardPoint::shard);
  if (found == record.point.shards.end()) return std::nullopt;
  return ShardRestore{
      .point = *found,
      .target = backup::PointName(record.point.state.set_uid, record.point.number)};
}

Result<model::RoutingTable> RestoredTable(const SetName& set, const model::KeySpace& key_space,
                                          const backup::Point& point) {
  const auto spec = ParseJson(point.state.routing_table);
  if (!spec) return spec.error();
  auto table = ParseRoutingTable(ToJson(Value::Object({{"spec", *spec}})), key_space);
  if (!table) return table.error();
  table->moving.clear();
  table->switching.reset();
  if (const Status valid = model::Validate(*table); !valid) return valid.error();
  table->shard_set_name = set.name;
  table->epoch = {std::max(table->epoch.value, point.state.epoch.value) + 1};
  std::erase_if(table->shards, [&](const model::ShardAddress& shard) {
    return !OwnsSomething(*table, shard.id);
  });
  for (model::ShardAddress& shard : table->shards) shard = AddressOf(set, shard.id);
  return *std::move(table);
}

}  // namespace foreshard::op
