#include "router/config.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace foreshard::router {
namespace {

using Json = nlohmann::json;

Error Wrong(std::string_view field, std::string_view what) {
  return Error::GiveUp(fmt::format("{}: {}", field, what), "BadConfig");
}

std::string Text(const Json& object, const char* name, std::string fallback) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>()
                                                     : std::move(fallback);
}

Result<std::int64_t> Count(const Json& object, const char* name, std::int64_t fallback,
                           std::int64_t at_least) {
  const auto found = object.find(name);
  if (found == object.end()) return fallback;
  if (!found->is_number_integer()) return Wrong(name, "a whole number is expected");
  const auto value = found->get<std::int64_t>();
  if (value < at_least) return Wrong(name, fmt::format("{} is below {}", value, at_least));
  return value;
}

Status ReadKeySpace(const Json& object, model::KeySpace* space) {
  const std::string strategy = Text(object, "strategy", "Hash");
  const std::string key_type = Text(object, "keyType", "Bigint");
  if (strategy != "Hash" && strategy != "Range")
    return Wrong("strategy", "'" + strategy + "' is not Hash or Range");
  space->strategy = strategy == "Hash" ? model::Strategy::kHash : model::Strategy::kRange;
  if (key_type == "Bigint") {
    space->key_type = model::KeyType::kBigint;
  } else if (key_type == "Text") {
    space->key_type = model::KeyType::kText;
  } else if (key_type == "Uuid") {
    space->key_type = model::KeyType::kUuid;
  } else {
    return Wrong("keyType", "'" + key_type + "' is not Bigint, Text or Uuid");
  }
  return Ok();
}

Status ReadTables(const Json& object, CatalogueSpec* tables) {
  const auto sharded = object.find("tables");
  if (sharded != object.end()) {
    if (!sharded->is_array()) return Wrong("tables", "a list is expected");
    for (const Json& table : *sharded) {
      if (!table.is_object()) return Wrong("tables", "objects with name and column are expected");
      tables->tables.push_back(
          {.name = Text(table, "name", ""), .column = Text(table, "column", ""), .columns = {}});
    }
  }
  const auto reference = object.find("referenceTables");
  if (reference != object.end()) {
    if (!reference->is_array()) return Wrong("referenceTables", "a list is expected");
    for (const Json& table : *reference) {
      if (!table.is_string()) return Wrong("referenceTables", "names are expected");
      tables->reference_tables.push_back(table.get<std::string>());
    }
  }
  return Ok();
}

Result<bool> Claim(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end()) return false;
  if (!found->is_boolean()) return Wrong(name, "true or false is expected");
  return found->get<bool>();
}

// "accessLog": {"oneIn": 1000, "users": false, "keys": false}
Status ReadAccessLog(const Json& object, std::optional<AccessLogOptions>* access_log) {
  const auto found = object.find("accessLog");
  if (found == object.end()) return Ok();
  if (!found->is_object()) return Wrong("accessLog", "an object with oneIn is expected");
  const Result<std::int64_t> one_in = Count(*found, "oneIn", 0, 0);
  if (!one_in) return one_in.error();
  const Result<bool> users = Claim(*found, "users");
  if (!users) return users.error();
  const Result<bool> keys = Claim(*found, "keys");
  if (!keys) return keys.error();
  if (*one_in > kAccessOneInMax)
    return Wrong("oneIn", fmt::format("{} is above {}", *one_in, kAccessOneInMax));
  *access_log = AccessLogOptions{.one_in = *one_in, .users = *users, .keys = *keys};
  return Ok();
}

}  // namespace

Result<TlsMode> ParseTlsMode(std::string_view text) {
  if (text == "Disable" || text == "disable") return TlsMode::kDisable;
  if (text == "Prefer" || text == "prefer") return TlsMode::kPrefer;
  if (text == "Require" || text == "require") return TlsMode::kRequire;
  return Wrong("tlsMode", fmt::format("'{}' is not Disable, Prefer or Require", text));
}

Result<RouterConfig> ParseRouterConfig(std::string_view text) {
  const Json object = Json::parse(text, nullptr, false);
  if (!object.is_object()) return Wrong("router.json", "not a JSON object");
  RouterConfig config;
  config.shard_set = Text(object, "shardSet", "");
  config.name_space = Text(object, "namespace", "default");
  config.database = Text(object, "database", "app");
  if (config.shard_set.empty()) return Wrong("shardSet", "missing");
  if (const Status read = ReadKeySpace(object, &config.tables.key_space); !read)
    return read.error();
  if (const Status read = ReadTables(object, &config.tables); !read) return read.error();
  if (const Status read = ReadAccessLog(object, &config.access_log); !read) return read.error();
  const Result<TlsMode> tls = ParseTlsMode(Text(object, "tlsMode", "Prefer"));
  if (!tls) return tls.error();
  config.tls_mode = *tls;
  const std::string reads = Text(object, "readConsistency", "Strong");
  const std::optional<Consistency> consistency = ParseConsistency(reads);
  if (!consistency) {
    return Wrong("readConsistency",
                 "'" + reads + "' is not Strong, ReadYourWrites, Bounded or Eventual");
  }
  config.read_consistency = *consistency;
  const Result<std::int64_t> servers = Count(object, "serverConnectionsPerShard", 20, 1);
  const Result<std::int64_t> clients = Count(object, "clientConnections", 2'000, 1);
  const Result<std::int64_t> park = Count(object, "parkMaxMillis", 20'000, 0);
  const Result<std::int64_t> wait = Count(object, "queryWaitMillis", 60'000, 1);
  const Result<std::int64_t> staleness = Count(object, "boundedStalenessMillis", 500, 0);
  const Result<std::int64_t> routers = Count(object, "routers", 1, 1);
  for (const auto* count : {&servers, &clients, &park, &wait, &staleness, &routers}) {
    if (!*count) return count->error();
  }
  config.server_connections_per_shard = static_cast<std::size_t>(*servers);
  config.client_connections_max = static_cast<std::size_t>(*clients);
  config.park_max_millis = *park;
  config.query_wait_millis = *wait;
  config.bounded_staleness_millis = *staleness;
  config.routers = *routers;
  const Result<std::shared_ptr<const Catalogue>> catalogue = Catalogue::Make(config.tables);
  if (!catalogue) return catalogue.error();
  return config;
}

}  // namespace foreshard::router
