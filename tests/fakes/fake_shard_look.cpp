#include <algorithm>
#include <limits>

#include "migration/decide.h"
#include "tests/fakes/fake_shard.h"

// What can be seen of a fake shard; some planted bugs show what is not so.

namespace foreshard::fakes {

using migration::GateSeen;
using migration::GateState;
using migration::Side;

const std::string& FakeMigration::ProgressText() const {
  if (!progress_text || progress_text->first != progress) {
    progress_text.emplace(progress, ToJson(progress));
  }
  return progress_text->second;
}

Result<GateSeen> FakeShard::LookAtGate(model::Attempt attempt, Deadline) {
  seen_timeline_ = server_.timeline;
  GateSeen seen;
  seen.identity = {server_.id().value, server_.bugs().failovers_are_hidden ? 1 : server_.timeline};
  const auto found = server_.migrations.find(spec_.number.value);
  if (found != server_.migrations.end()) seen.row = found->second.row;
  if (seen.row && pretended_revocation_ == attempt && attempt.value > 0) {
    seen.row->state = GateState::kRevoked;
    seen.row->attempt = attempt;
  }
  if (seen.row && seen.row->state == GateState::kOpen) {
    seen.row->attempt = std::max(seen.row->attempt, pretended_mark_);
  }
  if (server_.bugs().lost_close_is_hidden && seen.row && closed_once_ == attempt &&
      seen.row->state == GateState::kOpen && seen.row->attempt < attempt) {
    seen.row->state = GateState::kClosed;
    seen.row->attempt = attempt;
  }
  const auto range = server_.ranges.find(spec_.number.value);
  if (range != server_.ranges.end() && !range->second.settled) seen.range = range->second.row;
  seen.gate = server_.gates.contains(spec_.number.value);
  const std::string& peer = migration::PeerOf(spec_, side_).value;
  seen.sentinel = server_.barriers.contains({spec_.number.value, peer, true, attempt.value}) ||
                  server_.bugs().drained_without_sentinel;
  const auto next = server_.barriers.lower_bound(
      {spec_.number.value, peer, false, std::numeric_limits<std::int64_t>::max()});
  if (next != server_.barriers.begin()) {
    const auto& [number, source, cutover, seq] = *std::prev(next);
    if (number == spec_.number.value && source == peer && !cutover) seen.probe = seq;
  }
  return seen;
}

Result<migration::ShardSeen> FakeShard::Look(model::Attempt attempt, Deadline deadline) {
  migration::ShardSeen seen;
  auto gate = LookAtGate(attempt, deadline);
  if (!gate) return gate.error();
  seen.gate = std::move(*gate);
  seen.synchronous = true;
  const auto found = server_.migrations.find(spec_.number.value);
  if (found != server_.migrations.end()) {
    seen.gate_triggers = found->second.gate_triggers;
    if (seen.gate.row) seen.gate.row->progress = found->second.ProgressText();
  }
  if (const auto slot = server_.slots.find(own_stream_); slot != server_.slots.end()) {
    seen.slot = {.active = true,
                 .reserved = slot->second.reserved,
                 .confirmed_flush = {slot->second.confirmed}};
    if (server_.bugs().slot_never_moves && seen.gate.row && seen.gate.row->drained_lsn) {
      seen.slot->confirmed_flush = *seen.gate.row->drained_lsn;
    }
  } else if (found != server_.migrations.end() && found->second.reverse_slot_pretended) {
    seen.slot = {.active = false, .reserved = true, .confirmed_flush = {0}};
  }
  const auto subscription = server_.subscriptions.find(peer_stream_);
  if (subscription != server_.subscriptions.end()) {
    seen.subscription = {.enabled = subscription->second.enabled,
                         .worker = subscription->second.worker,
                         .apply_errors = subscription->second.errors};
    if (server_.bugs().reverse_before_forward_is_off && !IsSource() && seen.gate.row &&
        seen.gate.row->phase == "Soaking") {
      seen.subscription->enabled = seen.subscription->worker = false;
    }
  }
  const bool held = std::any_of(
      server_.transactions.begin(), server_.transactions.end(),
      [&](const FakeTransaction& transaction) { return (keys_ >> transaction.key & 1) != 0; });
  if (held) seen.oldest_holder = {.age = std::chrono::milliseconds(50), .prepared = false};
  seen.leftovers = Leftovers();
  return seen;
}

std::vector<migration::SideObject> FakeShard::Leftovers() const {
  std::vector<migration::SideObject> left;
  const std::int32_t number = spec_.number.value;
  for (const auto& [name, slot] : server_.slots) {
    if (slot.number == number) left.push_back({"slot", name});
  }
  if (server_.publications.contains(number)) left.push_back({"publication", ""});
  for (const auto& [name, subscription] : server_.subscriptions) {
    if (subscription.number == number) left.push_back({"subscription", name});
  }
  const auto found = server_.migrations.find(number);
  if (found != server_.migrations.end() && found->second.gate_triggers) {
    left.push_back({"trigger", ""});
  }
  if (server_.gates.contains(number)) left.push_back({"gate", ""});
  if (server_.chunks.contains(number)) left.push_back({"chunk", ""});
  return left;
}

Result<std::vector<migration::SequenceValue>> FakeShard::ReadSequences(Deadline) {
  return std::vector<migration::SequenceValue>();
}

}  // namespace foreshard::fakes
