#include "operator/api/routing_table_json.h"

#include <fmt/format.h>

#include <charconv>

#include "operator/api/fields.h"

namespace foreshard::op {
namespace {

model::Moving ReadMoving(const Value& item) {
  model::Moving moving;
  moving.migration = item["migration"].Text();
  moving.number = {static_cast<std::int32_t>(item["number"].Int())};
  moving.range = {item.At("range.from").Text(), item.At("range.to").Text()};
  for (const Value& key : item["keys"].Items()) moving.keys.push_back(key.Text());
  return moving;
}

Value MovingJson(const model::Moving& moving) {
  Value json = Value::Object({{"migration", moving.migration},
                              {"number", moving.number.value},
                              {"keys", Value::OfList(moving.keys)}});
  if (moving.keys.empty()) {
    json.Set("range", Value::Object({{"from", moving.range.from}, {"to", moving.range.to}}));
  }
  return json;
}

std::optional<model::Switching> ReadSwitching(const Value& object) {
  const std::string text = object["metadata"]["annotations"][kSwitchingAnnotation].Text();
  model::Switching switching;
  const char* end = text.data() + text.size();
  const auto number = std::from_chars(text.data(), end, switching.number.value);
  if (number.ec != std::errc() || number.ptr == end || *number.ptr != '/') return std::nullopt;
  const auto record = std::from_chars(number.ptr + 1, end, switching.record);
  if (record.ec != std::errc() || record.ptr != end) return std::nullopt;
  return switching;
}

}  // namespace

Value SwitchingJson(const model::RoutingTable& table) {
  if (!table.switching) return {};
  return fmt::format("{}/{}", table.switching->number, table.switching->record);
}

Result<model::RoutingTable> ParseRoutingTable(std::string_view json,
                                              const model::KeySpace& key_space) {
  const Result<Value> object = ParseJson(json);
  if (!object) return object.error();
  const Value& spec = (*object)["spec"];
  if (!spec.is_object()) return Error::GiveUp("spec: missing in a RoutingTable", "InvalidSpec");
  model::RoutingTable table;
  table.shard_set_name = spec["shardSetName"].Text();
  table.epoch = {spec["epoch"].Int()};
  table.key_space = key_space;
  for (const Value& item : spec["ranges"].Items()) {
    table.ranges.push_back(
        {.range = {item["from"].Text(), item["to"].Text()}, .shard = {item["shard"].Text()}});
  }
  for (const Value& item : spec["pins"].Items()) {
    table.pins.push_back({.key = item["key"].Text(), .shard = {item["shard"].Text()}});
  }
  for (const Value& item : spec["shards"].Items()) {
    table.shards.push_back({.id = {item["id"].Text()},
                            .primary_service = item["primaryService"].Text(),
                            .replica_service = item["replicaService"].Text()});
  }
  for (const Value& item : spec["moving"].Items()) table.moving.push_back(ReadMoving(item));
  table.switching = ReadSwitching(*object);
  return table;
}

Value RoutingTableSpec(const model::RoutingTable& table) {
  Value::List ranges;
  for (const model::OwnedRange& owned : table.ranges) {
    ranges.push_back(Value::Object(
        {{"from", owned.range.from}, {"to", owned.range.to}, {"shard", owned.shard.value}}));
  }
  Value::List pins;
  for (const model::Pin& pin : table.pins) {
    pins.push_back(Value::Object({{"key", pin.key}, {"shard", pin.shard.value}}));
  }
  Value::List shards;
  for (const model::ShardAddress& shard : table.shards) {
    shards.push_back(Value::Object({{"id", shard.id.value},
                                    {"primaryService", shard.primary_service},
                                    {"replicaService", shard.replica_service}}));
  }
  Value::List moving;
  for (const model::Moving& one : table.moving) moving.push_back(MovingJson(one));
  return Value::Object({{"shardSetName", table.shard_set_name},
                        {"epoch", table.epoch.value},
                        {"ranges", Value(std::move(ranges))},
                        {"pins", Value(std::move(pins))},
                        {"shards", Value(std::move(shards))},
                        {"moving", Value(std::move(moving))}});
}

}  // namespace foreshard::op
