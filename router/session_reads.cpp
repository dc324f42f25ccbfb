#include "router/session.h"

// Reads that need not come from the primary: see replicas.h. Only a statement by itself, outside of
// a transaction, that reads one shard goes to a replica; all else that a session does is the
// primary's.

namespace foreshard::router {

Consistency Session::consistency() const {
  return consistency_ ? *consistency_ : host_.default_consistency();
}

std::uint32_t Session::ReaderOf(std::uint32_t shard, const Statement& statement) {
  const Consistency wanted = consistency();
  if (wanted == Consistency::kStrong || tx_ != Tx::kIdle || in_parts_ || primary_only_)
    return shard;
  if (!scratch_->decision.read_only || statement.kind != StatementKind::kRead) return shard;
  // In a pipeline that wrote, or is at work on that shard, what is said next may follow from it.
  if (has_written_ || Attached(shard) != nullptr) return shard;
  for (const ServerLink* link : attached_) {
    if (link->replica && link->replica_of == shard)
      return link->shard;  // The message is read again.
  }
  return host_.ReaderOf(shard, {.consistency = wanted, .last_write = last_write_});
}

std::optional<Refusal> Session::WrongConsistency(const SessionCommand& command) const {
  if (command.name != kConsistencySetting || ParseConsistency(command.value)) return std::nullopt;
  return Refusal{
      .sqlstate = "22023",
      .message = "invalid value for parameter \"" + command.name + "\": \"" + command.value + "\"",
      .hint = "Available values: strong, read_your_writes, bounded, eventual."};
}

}  // namespace foreshard::router
