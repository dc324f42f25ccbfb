#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "migration/progress.h"
#include "migration/shard.h"

// FakeServer: one shard's primary in memory: rows, write-ahead log, schema `foreshard`, slots,
// subscriptions. FakeShard:  the seam to it, as one migration sees it.
//
// Keys are the numbers 0 to 15, a row is one counter. Does not imitate: SQL, tables and foreign
// keys, statements that fail by themselves, disk, time (nothing here takes any), asynchronous
// standbys (what was acknowledged is never lost), sequences, DDL, chunks.

namespace foreshard::fakes {

inline constexpr int kFakeKeys = 16;
using KeyMask = std::uint32_t;

// Planted bugs: each one makes a promise of the real thing untrue. The simulator must notice.
struct FakeBugs {
  bool tokens_are_ignored = false;
  bool token_is_lease_only = false;
  bool abort_leaves_no_token = false;
  bool revoke_ignores_open = false;
  bool reopen_leaves_no_mark = false;
  bool drained_without_sentinel = false;
  bool slot_moves_to_now = false;
  bool slot_never_moves = false;
  bool reverse_slot_comes_late = false;
  bool reverse_before_forward_is_off = false;
  bool connections_are_kept = false;
  bool reopen_without_revoke = false;
  bool loser_keeps_old_epoch = false;
  bool lost_close_is_hidden = false;  // a close that a failover lost still shows
  bool failovers_are_hidden = false;  // the identity never changes, nothing refuses
  bool reads_are_not_proven = false;  // leases are forgotten
  bool settled_ranges_refuse = false;
};

struct FakeWalEntry {
  enum class Kind { kRow, kDelete, kBarrier };
  Kind kind = Kind::kRow;
  int key = 0;
  std::int64_t value = 0;
  // barrier
  std::int32_t number = 0;
  std::string source{};
  bool cutover = false;
  std::int64_t seq = 0;
  bool applied = false;  // written by an apply worker, not by a client
};

struct FakeSlot {
  std::int32_t number = 0;
  KeyMask keys = 0;
  std::uint64_t confirmed = 0;  // everything before it was consumed
  bool reserved = true;
  std::map<int, std::int64_t> snapshot{};  // rows at its creation
};

struct FakeSubscription {
  std::int32_t number = 0;
  std::string publisher{};
  bool enabled = true;
  bool worker = false;
  std::int64_t errors = 0;
  std::uint64_t origin = 0;  // in the publisher's log; survives a failover of the subscriber
};

struct FakeMigration {
  migration::MigrationRow row{};
  model::Token enforced{};  // differs from row.token only with a planted bug
  KeyMask keys = 0;
  bool gate_triggers = false;
  bool reverse_slot_pretended = false;
  std::int64_t copied_on_timeline = 0;  // of this server when the slot was made; 0: not yet
  migration::Progress progress{};

  // What the row's column shows. Looks outnumber changes a hundredfold, so the last text is kept.
  const std::string& ProgressText() const;
  mutable std::optional<std::pair<migration::Progress, std::string>> progress_text{};
};

struct FakeRange {
  migration::RangeRow row{};
  KeyMask keys = 0;
  bool settled = false;  // of a migration that is over
};

// A client's transaction between its write and its commit: it holds the gate's lock.
struct FakeTransaction {
  std::int64_t id = 0;
  int key = 0;
};

struct FakeRefusal {
  std::int32_t number = 0;  // of the migration
  model::ShardId owner;
  model::Epoch epoch;
};

// Asked before a statement and in its snapshot.
struct FakeProofs {
  std::vector<std::int32_t> not_lost{};  // migrations by which the shard must not have lost the key
  std::int32_t owned = 0;                // by which it must own it, 0: none
};

class FakeServer {
 public:
  FakeServer(model::ShardId id, const FakeBugs& bugs) : id_(std::move(id)), bugs_(bugs) {}

  const model::ShardId& id() const { return id_; }

  // --- clients ---
  // The gate's trigger: nothing, or what FS001 says.
  std::optional<FakeRefusal> Refuses(int key) const;
  std::optional<FakeRefusal> Disowns(const FakeProofs& proofs) const;
  // By the newest word that it has: another shard owns the key.
  bool KnowsAnotherOwner(int key) const;
  // FS001: kReobserve, code FS001.
  // Takes the gate's lock. A write that finds no row fires no trigger.
  Result<std::int64_t> Begin(int key, const FakeProofs& proofs);
  Result<std::int64_t> Commit(std::int64_t transaction);  // the new value; -1: there was no row
  Result<std::int64_t> Read(int key, const FakeProofs& proofs) const;  // -1: no row

  // --- what the mover does, each one a transaction with the token check ---
  bool TokenIs(std::int32_t number, model::Token token) const;

  // --- replication: one step of one apply worker; what it finds in the publisher ---
  void StepApply(const std::string& subscription, FakeServer& publisher, int entries_max,
                 bool confirm);

  // --- failovers. The standby has all that somebody was told of, and what was written before it.
  // What came after (an effect whose reply was lost, what an apply worker wrote) is the tail.
  void BeginTail();  // before an effect that nobody is told of
  void Confirm();    // somebody was told: the standby has everything up to here
  bool has_tail() const { return tail_.has_value(); }
  // Sessions are gone, slots too unless `keep_slots` (17 and later). True: a tail was lost.
  bool FailOver(bool lose_tail, bool keep_slots);
  // It was taken away, and another one of its name was made: an empty server.
  void BeginAgain();

