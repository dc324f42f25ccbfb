#include "tests/fakes/fake_migration_store.h"

#include <algorithm>

#include "operator/controllers/migration_time.h"

namespace foreshard::fakes {
namespace {

constexpr std::size_t kHistoryMax = 24;

template <typename Item>
const Item& Back(const std::vector<Item>& history, std::size_t versions_back) {
  const std::size_t last = history.size() - 1;
  return history[last - std::min(last, versions_back)];
}

template <typename Item>
void Push(std::vector<Item>& history, Item item) {
  history.push_back(std::move(item));
  if (history.size() > kHistoryMax) history.erase(history.begin());
}

Error Conflict(const std::string& name) {
  return Error::Reobserve(fmt::format("'{}' was modified", name), "Conflict", "409");
}

}  // namespace

void FakeMigrationState::PutTable(model::RoutingTable table) {
  Push(tables_, {std::move(table), std::to_string(++version_)});
}

void FakeMigrationState::Put(model::ShardMigration migration) {
  migration.resource_version = std::to_string(++version_);
  const std::string name = migration.name;
  Push(migrations_[name], std::move(migration));
}

void FakeMigrationState::EditSpec(const std::string& name,
                                  const std::function<void(model::ShardMigration&)>& change) {
  const model::ShardMigration* now = Find(name);
  if (now == nullptr) return;
  model::ShardMigration next = *now;
  change(next);
  ++next.generation;
  Put(std::move(next));
}

void FakeMigrationState::MarkDeleted(const std::string& name) {
  const model::ShardMigration* now = Find(name);
  if (now == nullptr) return;
  if (now->finalizers.empty() || finalizers_are_ignored) {
    migrations_.erase(name);
    return;
  }
  model::ShardMigration next = *now;
  next.deleting = true;
  Put(std::move(next));
}

const model::RoutingTable& FakeMigrationState::table(std::size_t versions_back) const {
  return Back(tables_, versions_back).first;
}

std::int64_t FakeMigrationState::table_generation(std::size_t versions_back) const {
  return std::stoll(Back(tables_, versions_back).second);
}

const model::ShardMigration* FakeMigrationState::Find(const std::string& name,
                                                      std::size_t versions_back) const {
  const auto found = migrations_.find(name);
  return found == migrations_.end() ? nullptr : &Back(found->second, versions_back);
}

std::vector<std::string> FakeMigrationState::Names() const {
  std::vector<std::string> names;
  for (const auto& [name, history] : migrations_) names.push_back(name);
  return names;
}

Result<std::optional<model::ShardMigration>> FakeMigrationStore::ReadMigration(
    const kube::ObjectRef& ref, Deadline) {
  const model::ShardMigration* found = state_.Find(ref.name, versions_back_());
  if (found == nullptr) return std::optional<model::ShardMigration>();
  return std::optional(*found);
}

Result<std::optional<op::SetView>> FakeMigrationStore::ReadSet(const std::string&,
                                                               const std::string&, Deadline) {
  op::SetView view;
  view.set = state_.set_;
  const auto& [table, version] = Back(state_.tables_, versions_back_());
  view.table = table;
  view.table_version = version;
  for (const auto& [name, history] : state_.migrations_) {
    view.migrations.push_back(Back(history, versions_back_()));
  }
  return std::optional(std::move(view));
}

Result<op::JobSeen> FakeMigrationStore::ReadJob(const model::ShardMigration& migration, Deadline) {
  const auto found = state_.jobs_.find(migration.name);
  if (found == state_.jobs_.end()) return op::JobSeen{};
  const FakeJob& job = found->second;
  return op::JobSeen{.exists = job.exists,
                     .deleting = job.deleting,
                     .failed = job.failed,
                     .preflight = job.preflight,
                     .spec = job.spec};
}

Status FakeMigrationStore::WriteStatus(const model::ShardMigration& migration,
                                       const model::ShardMigrationStatus& status, Deadline) {
  const model::ShardMigration* now = state_.Find(migration.name);
  if (now == nullptr) return Error::Reobserve("not found", {}, "404");
  if (now->resource_version != migration.resource_version && !state_.versions_are_ignored) {
    return Conflict(migration.name);
  }
  state_.on_status(*now, status);
  model::ShardMigration next = *now;
  next.status = status;
  state_.Put(std::move(next));
  return Ok();
}

Status FakeMigrationStore::SetFinalizer(const model::ShardMigration& migration, bool present,
                                        Deadline) {
  const model::ShardMigration* now = state_.Find(migration.name);
  if (now == nullptr) return Error::Reobserve("not found", {}, "404");
  if (now->resource_version != migration.resource_version) return Conflict(migration.name);
  model::ShardMigration next = *now;
  next.finalizers.clear();
  if (present) next.finalizers.emplace_back(op::kMigrationFinalizer);
  if (next.deleting && next.finalizers.empty()) {
    state_.migrations_.erase(migration.name);
    return Ok();
  }
  state_.Put(std::move(next));
  return Ok();
}

Status FakeMigrationStore::PublishTable(const std::string&, const model::RoutingTable& table,
                                        const std::string& version, Deadline) {
  if (state_.tables_.back().second != version) return Conflict(table.shard_set_name);
  state_.on_table(state_.tables_.back().first, table);
  state_.PutTable(table);
  return Ok();
}

Status FakeMigrationStore::CreateJob(const model::ShardMigration& migration, const model::ShardSet&,
                                     const migration::MigrationSpec& spec, Deadline) {
  FakeJob& job = state_.jobs_[migration.name];
  if (job.exists) return Ok();
  job = {.exists = true, .spec = spec};
  return Ok();
}

Status FakeMigrationStore::DeleteJob(const model::ShardMigration& migration, Deadline) {
  const auto found = state_.jobs_.find(migration.name);
  if (found != state_.jobs_.end() && found->second.exists) found->second.deleting = true;
  return Ok();
}

}  // namespace foreshard::fakes
