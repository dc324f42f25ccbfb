#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "router/access_log.h"
#include "router/catalogue.h"
#include "router/compiled_table.h"
#include "router/hold.h"
#include "router/proof.h"
#include "router/replicas.h"
#include "router/route.h"
#include "router/server_link.h"

// What a session may ask of the event loop it lives on. The session itself moves no byte and knows
// no clock, so that tests can play the host.

namespace foreshard::router {

// One statement that ended on one shard, for metrics and heat.
struct StatementRecord {
  std::uint32_t shard = 0;
  bool write = false;
  bool insert = false;
  bool error = false;
  bool scatter = false;
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;
  std::chrono::nanoseconds backend{0};
  const CompiledTable* table = nullptr;  // for comparison only: the one that `owners` is of
  const std::vector<Key>* keys = nullptr;
  const std::vector<Owner>* owners = nullptr;
  const AccessSample* sample = nullptr;  // not null: it goes into the access log
};

// The detail of FS001.
struct StaleOwner {
  std::int64_t migration = 0;
  std::string owner;
  std::int64_t epoch = 0;
};

// The shard that the refusal of a statement with one key named.
struct NamedOwner {
  std::uint32_t shard = 0;
  std::int64_t migration = 0;
  Key key;                               // of the refused statement
  const CompiledTable* table = nullptr;  // as it was then; for comparison only
};

// What a part of a two-phase transaction is prepared as. Shards may be databases of one server,
// which has one space of names.
inline std::string PreparedName(const std::string& transaction, const std::string& shard) {
  return transaction + "@" + shard;
}

class SessionHost {
 public:
  virtual ~SessionHost() = default;

  // Bytes for the client; sent at the end of the turn.
  virtual std::string& client_out() = 0;
  virtual MonotonicTime Now() const = 0;

  // A server of the shard, ours until Release(). Null: OnServerReady() or OnServerFailed() comes
  // later.
  virtual ServerLink* Acquire(std::uint32_t shard) = 0;
  // `reusable` false: the connection must not serve anybody else.
  virtual void Release(ServerLink& link, bool reusable) = 0;
  // Forgets a pending Acquire(), WakeAfter() and a place among the parked.
  virtual void StopWaiting() = 0;
  // OnTimer() comes after this; one at a time.
  virtual void WakeAfter(std::chrono::milliseconds delay) = 0;

  // See hold.h; the host knows the slot.
  virtual Admission Admit(const Footprint& footprint, std::size_t bytes, bool transaction_open) = 0;
  virtual void Finish() = 0;

  // Null until the first routing table came. Valid for this turn.
  virtual const CompiledTable* table() = 0;
  virtual const Catalogue& catalogue() = 0;
  // Numbers of shards outlive a table: this is the one of the table's index, and back by name (-1:
  // unknown).
  virtual std::uint32_t ShardNumber(std::uint32_t index) = 0;
  virtual std::int64_t ShardNumberOf(std::string_view id) = 0;
  virtual std::string ShardId(std::uint32_t shard) = 0;
  // Every shard of the database compares text as bytes (kCollationQuery).
  virtual bool text_orders_as_bytes() = 0;

  virtual void LearnOwner(const StaleOwner& stale) = 0;
  virtual void OwnerGivenUp() = 0;  // the client is told of such a refusal
  virtual void LearnColumns(const std::string& table, std::vector<std::string> columns) = 0;
  virtual void LearnFunctions(const Functions& functions) = 0;
  virtual void ForgetColumns() = 0;  // and functions: some of what was learned is no more
  virtual void SchemaChanged() = 0;
  virtual void Record(const StatementRecord& record) = 0;

  // What a session reads that did not say (SET foreshard.consistency).
  virtual Consistency default_consistency() = 0;
  // The number of a replica that may answer a read of this shard, or the shard's own.
  virtual std::uint32_t ReaderOf(std::uint32_t shard, const ReadDemand& demand) = 0;

  // What a Strong read of these keys must ask first, in its own snapshot, and on which shards.
  // Nearly always empty.
  virtual void ProofsFor(bool scatter, const std::vector<Key>& keys,
                         std::vector<Proof>& proofs) = 0;

  // A name for a two-phase transaction that nobody else uses.
  virtual std::string NewTransactionName(std::uint32_t first_shard) = 0;
  // What is, or may be, prepared under this name on the link's shard must be ended as the decision
  // says. `abandoned`: nobody hears that server any more, so what it still does must end first.
  virtual void FinishLater(const ServerLink& link, std::string name, bool abandoned) = 0;

  virtual std::chrono::milliseconds park_max() const = 0;
  virtual void CloseClient() = 0;  // after what is in client_out() was sent
};

}  // namespace foreshard::router
