#include "tests/integration/migration/local_operator.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "migration/mover_work.h"
#include "migration/spec_json.h"
#include "operator/api/conditions.h"
#include "operator/controllers/migration_time.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/wait.h"

namespace foreshard::migration {

void LocalJob::Start(std::string_view command) {
  if (process_) log_ += process_->ErrorOutput();
  std::vector<std::string> arguments = {FORESHARD_MOVER_PROGRAM,
                                        std::string(command),
                                        "--spec",
                                        ToJson(spec_),
                                        "--source-conninfo",
                                        shards_.Conninfo(shards_.ServerOf(spec_.source)),
                                        "--destination-conninfo",
                                        shards_.Conninfo(shards_.ServerOf(spec_.destination)),
                                        "--termination-log",
                                        files_.File("termination-log"),
                                        "--metrics-listen",
                                        "127.0.0.1:0",
                                        "--settle-millis",
                                        "300",
                                        "--chunk-bytes",
                                        "65536",
                                        "--throttle",
                                        throttle_ ? "true" : "false"};
  if (command == "run" && !crashes_.at.empty())
    arguments.insert(arguments.end(), {"--crash-at", crashes_.at.front()});
  auto started = support::ChildProcess::Start({.command = std::move(arguments)});
  CHECK(started.ok(), "the mover cannot be started", started.ok() ? "" : started.error().message);
  process_ = std::move(*started);
  ++starts_;
}

void LocalJob::Tick() {
  if (finished_) return;
  if (process_ == nullptr) return Start("preflight");
  if (process_->Running()) return;
  const auto ended = process_->Wait(std::chrono::seconds(1));
  const bool good = ended.ok() && ended->ok();
  if (ended.ok() && ended->code == 137 && !crashes_.at.empty())
    crashes_.at.erase(crashes_.at.begin());
  if (!preflight_) {
    if (!good) return Start("preflight");
    const auto result = ParsePreflightResult(support::ReadFile(files_.File("termination-log")));
    CHECK(result.ok(), "the preflight's answer cannot be read");
    preflight_ = *result;
    return Start("run");
  }
  if (good) {
    finished_ = true;
    return;
  }
  Start("run");
}

void LocalJob::Kill() {
  if (process_ && process_->Running()) process_->Signal(SIGKILL);
}

LocalOperator::LocalOperator(const TwoShards& shards, model::ShardMigrationSpec wanted)
    : shards_(shards) {
  const MigrationSpec like = shards.Spec();
  set_.name_space = like.name_space;
  set_.name = like.shard_set;
  set_.spec.sharding.key_space = like.key_space;
  for (const TableSpec& table : like.tables)
    set_.spec.sharding.tables.push_back({table.name, table.column});
  for (const model::ShardId& id : {like.source, like.destination}) {
    model::ShardStatus status;
    status.id = id;
    status.ready = true;
    set_.status.shard_statuses.push_back(status);
    table_.shards.push_back({.id = id, .primary_service = id.value, .replica_service = id.value});
  }
  table_.shard_set_name = like.shard_set;
  table_.epoch = like.epoch;
  table_.key_space = like.key_space;
  table_.ranges = {{{"", "80"}, like.source}, {{"80", ""}, like.destination}};
  migration_.name_space = like.name_space;
  migration_.name = like.name;
  migration_.uid = like.uid;
  migration_.resource_version = "1";
  migration_.spec = std::move(wanted);
  migration_.spec.shard_set_name = like.shard_set;
  StartController();
}

LocalOperator::~LocalOperator() = default;

void LocalOperator::StartController() {
  controller_ = std::make_unique<op::MigrationController>(op::MigrationControllerOptions{
      .store = *this,
      .shards = *this,
      .routers = *this,
      .clock = clock_,
      .lease =
          [this] {
            return op::LeaseSeen{.transitions = 1 + deaths_, .left = std::chrono::seconds(15)};
          },
      .pause = [this](std::chrono::milliseconds duration) { return !dead_ && Pause({}, duration); },
      .health = this,
      .keep_record = [this](const op::MigrationObservation& seen, Deadline deadline) -> Status {
        return keep_record ? keep_record(seen, deadline) : Ok();
      }});
}

fakes::CallFault LocalOperator::FaultOf(std::string_view call) {
  if (dead_) return fakes::CallFault::kBefore;
  if (before_call) before_call(call);
  const bool looks =
      call.starts_with("Look") || call.starts_with("Read") || call.starts_with("Rehearse");
  if (!looks && std::find(effects.begin(), effects.end(), call) == effects.end())
    effects.emplace_back(call);
  if (!death || death->call != call) return fakes::CallFault::kNone;
  const bool after = death->after;
  death.reset();
  dead_ = true;
  return after ? fakes::CallFault::kAfter : fakes::CallFault::kBefore;
}

Status LocalOperator::Write(std::string_view call, const std::function<Status()>& write) {
  const fakes::CallFault fault = FaultOf(call);
  if (fault == fakes::CallFault::kBefore) return Error::Retry("the operator is dead");
  Status written = write();
  if (fault == fakes::CallFault::kAfter) return Error::Reobserve("the operator is dead");
  return written;
}

void LocalOperator::MakeNewDestination(std::vector<std::string> reference_tables) {
  migration_.spec.destination = {};
  set_.spec.sharding.reference_tables = std::move(reference_tables);
  // As the controller itself would name it, so that the fleet could have made it.
  migration_.status.number = shards_.Spec().number.value;
  migration_.status.destination = shards_.Spec().destination;
  table_.ranges = {{{"", ""}, shards_.Spec().source}};
  std::erase_if(table_.shards, [&](const model::ShardAddress& shard) {
    return shard.id == shards_.Spec().destination;
  });
}

void LocalOperator::Next(std::string name, model::ShardMigrationSpec wanted) {
  const std::string set = migration_.spec.shard_set_name;
  job_.reset();
  migration_ = {};
  migration_.name_space = set_.name_space;
  migration_.name = std::move(name);
  migration_.uid = "uid-" + migration_.name;
  migration_.resource_version = std::to_string(++version_);
  migration_.spec = std::move(wanted);
  migration_.spec.shard_set_name = set;
}

void LocalOperator::Settle() {
  const kube::ObjectRef ref{migration_.name_space, migration_.name};
  for (int pass = 0; pass < 20; ++pass) {
    const auto outcome =
        controller_->Reconcile(ref, Deadline::After(clock_, std::chrono::seconds(20)));
    ASSERT_TRUE(support::Good(outcome));
    if (outcome->look_again_after == std::chrono::milliseconds(0)) return;
  }
  ADD_FAILURE() << "twenty passes after its end the controller still acts";
}

void LocalOperator::UseKeySpace(model::KeySpace space, const std::string& bound) {
  set_.spec.sharding.key_space = space;
  table_.key_space = space;
  table_.ranges = {{{"", bound}, shards_.Spec().source}, {{bound, ""}, shards_.Spec().destination}};
}

Phase LocalOperator::phase() const { return *ParsePhase(migration_.status.phase); }

std::string LocalOperator::Why() const {
  std::string text;
  for (const model::Condition& condition : migration_.status.conditions) {
    text += fmt::format("{}={} {} {}; ", condition.type, condition.status, condition.reason,
                        condition.message);
  }
  text += shards_.Sql(Side::kDestination, "SELECT progress FROM foreshard.migration");
  text += "\nsource: " + shards_.ErrorsOf(Side::kSource);
  text += "\ndestination: " + shards_.ErrorsOf(Side::kDestination);
  return text + "\n" + (job_ ? job_->Log() : std::string("no job"));
}

void LocalOperator::Pass() {
  const kube::ObjectRef ref{migration_.name_space, migration_.name};
  const auto outcome =
      controller_->Reconcile(ref, Deadline::After(clock_, std::chrono::seconds(20)));
  if (dead_) {
    dead_ = false;
    ++deaths_;
    StartController();
  }
  if (after_pass) after_pass();
  if (job_) job_->Tick();
  const auto pause = outcome ? std::min(outcome->look_again_after, std::chrono::milliseconds(100))
                             : std::chrono::milliseconds(20);
  Pause({}, pause);
}

void LocalOperator::RunWhile(const std::function<bool()>& more) {
  while (more() && !IsTerminal(phase())) Pass();
}

Phase LocalOperator::RunUntil(Phase wanted, std::chrono::seconds limit) {
  const Deadline end = Deadline::After(clock_, limit);
  while (phase() != wanted && !IsTerminal(phase())) {
    if (end.Passed(clock_)) {
      ADD_FAILURE() << "still " << migration_.status.phase << ", wanted " << ToString(wanted)
                    << ": " << Why();
      break;
    }
    Pass();
  }
  return phase();
}

Phase LocalOperator::RunToEnd(std::chrono::seconds limit) {
  return RunUntil(Phase::kCompleted, limit);
}

Result<std::optional<model::ShardMigration>> LocalOperator::ReadMigration(const kube::ObjectRef&,
                                                                          Deadline) {
  return std::optional(migration_);
}

Result<std::optional<op::SetView>> LocalOperator::ReadSet(const std::string&, const std::string&,
                                                          Deadline) {
  return std::optional(op::SetView{.set = set_,
                                   .table = table_,
                                   .table_version = std::to_string(table_version_),
                                   .migrations = {migration_}});
}

Result<op::JobSeen> LocalOperator::ReadJob(const model::ShardMigration&, Deadline) {
  op::JobSeen seen;
  seen.exists = job_ != nullptr;
  if (job_) seen.preflight = job_->preflight();
  return seen;
}

Status LocalOperator::WriteStatus(const model::ShardMigration& migration,
                                  const model::ShardMigrationStatus& status, Deadline) {
  return Write("WriteStatus", [&]() -> Status {
    if (migration.resource_version != migration_.resource_version) return Error::Reobserve("409");
    migration_.status = status;
    migration_.resource_version = std::to_string(++version_);
    return Ok();
  });
}

Status LocalOperator::SetFinalizer(const model::ShardMigration&, bool present, Deadline) {
  return Write("SetFinalizer", [&] {
    migration_.finalizers.clear();
    if (present) migration_.finalizers.push_back(std::string(op::kMigrationFinalizer));
    migration_.resource_version = std::to_string(++version_);
    return Ok();
  });
}

Status LocalOperator::PublishTable(const std::string&, const model::RoutingTable& table,
                                   const std::string& version, Deadline) {
  return Write("PublishTable", [&]() -> Status {
    if (version != std::to_string(table_version_)) return Error::Reobserve("409");
    if (const Status good = model::Validate(table); !good) return good;
    if (table.epoch < table_.epoch) return Error::GiveUp("422: the epoch went back");
    table_ = table;
    ++table_version_;
    return Ok();
  });
}

Status LocalOperator::CreateJob(const model::ShardMigration&, const model::ShardSet&,
                                const MigrationSpec& spec, Deadline) {
  return Write("CreateJob", [&] {
    if (job_ == nullptr) job_ = std::make_unique<LocalJob>(shards_, spec, throttle, crashes);
    return Ok();
  });
}

Status LocalOperator::DeleteJob(const model::ShardMigration&, Deadline) {
  return Write("DeleteJob", [&] {
    job_.reset();
    return Ok();
  });
}

Result<std::unique_ptr<Shard>> LocalOperator::Open(const MigrationSpec& spec, Side side, Deadline) {
  return fakes::MakeFaultyShard(shards_.Shard(spec, side),
                                [this](std::string_view call) { return FaultOf(call); });
}

Result<HighWater> LocalOperator::ReadHighWater(const std::string&, const std::string&,
                                               const model::ShardId& shard, Deadline deadline) {
  const Side side = shard == shards_.Spec().source ? Side::kSource : Side::kDestination;
  return migration::ReadHighWater(*shards_.Connect(side), deadline);
}

Result<op::RouterControl*> LocalOperator::Open(const std::string&, const std::string&, Deadline) {
  return static_cast<op::RouterControl*>(this);
}

}  // namespace foreshard::migration
