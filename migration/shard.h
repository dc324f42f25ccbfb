#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/deadline.h"
#include "base/result.h"
#include "migration/spec.h"
#include "model/ids.h"

// Shard: one shard (its primary) as one migration sees it, and everything the controller may do to
// it.
//
// Bodies:  `PgShard` (migration/pg_shard.h) and `FakeShard` (tests/fakes). Both pass
// tests/contract/shard_contract.h. View:    this shard's primary, now. What a call read may be
// outdated when the next call comes; tokens make that harmless. Threads: one owner. The two shards
// of a migration may be used from two threads. Errors:  FS002 -> kFenced (a newer token was here);
// FS003, lost replies, deadlines, no longer primary -> kReobserve;
//          55P03, refused connections -> kRetry; 42501 and the like -> kGiveUp. A second try of
//          each effect changes nothing.
// Server:  an effect goes to the server (system identifier, timeline) that the last look saw; if
// that
//          connection is gone or the server changed, kReobserve: a new server must be looked at
//          first.
// Rule:    every effect carries the caller's token; the shard keeps the highest it has seen and
// refuses lower ones.

namespace foreshard::migration {

struct Lsn {
  std::uint64_t value = 0;
  auto operator<=>(const Lsn&) const = default;
};

std::string ToString(Lsn lsn);  // "0/16B3748"
Result<Lsn> ParseLsn(std::string_view text);

enum class GateState { kOpen, kClosed, kDrained, kRevoked };

const char* ToString(GateState state);  // "open", as in the row
Result<GateState> ParseGateState(std::string_view text);

// The row of `foreshard.migration`.
struct MigrationRow {
  std::string uid;
  model::ShardId peer;
  std::string phase;  // as in the API: "Copying"
  model::Token token;
  model::Attempt attempt;
  GateState state = GateState::kOpen;
  std::optional<Lsn> drained_lsn;
  std::string reverse_slot;  // "" : none (always on the source)
  std::string progress;      // JSON text; migration/progress.h reads it
  bool operator==(const MigrationRow&) const = default;
};

// The row of `foreshard.range`.
struct RangeRow {
  model::ShardId owner;
  model::Epoch epoch;
  bool leased = false;
  bool operator==(const RangeRow&) const = default;
};

// Changes at a failover (timeline) and when somebody swaps the server (system identifier).
struct Identity {
  std::string system_identifier;
  std::int64_t timeline = 0;
  bool operator==(const Identity&) const = default;
};

// What a cutover looks at, in one round trip.
struct GateSeen {
  Identity identity;
  std::optional<MigrationRow> row;
  std::optional<RangeRow> range;
  bool gate = false;       // a row in `foreshard.gate`: takes writes of K once its triggers exist
  bool sentinel = false;   // the peer's barrier row ('cutover', attempt asked for) has arrived here
  std::int64_t probe = 0;  // highest probe of the peer that has arrived here
};

struct SlotSeen {
  bool active = false;
  bool reserved = true;  // wal_status reserved or extended; false: lost or about to be
  Lsn confirmed_flush;
  std::int64_t retained_bytes = 0;
};

struct SubscriptionSeen {
  bool enabled = false;
  bool worker = false;  // an apply worker is connected
  std::int64_t apply_errors = 0;
};

// The oldest transaction that holds the gate's advisory lock.
struct GateHolder {
  std::chrono::milliseconds age{0};
  bool prepared = false;
};

struct SideObject {
  std::string kind;  // slot, publication, subscription, trigger, event trigger, gate, chunk
  std::string name;
  auto operator<=>(const SideObject&) const = default;
};

// Everything a pass of the controller looks at.
struct ShardSeen {
  GateSeen gate;
  bool synchronous =
      false;  // synchronous_commit waits for a standby here: a close survives a failover
  bool gate_triggers =
      false;  // every table of the group has its gate triggers, enabled ALWAYS or ORIGIN
  std::optional<SlotSeen>
      slot;  // this shard publishes: forward on the source, reverse on the destination
  std::optional<SubscriptionSeen>
      subscription;  // this shard receives: forward on the destination, reverse on the source
  std::optional<GateHolder> oldest_holder;
  std::chrono::milliseconds progress_age{0};  // since the mover last wrote `progress` here
  std::vector<SideObject> leftovers;          // section 11's query, for this number only
};

struct SequenceValue {
  std::string name;
  std::int64_t last_value = 0;
  bool operator==(const SequenceValue&) const = default;
};

struct GateChange {
  model::Token token;
  model::Attempt attempt;
  model::ShardId owner;  // after the change, for those who are refused
  model::Epoch epoch;
};

struct EndedConnections {
  std::string before;     // the instant, by the shard's clock
  std::int64_t left = 0;  // older ones, before this call ended the idle ones of them
  std::int64_t came = 0;  // newer ones
};

class Shard {
 public:
  virtual ~Shard() = default;

