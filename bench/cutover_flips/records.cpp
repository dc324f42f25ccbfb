#include "bench/cutover_flips/records.h"

#include <charconv>
#include <nlohmann/json.hpp>

#include "migration/spec_json.h"
#include "operator/api/migration_json.h"
#include "operator/api/routing_table_json.h"
#include "operator/controllers/migration_time.h"
#include "tests/support/temporary_directory.h"

namespace foreshard::bench {

namespace {

constexpr model::KeySpace kKeySpace{model::Strategy::kHash, model::KeyType::kBigint};

model::ShardSet Set() {
  model::ShardSet set;
  set.name_space = set.name = "bench";
  set.spec.sharding.key_space = kKeySpace;
  set.spec.sharding.tables = {{"public.accounts", "id"}, {"public.entries", "account_id"}};
  for (const char* id : {"s-aaaa", "s-bbbb"}) {
    model::ShardStatus status;
    status.id = {id};
    status.ready = true;
    set.status.shard_statuses.push_back(status);
  }
  return set;
}

std::string NextVersion(const std::string& version) {
  std::int64_t number = 0;
  std::from_chars(version.data(), version.data() + version.size(), number);
  return std::to_string(number + 1);
}

}  // namespace

void Records::Write(const std::string& file, const std::string& text) const {
  support::WriteFile(folder_ / file, text);
}

void Records::PutTable(const model::RoutingTable& table, int version) {
  nlohmann::json object = {{"metadata", {{"resourceVersion", std::to_string(version)}}},
                           {"spec", nlohmann::json::parse(ToJson(op::RoutingTableSpec(table)))}};
  const op::Value switching = op::SwitchingJson(table);
  if (!switching.is_null()) {
    object["metadata"]["annotations"][std::string(op::kSwitchingAnnotation)] = switching.Text();
  }
  Write("table", object.dump());
}

void Records::PutMigration(const model::ShardMigration& migration) {
  nlohmann::json object = nlohmann::json::parse(ToJson(op::NewMigration(migration)));
  object["metadata"]["uid"] = migration.uid;
  object["metadata"]["resourceVersion"] = "1";
  std::filesystem::remove(PreflightFile());
  std::filesystem::remove(folder_ / "preflight-done");
  Write("migration", object.dump());
}

Result<std::optional<model::ShardMigration>> Records::Newest() const {
  const std::string text = support::ReadFile(folder_ / "migration");
  if (text.empty()) return std::optional<model::ShardMigration>();
  auto read = op::ParseShardMigration(text);
  if (!read) return read.error();
  return std::optional(std::move(*read));
}

std::string Records::TableText() const { return support::ReadFile(folder_ / "table"); }

Result<model::RoutingTable> Records::Table() const {
  return op::ParseRoutingTable(TableText(), kKeySpace);
}

std::optional<std::string> Records::JobSpec() const {
  std::string text = support::ReadFile(folder_ / "job");
  return text.empty() ? std::nullopt : std::optional(std::move(text));
}

bool Records::JobIsDeleted() const { return std::filesystem::exists(folder_ / "job-deleted"); }

void Records::JobIsGone() { std::filesystem::remove(folder_ / "job-deleted"); }

void Records::PreflightIsDone() { Write("preflight-done", support::ReadFile(PreflightFile())); }

void Records::Settle(const std::string& name) { Write("settled", name); }

bool Records::Settled(const std::string& name) const {
  return support::ReadFile(folder_ / "settled") == name;
}

Result<std::optional<model::ShardMigration>> Records::ReadMigration(const kube::ObjectRef& ref,
                                                                    Deadline) {
  auto newest = Newest();
  if (newest && *newest && (*newest)->name != ref.name) newest->reset();
  return newest;
}

Result<std::optional<op::SetView>> Records::ReadSet(const std::string&, const std::string&,
                                                    Deadline) {
  const nlohmann::json object = nlohmann::json::parse(TableText());
  auto table = Table();
  if (!table) return table.error();
  auto newest = Newest();
  if (!newest) return newest.error();
  op::SetView view{.set = Set(),
                   .table = std::move(*table),
                   .table_version = object["metadata"]["resourceVersion"],
                   .migrations = {}};
  if (*newest) view.migrations.push_back(std::move(**newest));
  return std::optional(std::move(view));
}

Result<op::JobSeen> Records::ReadJob(const model::ShardMigration&, Deadline) {
  op::JobSeen seen;
  seen.deleting = JobIsDeleted();
  const auto spec = JobSpec();
  seen.exists = seen.deleting || spec.has_value();
  if (spec) {
    auto parsed = migration::ParseMigrationSpec(*spec);
    if (!parsed) return parsed.error();
    seen.spec = std::move(*parsed);
  }
  const std::string preflight = support::ReadFile(folder_ / "preflight-done");
  if (seen.exists && !preflight.empty()) {
    auto result = migration::ParsePreflightResult(preflight);
    if (!result) return result.error();
    seen.preflight = std::move(*result);
  }
  return seen;
}

// Only one operator runs at a time, so a look and a rename are a compare-and-swap.
Status Records::Swap(const model::ShardMigration& migration, const op::Value& change) {
  nlohmann::json object =
      nlohmann::json::parse(support::ReadFile(folder_ / "migration"), nullptr, false);
  if (object.is_discarded() ||
      object["metadata"]["resourceVersion"] != migration.resource_version ||
      object["metadata"]["uid"] != migration.uid) {
    return Error::Reobserve("the migration was modified", "Conflict", "409");
  }
  object.merge_patch(nlohmann::json::parse(ToJson(change)));
  object["metadata"]["resourceVersion"] = NextVersion(migration.resource_version);
  Write("migration", object.dump());
  return Ok();
}

Status Records::WriteStatus(const model::ShardMigration& migration,
                            const model::ShardMigrationStatus& status, Deadline) {
  return Swap(migration, op::MigrationStatusPatch(migration, status));
}

Status Records::SetFinalizer(const model::ShardMigration& migration, bool present, Deadline) {
  op::Value::List finalizers;
  if (present) finalizers.emplace_back(std::string(op::kMigrationFinalizer));
  return Swap(
      migration,
      op::Value::Object(
          {{"metadata", op::Value::Object({{"finalizers", op::Value(std::move(finalizers))}})}}));
}

Status Records::PublishTable(const std::string&, const model::RoutingTable& table,
                             const std::string& version, Deadline) {
  const nlohmann::json object = nlohmann::json::parse(TableText());
  if (object["metadata"]["resourceVersion"] != version) {
    return Error::Reobserve("the table was modified", "Conflict", "409");
  }
  if (const Status good = model::Validate(table); !good) return good;
  if (table.epoch.value < object["spec"]["epoch"].get<std::int64_t>()) {
    return Error::GiveUp("422: the epoch went back");
  }
  PutTable(table, std::stoi(NextVersion(version)));
  return Ok();
}

Status Records::CreateJob(const model::ShardMigration&, const model::ShardSet&,
                          const migration::MigrationSpec& spec, Deadline) {
  if (JobIsDeleted()) return Error::Reobserve("the Job is being deleted", "Conflict", "409");
  if (!JobSpec()) Write("job", migration::ToJson(spec));
  return Ok();
}

Status Records::DeleteJob(const model::ShardMigration&, Deadline) {
  if (JobSpec()) std::filesystem::rename(folder_ / "job", folder_ / "job-deleted");
  return Ok();
}

}  // namespace foreshard::bench
