#include "tests/fakes/faulty_migration.h"

namespace foreshard::fakes {
namespace {

Error Before() { return Error::Retry("injected: nothing happened"); }
Error After() { return Error::Reobserve("injected: the reply was lost"); }

template <typename Call>
auto With(const CallFaults& faults, std::string_view name, Call call) -> decltype(call()) {
  const CallFault fault = faults(name);
  if (fault == CallFault::kBefore || fault == CallFault::kLate) return Before();
  auto result = call();
  if (fault == CallFault::kAfter) return After();
  return result;
}

class FaultyShard final : public migration::Shard {
 public:
  FaultyShard(std::unique_ptr<migration::Shard> inner, CallFaults faults, model::ShardId id,
              LateEffects late, Tails tails)
      : inner_(std::move(inner)),
        faults_(std::move(faults)),
        id_(std::move(id)),
        late_(std::move(late)),
        tails_(std::move(tails)) {}

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
    return Effect("Enter", [=, text = std::string(phase)](migration::Shard& shard) {
      return shard.Enter(token, text, deadline);
    });
  }
  Status GateClose(const migration::GateChange& change, Deadline deadline) override {
    return Effect("GateClose",
                  [=](migration::Shard& shard) { return shard.GateClose(change, deadline); });
  }
  Status GateDrained(model::Token token, model::Attempt attempt, Deadline deadline) override {
    return Effect("GateDrained", [=](migration::Shard& shard) {
      return shard.GateDrained(token, attempt, deadline);
    });
  }
  Status GateOpen(const migration::GateChange& change, Deadline deadline) override {
    return Effect("GateOpen",
                  [=](migration::Shard& shard) { return shard.GateOpen(change, deadline); });
  }
  // Both or neither, but operators before this call did one after the other: their end in between
  // is a fault of its own.
  Result<bool> GateTake(const migration::GateChange& change, std::chrono::milliseconds wait,
                        Deadline deadline) override {
    if (faults_("GateTakeHalf") != CallFault::kNone) {
      if (tails_.begin) tails_.begin(id_);
      if (Status half = inner_->GateDrained(change.token, change.attempt, deadline); !half)
        return half.error();
      return After();
    }
    return Effect("GateTake",
                  [=](migration::Shard& shard) { return shard.GateTake(change, wait, deadline); });
  }
  Status RehearseGates(Deadline deadline) override {
    return With(faults_, "RehearseGates", [&] { return inner_->RehearseGates(deadline); });
  }
  Result<migration::GateState> GateRevoke(model::Token token, model::Attempt attempt,
                                          Deadline deadline) override {
    return Effect("GateRevoke", [=](migration::Shard& shard) {
      return shard.GateRevoke(token, attempt, deadline);
    });
  }
  Status GateReopen(const migration::GateChange& change, Deadline deadline) override {
    return Effect("GateReopen",
                  [=](migration::Shard& shard) { return shard.GateReopen(change, deadline); });
  }
  Status MakeGate(model::Token token, Deadline deadline) override {
    return Effect("MakeGate",
                  [=](migration::Shard& shard) { return shard.MakeGate(token, deadline); });
  }
  Status MakeGateTriggers(model::Token token, Deadline deadline) override {
    return Effect("MakeGateTriggers",
                  [=](migration::Shard& shard) { return shard.MakeGateTriggers(token, deadline); });
  }
  Status MakeReverseSlot(model::Token token, Deadline deadline) override {
    return Effect("MakeReverseSlot",
                  [=](migration::Shard& shard) { return shard.MakeReverseSlot(token, deadline); });
  }
  Status SlotAdvance(model::Token token, migration::Lsn lsn, Deadline deadline) override {
    return Effect("SlotAdvance",
                  [=](migration::Shard& shard) { return shard.SlotAdvance(token, lsn, deadline); });
  }
  Status SlotAdvanceToNow(model::Token token, Deadline deadline) override {
    return Effect("SlotAdvanceToNow",
                  [=](migration::Shard& shard) { return shard.SlotAdvanceToNow(token, deadline); });
  }
  Status RaiseSequences(model::Token token, const std::vector<migration::SequenceValue>& at_least,
                        Deadline deadline) override {
    return Effect("RaiseSequences", [=](migration::Shard& shard) {
      return shard.RaiseSequences(token, at_least, deadline);
    });
  }
  Status SetLeased(model::Token token, bool leased, Deadline deadline) override {
    return Effect("SetLeased", [=](migration::Shard& shard) {
      return shard.SetLeased(token, leased, deadline);
    });
  }
  Status WriteProbe(model::Token token, std::int64_t seq, Deadline deadline) override {
    return Effect("WriteProbe",
                  [=](migration::Shard& shard) { return shard.WriteProbe(token, seq, deadline); });
  }
  Result<migration::EndedConnections> EndConnectionsExcept(model::Token token,
                                                           const std::vector<std::string>& routers,
                                                           const std::string& before, bool force,
                                                           Deadline deadline) override {
    Result<migration::EndedConnections> ended = Error::Retry("not called");
    const Status done = Effect("EndConnectionsExcept", [&](migration::Shard& shard) -> Status {
      ended = shard.EndConnectionsExcept(token, routers, before, force, deadline);
      return ended ? Ok() : Status(ended.error());
    });
    if (!done) return done.error();
    return ended;
  }
  Status TellOwner(model::Token token, const model::ShardId& owner, model::Epoch epoch,
                   Deadline deadline) override {
    return Effect("TellOwner", [=](migration::Shard& shard) {
      return shard.TellOwner(token, owner, epoch, deadline);
    });
  }
  Status SettleRange(model::Token token, Deadline deadline) override {
    return Effect("SettleRange",
                  [=](migration::Shard& shard) { return shard.SettleRange(token, deadline); });
  }
  Status DisableForward(model::Token token, Deadline deadline) override {
    return Effect("DisableForward",
                  [=](migration::Shard& shard) { return shard.DisableForward(token, deadline); });
  }
  Status MakeReverseSubscription(model::Token token, migration::Lsn drained,
                                 Deadline deadline) override {
    return Effect("MakeReverseSubscription", [=](migration::Shard& shard) {
      return shard.MakeReverseSubscription(token, drained, deadline);
    });
  }
  Status DropForwardSubscription(model::Token token, Deadline deadline) override {
    return Effect("DropForwardSubscription", [=](migration::Shard& shard) {
      return shard.DropForwardSubscription(token, deadline);
    });
  }
  Status DropForwardSlot(model::Token token, Deadline deadline) override {
    return Effect("DropForwardSlot",
                  [=](migration::Shard& shard) { return shard.DropForwardSlot(token, deadline); });
  }

