#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "operator/controllers/migration_store.h"

// FakeMigrationState: the objects of one set with their history. FakeMigrationStore: one reader's
// and writer's view of it.
//
// Does not imitate: JSON, schemas, other managers' fields, watches; a read may be old when the view
// says so.

namespace foreshard::fakes {

struct FakeJob {
  bool exists = false;
  bool deleting = false;
  bool failed = false;
  std::optional<migration::PreflightResult> preflight{};
  std::optional<migration::MigrationSpec> spec{};
};

class FakeMigrationState {
 public:
  explicit FakeMigrationState(model::ShardSet set) : set_(std::move(set)) {}

  void PutTable(model::RoutingTable table);   // a new version, unchecked
  void Put(model::ShardMigration migration);  // a new object or an edit: takes the next version
  void EditSpec(const std::string& name,
                const std::function<void(model::ShardMigration&)>& change);  // generation + 1
  void MarkDeleted(const std::string& name);

  const model::RoutingTable& table(std::size_t versions_back = 0) const;
  std::int64_t table_generation(std::size_t versions_back = 0) const;
  const model::ShardMigration* Find(const std::string& name, std::size_t versions_back = 0) const;
  std::vector<std::string> Names() const;
  std::map<std::string, FakeJob>& jobs() { return jobs_; }
  model::ShardSet& set() { return set_; }

  // Called before a write counts. For checkers.
  std::function<void(const model::ShardMigration& before, const model::ShardMigrationStatus& after)>
      on_status = [](const auto&, const auto&) {};
  std::function<void(const model::RoutingTable& before, const model::RoutingTable& after)>
      on_table = [](const auto&, const auto&) {};

  // Planted bugs.
  bool versions_are_ignored = false;
  bool finalizers_are_ignored = false;

 private:
  friend class FakeMigrationStore;

  model::ShardSet set_;
  std::vector<std::pair<model::RoutingTable, std::string>> tables_;
  std::map<std::string, std::vector<model::ShardMigration>> migrations_;
  std::map<std::string, FakeJob> jobs_;
  std::int64_t version_ = 0;
};

class FakeMigrationStore final : public op::MigrationStore {
 public:
  // `versions_back`: how old the next read is, in versions of that object.
  FakeMigrationStore(FakeMigrationState& state, std::function<std::size_t()> versions_back)
      : state_(state), versions_back_(std::move(versions_back)) {}

  Result<std::optional<model::ShardMigration>> ReadMigration(const kube::ObjectRef& ref,
                                                             Deadline deadline) override;
  Result<std::optional<op::SetView>> ReadSet(const std::string& name_space, const std::string& name,
                                             Deadline deadline) override;
  Result<op::JobSeen> ReadJob(const model::ShardMigration& migration, Deadline deadline) override;
  Status WriteStatus(const model::ShardMigration& migration,
                     const model::ShardMigrationStatus& status, Deadline deadline) override;
  Status SetFinalizer(const model::ShardMigration& migration, bool present,
                      Deadline deadline) override;
  Status PublishTable(const std::string& name_space, const model::RoutingTable& table,
                      const std::string& version, Deadline deadline) override;
  Status CreateJob(const model::ShardMigration& migration, const model::ShardSet& set,
                   const migration::MigrationSpec& spec, Deadline deadline) override;
  Status DeleteJob(const model::ShardMigration& migration, Deadline deadline) override;

 private:
  FakeMigrationState& state_;
  std::function<std::size_t()> versions_back_;
};

}  // namespace foreshard::fakes
