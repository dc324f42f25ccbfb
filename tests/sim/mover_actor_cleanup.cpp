#include "tests/sim/mover_actor.h"

// The mover's last phases: what it takes away after a cutover or an abort.

namespace foreshard::sim {

using fakes::FakeServer;
using migration::GateState;

std::optional<MoverActor::Effect> MoverActor::DropStreams(std::string& name) {
  const std::int32_t number = spec_.number.value;
  for (FakeServer* server : {&source_, &destination_}) {
    for (const std::string& stream : {reverse_, forward_}) {
      if (!server->subscriptions.contains(stream)) continue;
      name = "drop_subscription";
      return [server, stream] { server->subscriptions.erase(stream); };
    }
  }
  for (FakeServer* server : {&source_, &destination_}) {
    for (const std::string& stream : {reverse_, forward_}) {
      if (!server->slots.contains(stream)) continue;
      name = "drop_slot";
      return [server, stream] { server->slots.erase(stream); };
    }
  }
  if (source_.publications.contains(number) || destination_.publications.contains(number)) {
    name = "drop_publication";
    return [this, number] {
      source_.publications.erase(number);
      destination_.publications.erase(number);
    };
  }
  return {};
}

std::optional<MoverActor::Effect> MoverActor::DeleteRows(FakeServer& loser, FakeServer& owner,
                                                         std::string& name) {
  for (const auto& [row_key, value] : loser.rows) {
    if ((keys_ >> row_key & 1) == 0) continue;
    name = "delete_batch";
    return [this, &loser, &owner, key = row_key] {
      if (Row(loser).row.state == GateState::kOpen) return;  // claim and state <> 'open'
      const std::int32_t number = spec_.number.value;
      for (const auto& [slot_name, slot] : loser.slots) {
        if ((slot.keys >> key & 1) != 0) on_violation("rows are deleted while a slot covers them");
      }
      if (loser.gates.contains(number)) on_violation("rows are deleted behind an open gate");
      if (owner.Refuses(key)) on_violation("rows are deleted before the other side serves");
      loser.rows.erase(key);
      loser.Append({.kind = fakes::FakeWalEntry::Kind::kDelete, .key = key});
    };
  }
  return {};
}

// Sessions that began before this may belong to a router that never learned who owns K; a new one
// reads foreshard.range.
std::optional<MoverActor::Effect> MoverActor::EndOlderSessions(FakeServer& loser, FakeServer& owner,
                                                               std::string& name) {
  if (sessions_ended_ == Row(loser).row.token) return {};
  name = "end_sessions";
  return [this, &loser, &owner] {
    sessions_ended_ = Row(loser).row.token;
    const migration::RangeRow& known = owner.ranges.at(spec_.number.value).row;
    fakes::FakeRange& told = loser.ranges.at(spec_.number.value);
    if (known.epoch > told.row.epoch) told.row = {.owner = known.owner, .epoch = known.epoch};
    if (loser.bugs().connections_are_kept) return;
    loser.connected_routers.clear();
  };
}

std::optional<MoverActor::Effect> MoverActor::DropGates(std::string& name) {
  const std::int32_t number = spec_.number.value;
  for (FakeServer* server : {&source_, &destination_}) {
    if (!Row(*server).gate_triggers) continue;
    name = "drop_triggers";
    return [this, server] { Row(*server).gate_triggers = false; };
  }
  for (FakeServer* server : {&source_, &destination_}) {
    if (!server->gates.contains(number) && !server->chunks.contains(number)) continue;
    name = "drop_rows";
    return [server, number] {
      server->gates.erase(number);
      server->chunks.erase(number);
      std::erase_if(server->barriers, [&](const auto& row) { return std::get<0>(row) == number; });
    };
  }
  return {};
}

std::optional<MoverActor::Effect> MoverActor::CleanUp(std::string& name) {
  const bool rolled_back = Row(source_).row.state == GateState::kOpen;
  FakeServer& loser = rolled_back ? destination_ : source_;
  FakeServer& owner = rolled_back ? source_ : destination_;
  if (clean_up_with_live_slot) {
    if (auto effect = DeleteRows(loser, owner, name)) return effect;
  }
  if (auto effect = DropStreams(name)) return effect;
  if (auto effect = EndOlderSessions(loser, owner, name)) return effect;
  if (auto effect = DeleteRows(loser, owner, name)) return effect;
  if (auto effect = DropGates(name)) return effect;
  name = "cleaned_up";
  return Done();
}

std::optional<MoverActor::Effect> MoverActor::Abort(std::string& name) {
  // S takes writes and D does not, before anything of D is thrown away.
  if (Row(source_).row.state != GateState::kOpen) return {};
  if (Row(destination_).row.state == GateState::kOpen) return {};
  if (auto effect = DropStreams(name)) return effect;
  if (Row(destination_).row.attempt.value > 0) {
    if (auto effect = EndOlderSessions(destination_, source_, name)) return effect;
  }
  // Before its slot was named it brought no row: what lies there is another migration's.
  if (!Row(destination_).progress.source_identity.empty()) {
    if (auto effect = DeleteRows(destination_, source_, name)) return effect;
  }
  if (auto effect = DropGates(name)) return effect;
  name = "aborted";
  return Done();
}

}  // namespace foreshard::sim
