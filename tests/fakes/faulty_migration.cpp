#include "tests/fakes/faulty_migration.h"

namespace foreshard::fakes {
namespace {

Error Before() { return Error::Retry("injected: nothing happened"); }
Error After() { return Error::Reobserve("injected: the reply was lost"); }

template <typename Call>
auto With(const CallFaults& faults, std::string_view name, Call call) -> decltype(call()) {
  const CallFault fault = faults(name);
  if (fault == CallFault::kBefore) return Before();
  auto result = call();
  if (fault == CallFault::kAfter) return After();
  return result;
}

class FaultyShard final : public migration::Shard {
 public:
  FaultyShard(std::unique_ptr<migration::Shard> inner, CallFaults faults)
      : inner_(std::move(inner)), faults_(std::move(faults)) {}

  Result<migration::GateSeen> LookAtGate(model::Attempt attempt, Deadline deadline) override {
    return With(faults_, "LookAtGate", [&] { return inner_->LookAtGate(attempt, deadline); });
  }
  Result<migration::ShardSeen> Look(model::Attempt attempt, Deadline deadline) override {
    return With(faults_, "Look", [&] { return inner_->Look(attempt, deadline); });
  }
  Result<std::vector<migration::SequenceValue>> ReadSequences(Deadline deadline) override {
    return With(faults_, "ReadSequences", [&] { return inner_->ReadSequences(deadline); });
  }
  Status Enter(model::Token token, std::string_view phase, Deadline deadline) override {
    return With(faults_, "Enter", [&] { return inner_->Enter(token, phase, deadline); });
  }
  Status GateClose(const migration::GateChange& change, Deadline deadline) override {
    return With(faults_, "GateClose", [&] { return inner_->GateClose(change, deadline); });
  }
  Status GateDrained(model::Token token, model::Attempt attempt, Deadline deadline) override {
    return With(faults_, "GateDrained",
                [&] { return inner_->GateDrained(token, attempt, deadline); });
  }
  Status GateOpen(const migration::GateChange& change, Deadline deadline) override {
    return With(faults_, "GateOpen", [&] { return inner_->GateOpen(change, deadline); });
  }
  Result<migration::GateState> GateRevoke(model::Token token, model::Attempt attempt,
                                          Deadline deadline) override {
    return With(faults_, "GateRevoke",
                [&] { return inner_->GateRevoke(token, attempt, deadline); });
  }
  Status GateReopen(const migration::GateChange& change, Deadline deadline) override {
    return With(faults_, "GateReopen", [&] { return inner_->GateReopen(change, deadline); });
  }
  Status MakeGate(model::Token token, Deadline deadline) override {
    return With(faults_, "MakeGate", [&] { return inner_->MakeGate(token, deadline); });
  }
  Status MakeGateTriggers(model::Token token, Deadline deadline) override {
    return With(faults_, "MakeGateTriggers",
                [&] { return inner_->MakeGateTriggers(token, deadline); });
  }
  Status MakeReverseSlot(model::Token token, Deadline deadline) override {
    return With(faults_, "MakeReverseSlot",
                [&] { return inner_->MakeReverseSlot(token, deadline); });
  }
  Status SlotAdvance(model::Token token, migration::Lsn lsn, Deadline deadline) override {
    return With(faults_, "SlotAdvance", [&] { return inner_->SlotAdvance(token, lsn, deadline); });
  }
  Status SlotAdvanceToNow(model::Token token, Deadline deadline) override {
    return With(faults_, "SlotAdvanceToNow",
                [&] { return inner_->SlotAdvanceToNow(token, deadline); });
  }
  Status RaiseSequences(model::Token token, const std::vector<migration::SequenceValue>& at_least,
                        Deadline deadline) override {
    return With(faults_, "RaiseSequences",
                [&] { return inner_->RaiseSequences(token, at_least, deadline); });
  }
  Status SetLeased(model::Token token, bool leased, Deadline deadline) override {
    return With(faults_, "SetLeased", [&] { return inner_->SetLeased(token, leased, deadline); });
  }
  Status WriteProbe(model::Token token, std::int64_t seq, Deadline deadline) override {
    return With(faults_, "WriteProbe", [&] { return inner_->WriteProbe(token, seq, deadline); });
  }
  Status EndConnectionsOf(model::Token token, const std::vector<std::string>& routers,
                          Deadline deadline) override {
    return With(faults_, "EndConnectionsOf",
                [&] { return inner_->EndConnectionsOf(token, routers, deadline); });
  }
  Status TellOwner(model::Token token, const model::ShardId& owner, model::Epoch epoch,
                   Deadline deadline) override {
    return With(faults_, "TellOwner",
                [&] { return inner_->TellOwner(token, owner, epoch, deadline); });
  }
  Status DisableForward(model::Token token, Deadline deadline) override {
    return With(faults_, "DisableForward", [&] { return inner_->DisableForward(token, deadline); });
  }
  Status MakeReverseSubscription(model::Token token, Deadline deadline) override {
    return With(faults_, "MakeReverseSubscription",
                [&] { return inner_->MakeReverseSubscription(token, deadline); });
  }
  Status DropForwardSubscription(model::Token token, Deadline deadline) override {
    return With(faults_, "DropForwardSubscription",
                [&] { return inner_->DropForwardSubscription(token, deadline); });
  }
  Status DropForwardSlot(model::Token token, Deadline deadline) override {
    return With(faults_, "DropForwardSlot",
                [&] { return inner_->DropForwardSlot(token, deadline); });
  }

