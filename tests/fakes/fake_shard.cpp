#include "tests/fakes/fake_shard.h"

#include <algorithm>

#include "migration/decide.h"

namespace foreshard::fakes {

using migration::GateState;
using migration::Side;

namespace {

constexpr std::int64_t kLeaseBits = std::int64_t{1} << 20;

}  // namespace

FakeShard::FakeShard(migration::MigrationSpec spec, Side side, FakeServer& server)
    : spec_(std::move(spec)), side_(side), server_(server), keys_(MaskOf(spec_)) {
  own_stream_ = migration::StreamName(spec_.number, migration::ShardOf(spec_, side_));
  peer_stream_ = migration::StreamName(spec_.number, migration::PeerOf(spec_, side_));
}

Result<FakeMigration*> FakeShard::Claim(model::Token token) {
  if (seen_timeline_ != server_.timeline) {
    return Error::Reobserve("the server changed since the last look");
  }
  const auto found = server_.migrations.find(spec_.number.value);
  if (found == server_.migrations.end() || found->second.row.uid != spec_.uid) {
    return Error::Fenced("the migration is unknown", {}, "FS002");
  }
  FakeMigration& seen = found->second;
  const FakeBugs& bugs = server_.bugs();
  const bool older = bugs.token_is_lease_only
                         ? token.value % kLeaseBits < seen.enforced.value % kLeaseBits
                         : token < seen.enforced;
  if (older && !bugs.tokens_are_ignored) {
    return Error::Fenced("held by a newer token", {}, "FS002");
  }
  seen.enforced = token;
  seen.row.token = std::max(seen.row.token, token);
  return &seen;
}

Status FakeShard::WrongState(const FakeMigration& seen, std::string_view call) const {
  return Error::Reobserve(
      fmt::format("cannot {}: {} in attempt {}", call, ToString(seen.row.state), seen.row.attempt),
      {}, "FS003");
}

// A promoted standby may lack what the row was told.
bool FakeShard::SameServer(const FakeMigration& seen) const {
  return server_.bugs().failovers_are_hidden || seen.copied_on_timeline == 0 ||
         seen.copied_on_timeline == server_.timeline;
}

FakeRange& FakeShard::Range() { return server_.ranges[spec_.number.value]; }

Status FakeShard::Enter(model::Token token, std::string_view phase, Deadline) {
  seen_timeline_ = server_.timeline;
  const std::int32_t number = spec_.number.value;
  const auto known = server_.migrations.find(number);
  if (known != server_.migrations.end() && known->second.row.uid != spec_.uid) {
    return Error::GiveUp("the row belongs to another migration", "NumberTaken");
  }
  if (known == server_.migrations.end()) {
    FakeMigration made;
    made.row.uid = spec_.uid;
    made.row.peer = migration::PeerOf(spec_, side_);
    made.row.state = IsSource() ? GateState::kOpen : GateState::kClosed;
    made.keys = keys_;
    server_.migrations.emplace(number, std::move(made));
    server_.ranges[number] = {.row = {.owner = spec_.source, .epoch = spec_.epoch}, .keys = keys_};
  }
  FakeMigration& row = server_.migrations[number];
  const model::Token before = row.enforced;
  const auto seen = Claim(token);
  if (!seen) return seen.error();
  if (server_.bugs().abort_leaves_no_token && phase == "Aborting") row.enforced = before;
  (*seen)->row.phase = std::string(phase);
  return Ok();
}

Status FakeShard::GateClose(const migration::GateChange& change, Deadline) {
  const auto seen = Claim(change.token);
  if (!seen) return seen.error();
  migration::MigrationRow& row = (*seen)->row;
  closed_once_ = change.attempt;
  if (row.state == GateState::kClosed && row.attempt == change.attempt) return Ok();
  if (row.state != GateState::kOpen || row.attempt >= change.attempt) {
    return WrongState(**seen, "close");
  }
  for (const FakeTransaction& transaction : server_.transactions) {
    if ((keys_ >> transaction.key & 1) != 0) {
      return Error::Retry("canceling statement due to lock timeout", {}, "55P03");
    }
  }
  server_.gates.erase(spec_.number.value);
  Range().row.owner = change.owner;
  Range().row.epoch = change.epoch;
  row.state = GateState::kClosed;
  row.attempt = change.attempt;
  const std::string& self = server_.id().value;
  server_.barriers.insert({spec_.number.value, self, true, change.attempt.value});
  server_.Append({.kind = FakeWalEntry::Kind::kBarrier,
                  .number = spec_.number.value,
                  .source = self,
                  .cutover = true,
                  .seq = change.attempt.value});
  return Ok();
}

Status FakeShard::GateDrained(model::Token token, model::Attempt attempt, Deadline) {
  const auto seen = Claim(token);
  if (!seen) return seen.error();
  migration::MigrationRow& row = (*seen)->row;
  if (row.state == GateState::kDrained && row.attempt == attempt) return Ok();
  const bool state_fits = row.state == GateState::kClosed || row.state == GateState::kRevoked;
  const bool arrived = server_.barriers.contains(
      {spec_.number.value, migration::PeerOf(spec_, side_).value, true, attempt.value});
  if (!state_fits || row.attempt >= attempt || !SameServer(**seen) ||
      (!arrived && !server_.bugs().drained_without_sentinel)) {
    return WrongState(**seen, "drain");
  }
  row.state = GateState::kDrained;
  row.attempt = attempt;
  row.drained_lsn = migration::Lsn{server_.wal.size()};
  return Ok();
}

Status FakeShard::GateOpen(const migration::GateChange& change, Deadline) {
  const auto seen = Claim(change.token);
  if (!seen) return seen.error();
  migration::MigrationRow& row = (*seen)->row;
  if (row.state == GateState::kOpen && row.attempt == change.attempt) return Ok();
  if (row.state != GateState::kDrained || row.attempt != change.attempt || !SameServer(**seen)) {
    return WrongState(**seen, "open");
  }
  if (!row.reverse_slot.empty() && !(*seen)->reverse_slot_pretended) {
    const auto slot = server_.slots.find(row.reverse_slot);
    if (slot == server_.slots.end() || !slot->second.reserved ||
        slot->second.confirmed > row.drained_lsn->value) {
      return WrongState(**seen, "open");
    }
  }
  server_.gates.insert(spec_.number.value);
  Range().row.owner = change.owner;
  Range().row.epoch = change.epoch;
  row.state = GateState::kOpen;
  return Ok();
}

Result<bool> FakeShard::GateTake(const migration::GateChange& change, std::chrono::milliseconds,
                                 Deadline deadline) {
  const bool arrived = server_.barriers.contains(
      {spec_.number.value, migration::PeerOf(spec_, side_).value, true, change.attempt.value});
  if (!arrived && !server_.bugs().drained_without_sentinel) return false;
  if (const Status drained = GateDrained(change.token, change.attempt, deadline); !drained)
    return drained.error();
  if (const Status opened = GateOpen(change, deadline); !opened) return opened.error();
  return true;
}

Result<GateState> FakeShard::GateRevoke(model::Token token, model::Attempt attempt, Deadline) {
  const auto seen = Claim(token);
  if (!seen) return seen.error();
  migration::MigrationRow& row = (*seen)->row;
  if (server_.bugs().reopen_without_revoke) {
    pretended_revocation_ = attempt;
    return GateState::kRevoked;
  }
  const bool open = row.state == GateState::kOpen && !server_.bugs().revoke_ignores_open;
  if (open || row.attempt > attempt) return row.state;
  row.state = GateState::kRevoked;
  row.attempt = attempt;
  return row.state;
}

Status FakeShard::GateReopen(const migration::GateChange& change, Deadline) {
  const auto seen = Claim(change.token);
  if (!seen) return seen.error();
  migration::MigrationRow& row = (*seen)->row;
  if ((row.state != GateState::kOpen && row.state != GateState::kClosed) ||
      row.attempt > change.attempt) {
    return WrongState(**seen, "reopen");
  }
  if (server_.bugs().reopen_leaves_no_mark && row.state == GateState::kOpen) {
    pretended_mark_ = change.attempt;
    return Ok();
  }
  if (row.state == GateState::kClosed) server_.gates.insert(spec_.number.value);
  Range().row.owner = change.owner;
  Range().row.epoch = change.epoch;
  row.state = GateState::kOpen;
  row.attempt = change.attempt;
  return Ok();
}

Status FakeShard::MakeGate(model::Token token, Deadline) {
  const auto seen = Claim(token);
  if (!seen) return seen.error();
  if ((*seen)->row.state != GateState::kOpen) return WrongState(**seen, "make the gate");
  server_.gates.insert(spec_.number.value);
  return Ok();
}

Status FakeShard::MakeGateTriggers(model::Token token, Deadline) {
  const auto seen = Claim(token);
  if (!seen) return seen.error();
  if (!server_.transactions.empty()) {  // CREATE TRIGGER waits for all writers of the table
    return Error::Retry("canceling statement due to lock timeout", {}, "55P03");
  }
  (*seen)->gate_triggers = true;
  return Ok();
}

Status FakeShard::MakeReverseSlot(model::Token token, Deadline) {
  const auto seen = Claim(token);
  if (!seen) return seen.error();
  (*seen)->row.reverse_slot = own_stream_;
  if (server_.bugs().reverse_slot_comes_late) {
    (*seen)->reverse_slot_pretended = true;
    return Ok();
  }
  if (server_.slots.contains(own_stream_)) return Ok();
  server_.slots[own_stream_] = {
      .number = spec_.number.value, .keys = keys_, .confirmed = server_.wal.size()};
  return Ok();
}

Status FakeShard::SlotAdvance(model::Token token, migration::Lsn lsn, Deadline) {
  const auto seen = Claim(token);
  if (!seen) return seen.error();
  const migration::MigrationRow& row = (*seen)->row;
  if ((*seen)->reverse_slot_pretended && row.state != GateState::kOpen) return Ok();
  if ((*seen)->reverse_slot_pretended && !server_.slots.contains(own_stream_)) {
    server_.slots[own_stream_] = {
        .number = spec_.number.value, .keys = keys_, .confirmed = server_.wal.size()};
    (*seen)->reverse_slot_pretended = false;
    return Ok();
  }
  const auto slot = server_.slots.find(own_stream_);
  if (slot == server_.slots.end()) return Error::Reobserve("there is no reverse slot", {}, "42704");
  if (server_.bugs().slot_never_moves) return Ok();
  std::uint64_t to = lsn.value;
  if (row.state == GateState::kDrained || row.state == GateState::kOpen) {
    to = std::min(to, row.drained_lsn ? row.drained_lsn->value : 0);
  }
  if (server_.bugs().slot_moves_to_now) to = server_.wal.size();
  slot->second.confirmed = std::max(slot->second.confirmed, to);
  return Ok();
}

Status FakeShard::SlotAdvanceToNow(model::Token token, Deadline deadline) {
  return SlotAdvance(token, {server_.wal.size()}, deadline);
}

Status FakeShard::RaiseSequences(model::Token token, const std::vector<migration::SequenceValue>&,
                                 Deadline) {
  const auto seen = Claim(token);
  return seen ? Ok() : Status(seen.error());
}

Status FakeShard::SetLeased(model::Token token, bool leased, Deadline) {
  const auto seen = Claim(token);
  if (!seen) return seen.error();
  Range().row.leased = leased && !server_.bugs().reads_are_not_proven;
  return Ok();
}

Status FakeShard::WriteProbe(model::Token token, std::int64_t seq, Deadline) {
  const auto seen = Claim(token);
  if (!seen) return seen.error();
  const std::string& self = server_.id().value;
  server_.barriers.insert({spec_.number.value, self, false, seq});
  server_.Append({.kind = FakeWalEntry::Kind::kBarrier,
                  .number = spec_.number.value,
                  .source = self,
                  .seq = seq});
  return Ok();
}

Result<migration::EndedConnections> FakeShard::EndConnectionsExcept(
    model::Token token, const std::vector<std::string>& routers, const std::string& before,
    bool force, Deadline) {
  const auto seen = Claim(token);
  if (!seen) return seen.error();
  if (server_.bugs().connections_are_kept) return migration::EndedConnections{};
  const auto other = [&](const std::string& router) {
    return std::find(routers.begin(), routers.end(), router) == routers.end();
  };
  const auto busy = [&](const std::string& router) {
    return server_.busy_routers.contains(router);
  };
  // Who was idle the first time is gone: those that are there now and not busy came later.
  migration::EndedConnections ended{.before = "now"};
  std::erase_if(server_.connected_routers, [&](const std::string& router) {
    if (!other(router) || (!before.empty() && !busy(router))) return false;
    ++ended.left;
    return force || !busy(router);
  });
  if (force) std::erase_if(server_.busy_routers, other);
  return ended;
}

Status FakeShard::TellOwner(model::Token token, const model::ShardId& owner, model::Epoch epoch,
                            Deadline) {
  const auto seen = Claim(token);
  if (!seen) return seen.error();
  if (server_.bugs().loser_keeps_old_epoch) return Ok();
  migration::RangeRow& row = Range().row;
  if (row.epoch >= epoch) return Ok();
  row.owner = owner;
  row.epoch = epoch;
  return Ok();
}

Status FakeShard::SettleRange(model::Token token, Deadline) {
  const auto seen = Claim(token);
  if (!seen) return seen.error();
  Range().row.leased = false;
  Range().settled = true;
  return Ok();
}

Status FakeShard::DisableForward(model::Token token, Deadline) {
  const auto seen = Claim(token);
  if (!seen) return seen.error();
  const auto found = server_.subscriptions.find(peer_stream_);
  if (found != server_.subscriptions.end()) found->second.enabled = false;
  return Ok();
}

// Slots never go back here, so the position says nothing that the slot does not.
Status FakeShard::MakeReverseSubscription(model::Token token, migration::Lsn, Deadline) {
  const auto seen = Claim(token);
  if (!seen) return seen.error();
  if (server_.subscriptions.contains(peer_stream_)) return Ok();
  server_.subscriptions[peer_stream_] = {.number = spec_.number.value,
                                         .publisher = migration::PeerOf(spec_, side_).value};
  return Ok();
}

Status FakeShard::DropForwardSubscription(model::Token token, Deadline) {
  const auto seen = Claim(token);
  if (!seen) return seen.error();
  server_.subscriptions.erase(peer_stream_);
  return Ok();
}

Status FakeShard::DropForwardSlot(model::Token token, Deadline) {
  const auto seen = Claim(token);
  if (!seen) return seen.error();
  server_.slots.erase(own_stream_);
  return Ok();
}

}  // namespace foreshard::fakes