  void Append(FakeWalEntry entry) { wal.push_back(std::move(entry)); }
  void SetRow(int key, std::int64_t value, bool applied);

  // The state is open to the simulator's mover and checkers.
  std::map<int, std::int64_t> rows;
  std::vector<FakeWalEntry> wal;
  std::map<std::int32_t, FakeMigration> migrations;
  std::set<std::int32_t> gates;
  std::map<std::int32_t, FakeRange> ranges;
  std::set<std::tuple<std::int32_t, std::string, bool, std::int64_t>> barriers;
  std::map<std::string, FakeSlot> slots;
  std::set<std::int32_t> publications;
  std::map<std::string, FakeSubscription> subscriptions;
  std::set<std::int32_t> chunks;
  std::vector<FakeTransaction> transactions;
  std::set<std::string> connected_routers;
  std::set<std::string> busy_routers;  // of these: in a transaction since before anybody asked
  std::int64_t timeline = 1;
  bool next_commit_is_unconfirmed = false;  // its reply is lost: the client knows nothing
  std::function<void(const std::string&)> on_violation = [](const std::string&) {};

  const FakeBugs& bugs() const { return bugs_; }

 private:
  model::ShardId id_;
  // What a standby would come back with.
  struct Durable {
    std::map<int, std::int64_t> rows;
    std::size_t wal = 0;
    std::map<std::int32_t, FakeMigration> migrations;
    std::set<std::int32_t> gates;
    std::map<std::int32_t, FakeRange> ranges;
    std::set<std::tuple<std::int32_t, std::string, bool, std::int64_t>> barriers;
    std::set<std::int32_t> publications;
    std::map<std::string, FakeSubscription> subscriptions;
    std::set<std::int32_t> chunks;
  };

  const FakeBugs& bugs_;
  std::int64_t next_transaction_ = 1;
  std::optional<Durable> tail_;
};

KeyMask MaskOf(const migration::MigrationSpec& spec);

class FakeShard final : public migration::Shard {
 public:
  FakeShard(migration::MigrationSpec spec, migration::Side side, FakeServer& server);

  Result<migration::GateSeen> LookAtGate(model::Attempt attempt, Deadline deadline) override;
  Result<migration::ShardSeen> Look(model::Attempt attempt, Deadline deadline) override;
  Result<std::vector<migration::SequenceValue>> ReadSequences(Deadline deadline) override;
  Status Enter(model::Token token, std::string_view phase, Deadline deadline) override;
  Status GateClose(const migration::GateChange& change, Deadline deadline) override;
  Status GateDrained(model::Token token, model::Attempt attempt, Deadline deadline) override;
  Result<bool> GateTake(const migration::GateChange& change, std::chrono::milliseconds wait,
                        Deadline deadline) override;
  Status GateOpen(const migration::GateChange& change, Deadline deadline) override;
  Status RehearseGates(Deadline) override { return Ok(); }
  Result<migration::GateState> GateRevoke(model::Token token, model::Attempt attempt,
                                          Deadline deadline) override;
  Status GateReopen(const migration::GateChange& change, Deadline deadline) override;
  Status MakeGate(model::Token token, Deadline deadline) override;
  Status MakeGateTriggers(model::Token token, Deadline deadline) override;
  Status MakeReverseSlot(model::Token token, Deadline deadline) override;
  Status SlotAdvance(model::Token token, migration::Lsn lsn, Deadline deadline) override;
  Status SlotAdvanceToNow(model::Token token, Deadline deadline) override;
  Status RaiseSequences(model::Token token, const std::vector<migration::SequenceValue>& at_least,
                        Deadline deadline) override;
  Status SetLeased(model::Token token, bool leased, Deadline deadline) override;
  Status WriteProbe(model::Token token, std::int64_t seq, Deadline deadline) override;
  Result<migration::EndedConnections> EndConnectionsExcept(model::Token token,
                                                           const std::vector<std::string>& routers,
                                                           const std::string& before, bool force,
                                                           Deadline deadline) override;
  Status TellOwner(model::Token token, const model::ShardId& owner, model::Epoch epoch,
                   Deadline deadline) override;
  Status SettleRange(model::Token token, Deadline deadline) override;
  Status DisableForward(model::Token token, Deadline deadline) override;
  Status MakeReverseSubscription(model::Token token, migration::Lsn drained,
                                 Deadline deadline) override;
  Status DropForwardSubscription(model::Token token, Deadline deadline) override;
  Status DropForwardSlot(model::Token token, Deadline deadline) override;

 private:
  Result<FakeMigration*> Claim(model::Token token);
  Status WrongState(const FakeMigration& seen, std::string_view call) const;
  std::vector<migration::SideObject> Leftovers() const;
  bool SameServer(const FakeMigration& seen) const;
  FakeRange& Range();
  bool IsSource() const { return side_ == migration::Side::kSource; }

  migration::MigrationSpec spec_;
  migration::Side side_;
  FakeServer& server_;
  KeyMask keys_;
  std::string own_stream_;   // published here
  std::string peer_stream_;  // received here
  std::int64_t seen_timeline_ = 0;
  model::Attempt pretended_revocation_{-1};  // planted bugs: what a look shows though it is not so
  model::Attempt pretended_mark_{-1};
  model::Attempt closed_once_{-1};
};

}  // namespace foreshard::fakes
