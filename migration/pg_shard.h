#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "migration/shard.h"
#include "pg/connection.h"

namespace foreshard::migration {

struct PgShardOptions {
  MigrationSpec spec;
  Side side;
  std::string conninfo;       // of this shard's primary, role `foreshard`
  std::string peer_conninfo;  // of the other; what this shard's own server uses to subscribe to it
};

// A shard behind a PostgreSQL connection. Connects at the first call and again after a loss.
class PgShard final : public Shard {
 public:
  PgShard(PgShardOptions options, const Clock& clock);
  ~PgShard() override;

  Result<GateSeen> LookAtGate(model::Attempt attempt, Deadline deadline) override;
  Result<ShardSeen> Look(model::Attempt attempt, Deadline deadline) override;
  Result<std::vector<SequenceValue>> ReadSequences(Deadline deadline) override;

  Status Enter(model::Token token, std::string_view phase, Deadline deadline) override;

  Status GateClose(const GateChange& change, Deadline deadline) override;
  Status GateDrained(model::Token token, model::Attempt attempt, Deadline deadline) override;
  Status GateOpen(const GateChange& change, Deadline deadline) override;
  Result<bool> GateTake(const GateChange& change, std::chrono::milliseconds wait,
                        Deadline deadline) override;
  Status RehearseGates(Deadline deadline) override;
  Result<GateState> GateRevoke(model::Token token, model::Attempt attempt,
                               Deadline deadline) override;
  Status GateReopen(const GateChange& change, Deadline deadline) override;

  Status MakeGate(model::Token token, Deadline deadline) override;
  Status MakeGateTriggers(model::Token token, Deadline deadline) override;
  Status MakeReverseSlot(model::Token token, Deadline deadline) override;
  Status SlotAdvance(model::Token token, Lsn lsn, Deadline deadline) override;
  Status SlotAdvanceToNow(model::Token token, Deadline deadline) override;
  Status RaiseSequences(model::Token token, const std::vector<SequenceValue>& at_least,
                        Deadline deadline) override;
  Status SetLeased(model::Token token, bool leased, Deadline deadline) override;
  Status WriteProbe(model::Token token, std::int64_t seq, Deadline deadline) override;
  Result<EndedConnections> EndConnectionsExcept(model::Token token,
                                                const std::vector<std::string>& routers,
                                                const std::string& before, bool force,
                                                Deadline deadline) override;

  Status TellOwner(model::Token token, const model::ShardId& owner, model::Epoch epoch,
                   Deadline deadline) override;
  Status SettleRange(model::Token token, Deadline deadline) override;
  Status DisableForward(model::Token token, Deadline deadline) override;
  Status MakeReverseSubscription(model::Token token, Lsn drained, Deadline deadline) override;
  Status DropForwardSubscription(model::Token token, Deadline deadline) override;
  Status DropForwardSlot(model::Token token, Deadline deadline) override;

 private:
  Result<pg::Connection*> Session(Deadline deadline);
  Result<pg::Rows> Exec(std::string_view sql, const pg::Parameters& parameters, Deadline deadline);
  Status Call(std::string_view sql, const pg::Parameters& parameters, Deadline deadline);
  Status Claimed(model::Token token, const std::vector<struct Statement>& statements,
                 Deadline deadline);

  PgShardOptions options_;
  const Clock& clock_;
  std::unique_ptr<pg::Connection> connection_;
  bool warm_ = false;  // connection_ knows the statements of a cutover
};

// The highest migration number and epoch that a shard's tables remember. Zero where schema
// `foreshard` is missing.
Result<HighWater> ReadHighWater(pg::Connection& connection, Deadline deadline);

}  // namespace foreshard::migration
