#include "tests/sim/coverage.h"

#include <fmt/format.h>

#include <sstream>

#include "migration/phase.h"

namespace foreshard::sim {
namespace {

using migration::Phase;

// A person may ask for anything in any phase that lasts.
void AddPhases(std::vector<std::string>& points) {
  for (const Phase phase : migration::kPhases) {
    const std::string name = ToString(phase);
    if (phase != Phase::kPlanned) points.push_back("phase." + name);
    if (migration::IsTerminal(phase)) {
      points.push_back("end." + name);
      continue;
    }
    for (const char* what : {"operator_crash", "second_leader", "failover", "deaf_router",
                             "router_restart", "abort", "pause", "delete", "rollback"}) {
      points.push_back(fmt::format("{}.{}", what, name));
    }
    if (phase != Phase::kPlanned) points.push_back("mover_kill." + name);
    for (const Phase next : migration::kPhases) {
      if (migration::MayFollow(phase, next)) {
        points.push_back(fmt::format("move.{}.{}", name, ToString(next)));
      }
    }
  }
}

// Each prefix with each word of a list that is parted by blanks.
void AddWords(std::vector<std::string>& points, const std::vector<std::string>& prefixes,
              const std::string& words) {
  std::istringstream list(words);
  for (std::string word; list >> word;) {
    for (const std::string& prefix : prefixes) points.push_back(prefix + word);
  }
}

}  // namespace

std::int64_t Coverage::Take(const std::string& point) {
  const auto found = counts_.extract(point);
  return found.empty() ? 0 : found.mapped();
}

std::string Coverage::ToText() const {
  std::string text;
  for (const auto& [point, count] : counts_) text += fmt::format("{} {}\n", count, point);
  return text;
}

void Coverage::AddText(const std::string& text) {
  std::istringstream lines(text);
  std::int64_t count = 0;
  for (std::string point; lines >> count >> point;) counts_[point] += count;
}

std::vector<std::string> ExpectedCoverPoints() {
  std::vector<std::string> points;
  AddPhases(points);
  // Each effect of the controller, failed before it and after it.
  AddWords(points, {"before.", "after."},
           "Enter GateClose GateTake GateTakeHalf GateOpen GateRevoke GateReopen MakeGate "
           "MakeGateTriggers "
           "MakeReverseSlot SlotAdvance SlotAdvanceToNow RaiseSequences SetLeased SettleRange "
           "WriteProbe "
           "EndConnectionsExcept DisableForward MakeReverseSubscription "
           "DropForwardSubscription "
           "DropForwardSlot WriteStatus PublishTable CreateJob DeleteJob SetFinalizer");
  AddWords(points, {"step."},
           "add_finalizer remove_finalizer write_status create_job delete_job publish_table "
           "enter_source enter_destination make_gate make_gate_triggers make_reverse_slot "
           "raise_sequences advance_slot_to_now advance_slot_to_drained disable_forward "
           "make_reverse_subscription drop_forward_subscription drop_forward_slot tell_loser "
           "end_stale_connections settle_source settle_destination cutover_turn");
  // The table of section 7.3: what the two rows may say when somebody looks during an attempt.
  AddWords(points, {"rows."},
           "open.closed open.revoked closed.closed closed.drained closed.open closed.revoked");
  AddWords(
      points, {""},
      "fault.stale_read fault.lost_reply fault.operator_pause fault.worker_restart "
      "fault.clock_jump fault.cable_cut fault.preflight_refused error.Fenced error.Reobserve "
      "error.Retry "
      "wait.OtherCutover wait.LagTooHigh wait.Paused wait.SourceBusy wait.KeysAreMoving "
      "stop.ShardFailedOver stop.DeadlineExceeded stop.TooManyAttempts stop.Rehearsed "
      "stop.RangeNotOwned stop.KeysAreMoving stop.NotOnePiece fault.lost_tail auto_rollback "
      "type.Move.Completed type.Move.RolledBack type.MoveKeys.Completed type.MoveKeys.RolledBack "
      "type.Merge.Completed type.Merge.RolledBack type.Split.Completed type.Split.RolledBack "
      "type.Isolate.Completed type.Isolate.RolledBack fleet.made fleet.removed");
  return points;
}

}  // namespace foreshard::sim
