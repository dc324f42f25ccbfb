#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "migration/decide.h"
#include "migration/shard.h"
#include "model/routing_table.h"
#include "operator/controllers/moved_keys.h"
#include "operator/routers/router_control.h"

// One attempt to switch the owner of K, without the Kubernetes API.
//
// Think of a lock keeper with two gates. He looks at both, moves one, and looks again whenever
// a handle did not answer. Between HOLD and RELEASE he answers no telephone: all he needs are
// the two shards and the routers.
//
//   lease the reads -> three probes -> HOLD -> close S -> D takes K (sentinel, drained, open) ->
//   RELEASE
//        \____________________________________ or: revoke D -> reopen S -> RELEASE
//
// Each turn is a look or one effect, decided by migration::DecideCutover, so it may be stopped
// between any two turns: by the end of the process, by another leader, by the simulator. The next
// one reads the two rows and goes on.
//
// Owner:   the controller, for one attempt (one record of the status). Threads: one.

namespace foreshard::op {

struct CutoverContext {
  const migration::MigrationSpec& spec;
  migration::Phase phase = migration::Phase::kCutover;  // or kRollingBack
  model::Attempt attempt;
  model::Token token;
  model::RoutingTable table;  // read before the rows are
  bool abort_asked = false;
  std::string
      source_identity;  // of the copy, "system/timeline"; another one now: in doubt. "": unknown
  std::string destination_identity;
};

struct CutoverReport {
  std::chrono::milliseconds hold{0};  // from the first HOLD to RELEASE; 0: never held
  std::int64_t parked = 0;            // statements let go by RELEASE
  int routers_held = 0;               // acknowledged the last HOLD as drained
  int routers_released = 0;
  std::int64_t fenced = 0;  // calls a shard refused
  // Where the time from the first HOLD to the last answer to RELEASE went: by the step's name, or
  // "look" at the shards, "pause" between two looks.
  std::map<std::string, std::chrono::microseconds> steps;
};

class CutoverLoop {
 public:
  // REQUIRES: all references outlive the loop.
  CutoverLoop(CutoverContext context, migration::Shard& source, migration::Shard& destination,
              RouterControl& routers, const Clock& clock);

  enum class Turn {
    kAgain,  // at once
    kPause,  // after migration::kPollPause
    kDone,   // `decision()` says what the API must be told: kPublish or kMoveTo
  };

  // A look or an effect. Errors: kFenced: someone newer acts; others: look at everything again.
  Result<Turn> Step(Deadline deadline);

  // Steps until kDone. `pause` waits a little; false: give up, the process is to end.
  Result<migration::CutoverDecision> Run(
      const std::function<bool(std::chrono::milliseconds)>& pause, Deadline deadline);

  // Publishing changed the table; the newest one, read again, is what the next look compares with.
  void SetTable(model::RoutingTable table) { context_.table = std::move(table); }
  // Never taken back: this attempt may have left its leases out for it, and a look at the API may
  // be older than the one before.
  void AskAbort() { context_.abort_asked = true; }

  // The last decision. After kDone: kPublish or kMoveTo.
  const migration::CutoverDecision& decision() const { return decision_; }
  const CutoverReport& report() const { return report_; }
  const CutoverContext& context() const { return context_; }

  // The table after this attempt, for RELEASE and for publishing: the newest one with K owned by
  // who the decision says.
  Result<model::RoutingTable> TableAfter(const migration::CutoverDecision& decision) const;

 private:
  enum class Stage {
    kEntry,
    kMarkLeased,
    kLease,
    kEndConnections,
    kReconnect,
    kRehearse,
    kProbe,
    kSwitch
  };
  static const char* ToString(Stage stage);
  struct Gates {
    migration::GateSeen lose;
    migration::GateSeen gain;
  };

  migration::Shard& gain();
  migration::Shard& lose();
  const model::ShardId& gain_id() const;
  const model::ShardId& lose_id() const;

  Result<Turn> TakeTurn(Deadline deadline);
  void Spent(const std::string& step, MonotonicTime from, MonotonicTime to);

  Result<Turn> Enter(Deadline deadline);
  Result<Turn> LeaseReads(Deadline deadline);
  Result<Turn> EndConnections(Deadline deadline);
  Result<Turn> Reconnect(Deadline deadline);
  Result<Turn> Rehearse(Deadline deadline);
  Result<Turn> Probe(Deadline deadline);
  Result<Turn> Look(Deadline deadline);
  Result<Gates> LookAtBoth(Deadline deadline);
  Result<Turn> Act(Deadline deadline);
  Result<Turn> Take(const migration::GateChange& change, Deadline deadline);
  Result<Turn> Open(const migration::GateChange& change, Deadline deadline);
  Result<Turn> Close(const migration::GateChange& change, Deadline deadline);
  Result<Turn> HoldRouters(Deadline deadline);
  Result<Turn> ReleaseRouters(Deadline deadline);
  Result<Turn> AfterEffect(const Status& status);
  void Answered(migration::GateState state, migration::GateSeen& side,
                const migration::GateChange& change);
  migration::CutoverView View(const migration::GateSeen& gain, const migration::GateSeen& lose);
  // What took too long; null: nothing did.
  const char* SpentOn(const migration::CutoverView& view);
  bool InDoubt(const migration::GateSeen& gain, const migration::GateSeen& lose) const;

  CutoverContext context_;
  migration::Shard& source_;
  migration::Shard& destination_;
  RouterControl& routers_;
  const Clock& clock_;

  Stage stage_ = Stage::kEntry;
  std::vector<std::string> awake_;  // routers that answered just before the hold
  std::vector<std::string> silent_;
  std::optional<MonotonicTime> ending_since_;  // connections of routers that are not awake
  std::string connected_before_;               // the shard's clock, then
  bool ended_some_ = false;                    // there was at least one
  MonotonicTime all_ended_at_{};               // then they connect again
  MonotonicTime last_look_at_{};
  MonotonicTime last_came_at_{};
  std::int64_t came_ = 0;
  int probes_done_ = 0;
  std::optional<MonotonicTime> probe_sent_;
  std::int64_t probe_seq_ = 0;
  bool lag_too_high_ = false;
  const char* spent_on_ = nullptr;

  Gates seen_;            // what `decision_` stands on
  bool known_ = false;    // `seen_` holds still: the effect since answered, and its row is in it
  bool decided_ = false;  // `decision_` waits to be acted on
  migration::CutoverDecision decision_;
  std::optional<MonotonicTime> started_;     // the first look of the switch
  std::optional<MonotonicTime> held_at_;     // the first HOLD
  std::optional<MonotonicTime> renewed_at_;  // the last HOLD
  MonotonicTime turn_ended_{};
  std::optional<MonotonicTime> close_tried_;
  std::optional<MonotonicTime> closed_seen_;
  bool close_confirmed_ = false;
  bool open_confirmed_ = false;
  bool released_ = false;
  CutoverReport report_;
};

}  // namespace foreshard::op
