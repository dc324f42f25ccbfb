#include "migration/spec_json.h"

#include <nlohmann/json.hpp>
#include <set>

namespace foreshard::migration {
namespace {

using nlohmann::json;

constexpr std::chrono::milliseconds::rep kBudgetMillisMax = 20'000;

Result<MigrationType> ParseType(const std::string& text) {
  for (const MigrationType type :
       {MigrationType::kSplit, MigrationType::kMove, MigrationType::kMerge, MigrationType::kIsolate,
        MigrationType::kMoveKeys}) {
    if (text == ToString(type)) return type;
  }
  return Error::GiveUp(fmt::format("type: '{}' is not a type of migration", text));
}

const char* StrategyText(model::Strategy strategy) {
  return strategy == model::Strategy::kHash ? "Hash" : "Range";
}

const char* KeyTypeText(model::KeyType type) {
  switch (type) {
    case model::KeyType::kBigint:
      return "Bigint";
    case model::KeyType::kText:
      return "Text";
    case model::KeyType::kUuid:
      return "Uuid";
  }
  Unreachable(type);
}

Result<model::KeySpace> ParseKeySpace(const std::string& strategy, const std::string& key_type) {
  model::KeySpace space;
  if (strategy != "Hash" && strategy != "Range") {
    return Error::GiveUp(fmt::format("strategy: '{}' is neither Hash nor Range", strategy));
  }
  space.strategy = strategy == "Hash" ? model::Strategy::kHash : model::Strategy::kRange;
  for (const model::KeyType type :
       {model::KeyType::kBigint, model::KeyType::kText, model::KeyType::kUuid}) {
    if (key_type != KeyTypeText(type)) continue;
    space.key_type = type;
    return space;
  }
  return Error::GiveUp(fmt::format("keyType: '{}' is not Bigint, Text or Uuid", key_type));
}

// Throws json::exception; the caller catches it once.
Result<MigrationSpec> FromJson(const json& object) {
  MigrationSpec spec;
  object.at("name").get_to(spec.name);
  object.at("namespace").get_to(spec.name_space);
  object.at("uid").get_to(spec.uid);
  object.at("shardSet").get_to(spec.shard_set);
  object.at("database").get_to(spec.database);
  object.at("number").get_to(spec.number.value);
  const auto type = ParseType(object.at("type").get<std::string>());
  if (!type) return type.error();
  spec.type = *type;
  object.at("source").get_to(spec.source.value);
  object.at("destination").get_to(spec.destination.value);
  object.at("newDestination").get_to(spec.new_destination);
  const auto space = ParseKeySpace(object.at("strategy").get<std::string>(),
                                   object.at("keyType").get<std::string>());
  if (!space) return space.error();
  spec.key_space = *space;
  object.at("range").at("from").get_to(spec.range.from);
  object.at("range").at("to").get_to(spec.range.to);
  object.at("keys").get_to(spec.keys);
  object.at("excludedKeys").get_to(spec.excluded_keys);
  for (const json& table : object.at("tables")) {
    spec.tables.push_back(
        {table.at("name").get<std::string>(), table.at("column").get<std::string>()});
  }
  object.at("referenceTables").get_to(spec.reference_tables);
  object.at("epoch").get_to(spec.epoch.value);
  object.at("dryRun").get_to(spec.dry_run);
  spec.cutover_budget =
      std::chrono::milliseconds(object.at("cutoverBudgetMillis").get<std::int64_t>());
  spec.deadline = std::chrono::seconds(object.at("deadlineSeconds").get<std::int64_t>());
  spec.soak = std::chrono::seconds(object.at("soakSeconds").get<std::int64_t>());
  return spec;
}

Status Check(const MigrationSpec& spec) {
  if (spec.number.value <= 0) return Error::GiveUp("number: must be positive");
  if (spec.source.value.empty()) return Error::GiveUp("source: must name a shard");
  if (spec.destination.value.empty()) return Error::GiveUp("destination: must name a shard");
  if (spec.source == spec.destination) {
    return Error::GiveUp(fmt::format("destination: '{}' is the source too", spec.source));
  }
  if (spec.uid.empty()) return Error::GiveUp("uid: must not be empty");
  if (spec.cutover_budget.count() <= 0 || spec.cutover_budget.count() > kBudgetMillisMax) {
    return Error::GiveUp(fmt::format("cutoverBudgetMillis: must be 1 to {}", kBudgetMillisMax));
  }
  return Ok();
}

}  // namespace

std::string ToJson(const MigrationSpec& spec) {
  json tables = json::array();
  for (const TableSpec& table : spec.tables) {
    tables.push_back({{"name", table.name}, {"column", table.column}});
  }
  return json{{"name", spec.name},
              {"namespace", spec.name_space},
              {"uid", spec.uid},
              {"shardSet", spec.shard_set},
              {"database", spec.database},
              {"number", spec.number.value},
              {"type", ToString(spec.type)},
              {"source", spec.source.value},
              {"destination", spec.destination.value},
              {"newDestination", spec.new_destination},
              {"strategy", StrategyText(spec.key_space.strategy)},
              {"keyType", KeyTypeText(spec.key_space.key_type)},
              {"range", {{"from", spec.range.from}, {"to", spec.range.to}}},
              {"keys", spec.keys},
              {"excludedKeys", spec.excluded_keys},
              {"tables", tables},
              {"referenceTables", spec.reference_tables},
              {"epoch", spec.epoch.value},
              {"dryRun", spec.dry_run},
              {"cutoverBudgetMillis", spec.cutover_budget.count()},
              {"deadlineSeconds", spec.deadline.count()},
              {"soakSeconds", spec.soak.count()}}
      .dump();
}

Result<MigrationSpec> ParseMigrationSpec(std::string_view text) {
  try {
    const json object = json::parse(text);
    auto spec = FromJson(object);
    if (!spec) return spec;
    const json known = json::parse(ToJson(*spec));
    for (const auto& field : object.items()) {
      if (!known.contains(field.key())) {
        return Error::GiveUp(fmt::format("{}: is not a field of a migration's spec", field.key()));
      }
    }
    if (const Status good = Check(*spec); !good) return good.error();
    return spec;
  } catch (const json::exception& wrong) {
    return Error::GiveUp(fmt::format("the migration's spec cannot be read: {}", wrong.what()));
  }
}

}  // namespace foreshard::migration
