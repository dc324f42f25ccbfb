#include "router/table_feed.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace foreshard::router {

namespace {

using Json = nlohmann::json;

bool SameOwners(const model::RoutingTable& a, const model::RoutingTable& b) {
  return a.ranges == b.ranges && a.pins == b.pins;
}

// Reads one field; the first thing that is wrong is kept, with the field's path.
class Reader {
 public:
  explicit Reader(std::string path) : path_(std::move(path)) {}

  std::string Text(const Json& object, const char* name, bool required) {
    const auto at = object.find(name);
    if (at == object.end() || at->is_null()) {
      if (required) Fail(name, "missing");
      return {};
    }
    if (!at->is_string()) {
      Fail(name, "not a string");
      return {};
    }
    return at->get<std::string>();
  }

  const Json& List(const Json& object, const char* name) {
    static const Json kNone = Json::array();
    const auto at = object.find(name);
    if (at == object.end() || at->is_null()) return kNone;
    if (at->is_array()) return *at;
    Fail(name, "not a list");
    return kNone;
  }

  std::int64_t Number(const Json& object, const char* name) {
    const auto at = object.find(name);
    if (at != object.end() && at->is_number_integer()) return at->get<std::int64_t>();
    if (at != object.end()) Fail(name, "not a whole number");
    return 0;
  }

  void Fail(const std::string& field, const std::string& what) {
    if (error_.empty()) error_ = fmt::format("{}.{}: {}", path_, field, what);
  }
  const std::string& error() const { return error_; }

 private:
  std::string path_;
  std::string error_;
};

std::string Bound(Reader& reader, const model::KeySpace& space, const Json& object,
                  const char* name) {
  const std::string text = reader.Text(object, name, false);
  Result<std::string> canonical = model::CanonicalBound(space, text);
  if (!canonical) reader.Fail(name, canonical.error().message);
  return canonical ? *canonical : std::string();
}

std::string CanonicalKeyOf(Reader& reader, const model::KeySpace& space, const Json& value,
                           const char* name) {
  if (!value.is_string()) {
    reader.Fail(name, "not a string");
    return {};
  }
  Result<std::string> canonical = model::CanonicalKey(space.key_type, value.get<std::string>());
  if (!canonical) reader.Fail(name, canonical.error().message);
  return canonical ? *canonical : std::string();
}

void ReadMoving(Reader& reader, const Json& spec, model::RoutingTable& table) {
  for (const Json& item : reader.List(spec, "moving")) {
    model::Moving moving;
    moving.migration = reader.Text(item, "migration", true);
    moving.number = {static_cast<std::int32_t>(reader.Number(item, "number"))};
    if (const auto range = item.find("range"); range != item.end() && range->is_object()) {
      moving.range = {Bound(reader, table.key_space, *range, "from"),
                      Bound(reader, table.key_space, *range, "to")};
    }
    for (const Json& key : reader.List(item, "keys")) {
      moving.keys.push_back(CanonicalKeyOf(reader, table.key_space, key, "moving.keys"));
    }
    table.moving.push_back(std::move(moving));
  }
}

}  // namespace

std::shared_ptr<const CompiledTable> TableFeed::Current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

Status TableFeed::Offer(model::RoutingTable table, std::int64_t generation) {
  Result<std::shared_ptr<const CompiledTable>> compiled = CompiledTable::Compile(std::move(table));
  if (!compiled) return compiled.error();
  const std::lock_guard lock(mutex_);
  if (current_ != nullptr) {
    const model::RoutingTable& now = current_->table();
    const model::RoutingTable& next = (*compiled)->table();
    if (next.epoch < now.epoch) {
      return Error::Reobserve(fmt::format("epoch {} is older than {}", next.epoch, now.epoch),
                              "StaleEpoch", "409");
    }
    if (next.epoch == now.epoch) {
      if (!SameOwners(next, now)) {
        return Error::GiveUp(
            fmt::format("epoch {} names different owners than before", next.epoch));
      }
      if (generation < 0) return Ok();  // told again what the watch brought already
      if (generation < generation_) {
        return Error::Reobserve(
            fmt::format("generation {} is older than {}", generation, generation_));
      }
    }
  }
  current_ = std::move(*compiled);
  generation_ = std::max(generation_, generation);
  version_.fetch_add(1, std::memory_order_release);
  return Ok();
}

Result<model::RoutingTable> ParseRoutingTableSpec(std::string_view json,
                                                  const model::KeySpace& space) {
  const Json spec = Json::parse(json, nullptr, false);
  if (!spec.is_object()) return Error::GiveUp("spec: not a JSON object");
  Reader reader("spec");
  model::RoutingTable table;
  table.key_space = space;
  table.shard_set_name = reader.Text(spec, "shardSetName", false);
  table.epoch = {reader.Number(spec, "epoch")};
  for (const Json& item : reader.List(spec, "ranges")) {
    if (!item.is_object()) return Error::GiveUp("spec.ranges: not a list of objects");
    const model::KeyRange range{Bound(reader, space, item, "from"),
                                Bound(reader, space, item, "to")};
    table.ranges.push_back({range, {reader.Text(item, "shard", true)}});
  }
  for (const Json& item : reader.List(spec, "pins")) {
    if (!item.is_object() || !item.contains("key"))
      return Error::GiveUp("spec.pins: not a list of pins");
    table.pins.push_back({CanonicalKeyOf(reader, space, item["key"], "pins.key"),
                          {reader.Text(item, "shard", true)}});
  }
  std::sort(table.pins.begin(), table.pins.end(),
            [](const model::Pin& a, const model::Pin& b) { return a.key < b.key; });
  for (const Json& item : reader.List(spec, "shards")) {
    if (!item.is_object()) return Error::GiveUp("spec.shards: not a list of objects");
    table.shards.push_back({{reader.Text(item, "id", true)},
                            reader.Text(item, "primaryService", true),
                            reader.Text(item, "replicaService", false)});
  }
  ReadMoving(reader, spec, table);
  if (!reader.error().empty()) return Error::GiveUp(reader.error());
  return table;
}

}  // namespace foreshard::router
