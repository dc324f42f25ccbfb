#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "operator/controllers/migration_controller.h"
#include "tests/fakes/faulty_migration.h"
#include "tests/integration/migration/two_shards.h"
#include "tests/support/child_process.h"

namespace foreshard::migration {

// Where movers end themselves (migration/crash_points.h), one after the other; for a mover that has
// crash points.
struct MoverCrashes {
  std::vector<std::string>
      at;  // NAME[:nth]; the first is where the next mover ends. Each that ended takes its own away
};

// The mover's Job as the kubelet would run it: `preflight` to its end, then `run`, both again when
// they fail.
//
// Owner: the test's main thread, which must outlive it.
class LocalJob {
 public:
  LocalJob(const TwoShards& shards, MigrationSpec spec, bool throttle, MoverCrashes& crashes)
      : shards_(shards), spec_(std::move(spec)), throttle_(throttle), crashes_(crashes) {}

  // Looks after the processes; call it often.
  void Tick();
  std::optional<PreflightResult> preflight() const { return preflight_; }
  // SIGKILL to what runs now.
  void Kill();
  bool finished() const { return finished_; }
  int starts() const { return starts_; }
  std::string Log() const { return log_ + (process_ ? process_->ErrorOutput() : std::string()); }

 private:
  void Start(std::string_view command);

  const TwoShards& shards_;
  MigrationSpec spec_;
  bool throttle_;
  MoverCrashes& crashes_;
  support::TemporaryDirectory files_{"job"};
  std::unique_ptr<support::ChildProcess> process_;
  std::optional<PreflightResult> preflight_;
  bool finished_ = false;
  int starts_ = 0;
  std::string log_;
};

// The real migration controller on two real shards, with the API's objects in memory and no
// routers: every client is deaf and learns from FS001 alone.
//
// Threads: the test's main one.
class LocalOperator final : private op::MigrationStore,
                            private ShardDirectory,
                            private op::RouterDirectory,
                            private op::RouterControl,
                            private op::ServiceHealth {
 public:
  LocalOperator(const TwoShards& shards, model::ShardMigrationSpec wanted);
  ~LocalOperator() override;

  // The destination was made for this migration and has no tables yet.
  void MakeNewDestination(std::vector<std::string> reference_tables);

  // Passes of the controller until it is in `phase` or over. Answers the phase that ended it.
  Phase RunUntil(Phase phase, std::chrono::seconds limit = std::chrono::seconds(90));
  void RunWhile(const std::function<bool()>& more);
  Phase RunToEnd(std::chrono::seconds limit = std::chrono::seconds(120));

  // The next migration of the set, with what the ones before left.
  void Next(std::string name, model::ShardMigrationSpec wanted);
  // Passes until the controller wants nothing more of an object that is over.
  void Settle();
  // A set of another key space, whose source owns all keys below `bound` and whose destination the
  // others.
  void UseKeySpace(model::KeySpace space, const std::string& bound);

  model::ShardMigration& object() { return migration_; }
  const model::RoutingTable& table() const { return table_; }
  LocalJob* job() { return job_.get(); }
  Phase phase() const;
  // For the reader of a failure: conditions, what the mover measured, its log.
  std::string Why() const;
  // As users have it; without it tests need not wait for quiet shards.
  bool throttle = false;
  // What the routers would have counted; by shard. Read in the soak.
  std::map<std::string, ServiceSeen> service;
  // The operator dies once at the next call of this name, before or after its effect, and another
  // one takes over.
  struct Death {
    std::string call;  // a method of Shard, WriteStatus, PublishTable, CreateJob or DeleteJob
    bool after = false;
  };
  std::optional<Death> death;
  MoverCrashes crashes;
  int deaths() const { return deaths_; }
  // The calls after which something may be otherwise, in the order of their first use since the
  // list was emptied.
  std::vector<std::string> effects;
  // Told of each call of Shard before it is made.
  std::function<void(std::string_view call)> before_call;
  // What is done with one that is over; none: nothing.
  std::function<Status(const op::MigrationObservation&, Deadline)> keep_record;
  // Called after each pass: people, crashes.
  std::function<void()> after_pass;

 private:
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
                   const MigrationSpec& spec, Deadline deadline) override;
  Status DeleteJob(const model::ShardMigration& migration, Deadline deadline) override;

  Result<std::unique_ptr<Shard>> Open(const MigrationSpec& spec, Side side,
                                      Deadline deadline) override;
  Result<HighWater> ReadHighWater(const std::string& name_space, const std::string& shard_set,
                                  const model::ShardId& shard, Deadline deadline) override;

  Result<std::optional<ServiceSeen>> Read(const model::ShardSet&, const model::ShardId& shard,
                                          WallTime, std::chrono::seconds, Deadline) override {
    const auto found = service.find(shard.value);
    return found == service.end() ? std::nullopt : std::optional(found->second);
  }

  Result<op::RouterControl*> Open(const std::string& name_space, const std::string& shard_set,
                                  Deadline deadline) override;
  std::vector<std::string> Routers() const override { return {}; }
  op::RouterReplies<op::HoldAnswer> Hold(const std::vector<std::string>&, const op::HoldRequest&,
                                         Deadline) override {
    return {};
  }
  op::RouterReplies<op::ReleaseAnswer> Release(const std::vector<std::string>&,
                                               const op::ReleaseRequest&, Deadline) override {
    return {};
  }
  op::RouterReplies<op::Acknowledged> Lease(const std::vector<std::string>&,
                                            const op::LeaseRequest&, Deadline) override {
    return {};
  }
  op::RouterReplies<op::TableAnswer> ReadTable(const std::vector<std::string>&, Deadline) override {
    return {};
  }

  void StartController();
  void Pass();
  fakes::CallFault FaultOf(std::string_view call);
  // A write to the API at which the operator may die.
  Status Write(std::string_view call, const std::function<Status()>& write);

  const TwoShards& shards_;
  SystemClock clock_;
  bool dead_ = false;
  int deaths_ = 0;
  model::ShardSet set_;
  model::RoutingTable table_;
  int table_version_ = 1;
  model::ShardMigration migration_;
  int version_ = 1;
  std::unique_ptr<LocalJob> job_;
  std::unique_ptr<op::MigrationController> controller_;
};

}  // namespace foreshard::migration
