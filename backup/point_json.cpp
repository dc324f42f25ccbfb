#include "backup/point_json.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace foreshard::backup {
namespace {

using nlohmann::json;

constexpr std::int64_t kVersion = 1;

json ToJson(const ShardPoint& point) {
  return {{"shard", point.shard.value},
          {"systemIdentifier", point.system_identifier},
          {"timeline", point.timeline},
          {"lsn", point.lsn},
          {"walFile", point.wal_file}};
}

ShardPoint ShardPointFrom(const json& object) {
  return {.shard = {object.at("shard").get<std::string>()},
          .system_identifier = object.at("systemIdentifier").get<std::string>(),
          .timeline = object.at("timeline").get<std::int64_t>(),
          .lsn = object.at("lsn").get<std::string>(),
          .wal_file = object.at("walFile").get<std::string>()};
}

SetState StateFrom(const json& object) {
  SetState state{.set_uid = object.at("setUid").get<std::string>(),
                 .shards = {},
                 .epoch = {object.at("epoch").get<std::int64_t>()},
                 .routing_table = object.at("routingTable").get<std::string>(),
                 .migrations = object.at("migrations").get<std::string>(),
                 .cutovers = {},
                 .number_max = {object.at("numberMax").get<std::int32_t>()},
                 .record_max = object.at("recordMax").get<std::int64_t>(),
                 .lease_transitions = object.at("leaseTransitions").get<std::int64_t>()};
  return state;
}

Result<Point> PointFrom(const json& object) {
  if (const auto version = object.at("version").get<std::int64_t>(); version != kVersion) {
    return Error::GiveUp(fmt::format(
        "version: {} was written by another release; this one reads {}", version, kVersion));
  }
  const std::optional<WallTime> made_at = ParseRfc3339(object.at("madeAt").get<std::string>());
  if (!made_at) return Error::GiveUp("madeAt: a time like 2026-05-01T09:10:00.000000Z is expected");
  Point point{.number = {object.at("number").get<std::int64_t>()},
              .made_at = *made_at,
              .state = StateFrom(object.at("state")),
              .shards = {}};
  for (const json& shard : object.at("shards")) {
    point.shards.push_back(ShardPointFrom(shard));
    point.state.shards.push_back(point.shards.back().shard);
  }
  if (point.number.value < 1) return Error::GiveUp("number: 1 or more is expected");
  if (point.shards.empty()) return Error::GiveUp("shards: there is none");
  return point;
}

}  // namespace

std::string PointToJson(const Point& point) {
  json shards = json::array();
  for (const ShardPoint& shard : point.shards) shards.push_back(ToJson(shard));
  const json object = {{"version", kVersion},
                       {"number", point.number.value},
                       {"madeAt", FormatRfc3339Micros(point.made_at)},
                       {"state",
                        {{"setUid", point.state.set_uid},
                         {"epoch", point.state.epoch.value},
                         {"routingTable", point.state.routing_table},
                         {"migrations", point.state.migrations},
                         {"numberMax", point.state.number_max.value},
                         {"recordMax", point.state.record_max},
                         {"leaseTransitions", point.state.lease_transitions}}},
                       {"shards", shards}};
  return object.dump(2) + "\n";
}

// nlohmann throws on what is missing or of another type; its messages name the field.
Result<Point> PointFromJson(std::string_view text) {
  const json object = json::parse(text, nullptr, false);
  if (!object.is_object()) return Error::GiveUp("a point is one JSON object");
  try {
    return PointFrom(object);
  } catch (const json::exception& problem) {
    return Error::GiveUp(fmt::format("not a point: {}", problem.what()));
  }
}

}  // namespace foreshard::backup