 private:
  template <typename Call>
  auto Effect(std::string_view name, Call call)
      -> decltype(call(std::declval<migration::Shard&>())) {
    const CallFault fault = faults_(name);
    if (fault == CallFault::kBefore) return Before();
    if (fault == CallFault::kLate && late_) {
      late_(id_, [inner = inner_, call, tails = tails_, id = id_] {
        if (tails.begin) tails.begin(id);
        if (!call(*inner)) return;  // nobody waits for the answer any more
      });
      return After();
    }
    if (fault == CallFault::kAfter && tails_.begin) tails_.begin(id_);
    auto result = call(*inner_);
    if (fault == CallFault::kAfter) return After();
    if (result && tails_.confirm) tails_.confirm(id_);
    return result;
  }

  std::shared_ptr<migration::Shard> inner_;  // a late effect outlives who asked for it
  CallFaults faults_;
  model::ShardId id_;
  LateEffects late_;
  Tails tails_;
};

}  // namespace

std::unique_ptr<migration::Shard> MakeFaultyShard(std::unique_ptr<migration::Shard> inner,
                                                  CallFaults faults, model::ShardId id,
                                                  LateEffects late, Tails tails) {
  return std::make_unique<FaultyShard>(std::move(inner), std::move(faults), std::move(id),
                                       std::move(late), std::move(tails));
}

Result<std::unique_ptr<migration::Shard>> FaultyShardDirectory::Open(
    const migration::MigrationSpec& spec, migration::Side side, Deadline deadline) {
  if (faults_("Open") != CallFault::kNone) return Before();
  auto inner = inner_.Open(spec, side, deadline);
  if (!inner) return inner.error();
  return MakeFaultyShard(std::move(*inner), faults_, migration::ShardOf(spec, side), late_, tails_);
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
