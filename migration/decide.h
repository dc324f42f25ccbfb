#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "migration/limits.h"
#include "migration/phase.h"
#include "migration/progress.h"
#include "migration/shard.h"

// What to do next, decided from what was seen and from nothing else: no clock, no I/O, one effect a
// turn.
//
// Two rows, one on each shard, hold the whole truth about an attempt. Of attempt n the gaining
// shard's row says open(n) or revoked(n), never both; the losing shard is reopened only after
// revoked(n) was read. So whoever decides, however late, two leaders included, reads the same rows
// and comes to the same end. In a rollback the shards swap roles: the source gains. Proof and
// tables: docs/migration-protocol.md.

namespace foreshard::migration {

// --- cutover and rollback (design section 7.2) -------------------------------------------------

// One shard's part in an attempt.
struct SideView {
  GateState state = GateState::kClosed;
  model::Attempt attempt{};
  model::Epoch epoch{};   // of its range row
  bool sentinel = false;  // the peer's sentinel of this attempt has arrived; for the budget
};

struct CutoverView {
  Phase phase = Phase::kCutover;  // or kRollingBack
  model::Attempt attempt;         // n
  SideView gain;
  SideView lose;
  model::Epoch table_epoch;
  bool table_says_gain = false;  // the routing table names the gaining shard as owner of all of K
  bool abort_asked = false;      // by a person, a failure or a deadline; never stops a rollback
  bool in_doubt = false;         // a shard failed over since the copy: never go on over a gap
  bool budget_spent = false;
  // This process got the reply of the losing shard's close. A close whose reply did not come may
  // stand on the primary alone, and a failover would take it back after the gaining side opened.
  bool close_confirmed = false;
  bool open_confirmed = false;  // the same of the gaining shard's open, before anybody hears of it
  bool held = false;        // this process has sent HOLD in this attempt
  bool released = false;    // this process has sent RELEASE with the table that is right now
  bool lease_runs = false;  // a router may still read K on the losing shard without asking it
};

enum class CutoverStep {
  kHold,
  kClose,   // the losing shard
  kTake,    // the gaining shard: once the sentinel is there, drained and open: no return from there
  kOpen,    // the gaining shard, where it was drained alone: the same point
  kRevoke,  // the gaining shard
  kReopen,  // the losing shard
  kRelease,
  kPublish,
  kMoveTo,
  kWait,
};

const char* ToString(CutoverStep step);

struct CutoverDecision {
  CutoverStep step = CutoverStep::kWait;
  // kClose, kTake, kOpen, kReopen: of the change; kPublish, kRelease: at least this
  model::Epoch epoch{};
  bool owner_gains = true;     // of the same steps: who owns K then
  Phase next = Phase::kReady;  // kMoveTo
  std::string reason{};        // kRevoke, kMoveTo, kWait
  bool operator==(const CutoverDecision&) const = default;
};

CutoverDecision DecideCutover(const CutoverView& seen);

// --- the mover's watch ------------------------------------------------------------------------

// If the operator dies between close and open, the mover ends the attempt when its budget is over.
struct WatchdogView {
  Phase phase = Phase::kCutover;  // both rows agree on it
  SideView gain;
  SideView lose;
  bool budget_spent = false;  // since this mover first saw lose closed(n)
};

enum class WatchdogStep { kNothing, kRevoke, kReopen };

struct WatchdogDecision {
  WatchdogStep step = WatchdogStep::kNothing;
  model::Attempt attempt{};
  model::Epoch epoch{};  // kReopen
  bool operator==(const WatchdogDecision&) const = default;
};

WatchdogDecision DecideWatchdog(const WatchdogView& seen);

// --- may an attempt begin? (6.4) --------------------------------------------------------------

struct ReadyView {
  const Progress& progress;
  std::chrono::milliseconds progress_age{0};
  bool stream_healthy =
      false;  // subscription enabled, worker connected, slot reserved, no apply error
  bool shards_healthy = false;
  std::optional<GateHolder> oldest_holder;          // on the losing shard
  std::chrono::milliseconds lease_left{0};          // of the leader
  std::chrono::milliseconds since_last_attempt{0};  // since Ready began where there was none
  model::Attempt attempt;                           // the last one; 0: none yet
  bool frozen = false;                              // inside a freeze window
};

struct Blocker {
  std::string reason;  // CamelCase
  std::string message;
  bool operator==(const Blocker&) const = default;
};

// Nothing: begin.
std::optional<Blocker> WhyNotReady(const ReadyView& seen);

// Distance between attempts: 5 s doubling to 5 min.
std::chrono::milliseconds PauseAfterAttempt(model::Attempt attempt);

// --- soak (section 9) -------------------------------------------------------------------------

struct SoakView {
  SideView source;
  SideView destination;
  model::Attempt attempt{};
  model::Epoch table_epoch;
  bool table_says_destination = true;
  std::optional<SubscriptionSeen> forward;  // on the destination
  bool forward_slot = false;                // on the source
  std::optional<SlotSeen> reverse_slot;     // on the destination
  std::optional<SubscriptionSeen> reverse;  // on the source
  std::optional<Lsn> drained_lsn;
  const Progress& progress;
  std::chrono::milliseconds progress_age{0};
  bool digested = false;          // digest equal in this soak
  bool identity_changed = false;  // a shard failed over since the reverse stream began
  bool over = false;              // soak time is over, or the object is being deleted
  bool deleting = false;
  bool rollback_asked = false;
  bool already_rolled_back = false;  // there is no way back from a way back
};

enum class SoakStep {
  kCloseSource,  // it lost its close
  kRevoke,       // the destination lost its open: nothing of it survived
  kReopenSource,
  kPublish,
  kDisableForward,
  kAdvanceSlot,  // to drained_lsn
  kMakeReverse,
  kDropForward,
  kDropForwardSlot,
  kRollBack,
  kCleanUp,
  kWait,
};

const char* ToString(SoakStep step);

struct SoakDecision {
  SoakStep step = SoakStep::kWait;
  model::Epoch epoch{};
  bool owner_is_source = false;  // kPublish
  bool rollback_possible = false;
  std::string reason{};  // of kWait and of "rollback not possible"
};

SoakDecision DecideSoak(const SoakView& seen);

// --- helpers shared by controller, mover and simulator ----------------------------------------

// The view of one side; the row must be there.
SideView ViewOf(const GateSeen& seen);

inline std::int64_t RecordOf(model::Token token) { return token.value >> 20; }

}  // namespace foreshard::migration