  // --- look; nothing changes
  virtual Result<GateSeen> LookAtGate(model::Attempt attempt, Deadline deadline) = 0;
  virtual Result<ShardSeen> Look(model::Attempt attempt, Deadline deadline) = 0;
  virtual Result<std::vector<SequenceValue>> ReadSequences(Deadline deadline) = 0;

  // --- any phase
  // foreshard.enter. Where the row is missing it is made first (state `open` on the source,
  // `closed` on the destination), with the range row (owner: the source, epoch: spec.epoch), in the
  // same transaction. kGiveUp if the row has another uid.
  virtual Status Enter(model::Token token, std::string_view phase, Deadline deadline) = 0;

  // --- gate functions of section 5, same names
  virtual Status GateClose(const GateChange& change, Deadline deadline) = 0;  // writes the sentinel
  virtual Status GateDrained(model::Token token, model::Attempt attempt, Deadline deadline) = 0;
  virtual Status GateOpen(const GateChange& change,
                          Deadline deadline) = 0;  // the point of no return
  // Both of them in one transaction, as soon as the sentinel of this attempt is here. False: it has
  // not come within `wait`, and nothing was done.
  virtual Result<bool> GateTake(const GateChange& change, std::chrono::milliseconds wait,
                                Deadline deadline) = 0;
  // Changes nothing. Calls the gate functions for keys that nobody has, and undoes it: their first
  // calls in a session are several times slower than the next ones, and clients wait for those.
  virtual Status RehearseGates(Deadline deadline) = 0;
  virtual Result<GateState> GateRevoke(model::Token token, model::Attempt attempt,
                                       Deadline deadline) = 0;
  virtual Status GateReopen(const GateChange& change, Deadline deadline) = 0;

  // --- Ready
  virtual Status MakeGate(model::Token token,
                          Deadline deadline) = 0;  // source: the gate row; triggers come after it
  virtual Status MakeGateTriggers(model::Token token,
                                  Deadline deadline) = 0;  // make if missing; lock_timeout, kRetry
  virtual Status MakeReverseSlot(model::Token token,
                                 Deadline deadline) = 0;  // destination: named in the row first
  virtual Status SlotAdvance(model::Token token, Lsn lsn,
                             Deadline deadline) = 0;  // destination: the reverse slot
  virtual Status SlotAdvanceToNow(
      model::Token token,
      Deadline deadline) = 0;  // the same, to an LSN of a synchronous commit of ours
  virtual Status RaiseSequences(model::Token token, const std::vector<SequenceValue>& at_least,
                                Deadline deadline) = 0;
  virtual Status SetLeased(model::Token token, bool leased, Deadline deadline) = 0;
  virtual Status WriteProbe(model::Token token, std::int64_t seq, Deadline deadline) = 0;
  // Ends client connections that came through any router but `routers` (foreshard.connection: the
  // shard knows also of routers that nobody else does) before the instant `before`, empty: now.
  // Those that are idle; all of them by `force`.
  virtual Result<EndedConnections> EndConnectionsExcept(model::Token token,
                                                        const std::vector<std::string>& routers,
                                                        const std::string& before, bool force,
                                                        Deadline deadline) = 0;

  // --- CleaningUp
  // The range row names `owner` as of `epoch`; a row that is as new stays. For routers that connect
  // later.
  virtual Status TellOwner(model::Token token, const model::ShardId& owner, model::Epoch epoch,
                           Deadline deadline) = 0;
  // The last thing: the range row stays, for routers that connect later, and is no longer the
  // migration's. Nothing is leased or proven by it, and Look() has no `range`.
  virtual Status SettleRange(model::Token token, Deadline deadline) = 0;

  // --- Soaking, in the order of section 9
  virtual Status DisableForward(
      model::Token token, Deadline deadline) = 0;  // destination: ALTER SUBSCRIPTION … DISABLE
  // Source: what the destination committed from `drained` on. The slot stands there too, but a
  // crash of the destination takes the slot back; then only this keeps the forward stream from
  // echoing.
  virtual Status MakeReverseSubscription(model::Token token, Lsn drained, Deadline deadline) = 0;
  virtual Status DropForwardSubscription(
      model::Token token, Deadline deadline) = 0;  // destination: slot_name = NONE first
  virtual Status DropForwardSlot(model::Token token, Deadline deadline) = 0;  // source
};

// The highest numbers a shard remembers: a restored or re-adopted set never goes back.
struct HighWater {
  model::MigrationNumber number;
  model::Epoch epoch;
};

// All shards of a set. Bodies: operator/shards (connects with the set's Secrets) and tests/fakes.
class ShardDirectory {
 public:
  virtual ~ShardDirectory() = default;

  virtual Result<std::unique_ptr<Shard>> Open(const MigrationSpec& spec, Side side,
                                              Deadline deadline) = 0;
  virtual Result<HighWater> ReadHighWater(const std::string& name_space,
                                          const std::string& shard_set, const model::ShardId& shard,
                                          Deadline deadline) = 0;
};

}  // namespace foreshard::migration