 private:
  std::unique_ptr<migration::Shard> inner_;
  CallFaults faults_;
};

}  // namespace

std::unique_ptr<migration::Shard> MakeFaultyShard(std::unique_ptr<migration::Shard> inner,
                                                  CallFaults faults) {
  return std::make_unique<FaultyShard>(std::move(inner), std::move(faults));
}

Result<std::unique_ptr<migration::Shard>> FaultyShardDirectory::Open(
    const migration::MigrationSpec& spec, migration::Side side, Deadline deadline) {
  if (faults_("Open") != CallFault::kNone) return Before();
  auto inner = inner_.Open(spec, side, deadline);
  if (!inner) return inner.error();
  return MakeFaultyShard(std::move(*inner), faults_);
}

Result<migration::HighWater> FaultyShardDirectory::ReadHighWater(const std::string& name_space,
                                                                 const std::string& shard_set,
                                                                 const model::ShardId& shard,
                                                                 Deadline deadline) {
  return With(faults_, "ReadHighWater",
              [&] { return inner_.ReadHighWater(name_space, shard_set, shard, deadline); });
}

Result<std::optional<model::ShardMigration>> FaultyMigrationStore::ReadMigration(
    const kube::ObjectRef& ref, Deadline deadline) {
  return With(faults_, "ReadMigration", [&] { return inner_.ReadMigration(ref, deadline); });
}

Result<std::optional<op::SetView>> FaultyMigrationStore::ReadSet(const std::string& name_space,
                                                                 const std::string& name,
                                                                 Deadline deadline) {
  return With(faults_, "ReadSet", [&] { return inner_.ReadSet(name_space, name, deadline); });
}

Result<op::JobSeen> FaultyMigrationStore::ReadJob(const model::ShardMigration& migration,
                                                  Deadline deadline) {
  return With(faults_, "ReadJob", [&] { return inner_.ReadJob(migration, deadline); });
}

Status FaultyMigrationStore::WriteStatus(const model::ShardMigration& migration,
                                         const model::ShardMigrationStatus& status,
                                         Deadline deadline) {
  return With(faults_, "WriteStatus",
              [&] { return inner_.WriteStatus(migration, status, deadline); });
}

Status FaultyMigrationStore::SetFinalizer(const model::ShardMigration& migration, bool present,
                                          Deadline deadline) {
  return With(faults_, "SetFinalizer",
              [&] { return inner_.SetFinalizer(migration, present, deadline); });
}

Status FaultyMigrationStore::PublishTable(const std::string& name_space,
                                          const model::RoutingTable& table,
                                          const std::string& version, Deadline deadline) {
  return With(faults_, "PublishTable",
              [&] { return inner_.PublishTable(name_space, table, version, deadline); });
}

Status FaultyMigrationStore::CreateJob(const model::ShardMigration& migration,
                                       const model::ShardSet& set,
                                       const migration::MigrationSpec& spec, Deadline deadline) {
  return With(faults_, "CreateJob",
              [&] { return inner_.CreateJob(migration, set, spec, deadline); });
}

Status FaultyMigrationStore::DeleteJob(const model::ShardMigration& migration, Deadline deadline) {
  return With(faults_, "DeleteJob", [&] { return inner_.DeleteJob(migration, deadline); });
}

}  // namespace foreshard::fakes
