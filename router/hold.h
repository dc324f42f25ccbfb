#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/ids.h"
#include "model/key_space.h"
#include "router/key.h"
#include "router/latency.h"

// Hold: how a router lets the statements of one range wait while their owner changes.
//
// Think of a level crossing. The barrier comes down on one road only, cars queue, the train
// passes, they leave in the order they came. If the signal box falls silent, the barrier goes up
// by itself. That is safe because the train has a red signal of its own: the gate inside
// PostgreSQL. The barrier keeps the wait short; the signal prevents the crash.
//
//   HOLD(range, deadline) ---> park new work ---> nothing in flight in the range ---> ack
//     RELEASE(epoch)      ---> swap the table, forget cached routes ---> unpark in order
//     deadline passes     ---> keep the table -------------------------> unpark in order
//
// What stays true:
//   H1  A statement outside the range never waits.
//   H2  A parked statement has had no effect, so it may go to either shard.
//   H3  Every hold ends: by release, by deadline, or with the process.
//   H4  Losing any message of this protocol costs time, never a row.
//
// Sessions are named by a small number of their event loop, the slot. A session does one thing at a
// time, so a slot is parked at most once. Work is in flight from Admit() until Finish(): a
// statement alone, or a transaction until it ends.
//
// Threads: one owner (each event loop has its own; HOLD and RELEASE are posted to every loop and
// their answers added up).

namespace foreshard::router {

using Slot = std::uint32_t;

struct HoldRequest {
  std::string migration;
  model::MigrationNumber number;
  std::vector<model::KeyRange> ranges;  // canonical
  std::vector<std::string> keys;        // canonical
  std::chrono::milliseconds expires_in{500};
  std::int64_t parked_statements_max = 10'000;
  std::int64_t parked_bytes_max = 8 << 20;
};

struct HoldState {
  bool drained = false;  // nothing in flight in the range
  std::int64_t parked = 0;
  std::int64_t in_flight = 0;  // sessions
};

// What a piece of work touches.
struct Footprint {
  bool scatter = false;  // every key
  std::vector<Key> keys;
  // Of each key, 1 or 0: a pin overrides its range, so a hold of ranges does not mean it. Not
  // vector<bool>: every statement writes here.
  std::vector<std::uint8_t> pinned;
};

enum class Admission {
  kGo,      // in flight now; call Finish() when it ends
  kParked,  // Next() or Expire() will name the slot
  kFull,    // a bound of the hold was reached: answer 57P03
};

struct HoldLimits {
  std::chrono::milliseconds park_max{20'000};
  // A parked statement of an open transaction may hold locks elsewhere: after this long it goes on
  // with the old table, and the gate decides.
  std::chrono::milliseconds transaction_park_max{200};
  std::size_t released_at_once = 64;  // how many unparked pieces of work run at the same time
};

class Hold {
 public:
  Hold(model::KeySpace space, HoldLimits limits) : space_(space), limits_(limits) {}

  // Parks new work on the range from now on. The same number again: renews the deadline and takes
  // the new scope.
  HoldState Begin(const HoldRequest& request, MonotonicTime now);
  // Errors: kGiveUp if no such hold is there.
  Result<HoldState> State(model::MigrationNumber number) const;

  // The barrier goes up: what waited only for it may go, in order. Answers how many. Unknown
  // numbers: 0.
  std::int64_t Release(model::MigrationNumber number);

  // May this work start? `transaction_open`: the slot's transaction has begun and what it touched
  // before counts: if it touched the held range already, it goes on. REQUIRES: the slot is not
  // parked.
  Admission Admit(Slot slot, const Footprint& footprint, std::size_t bytes, bool transaction_open,
                  MonotonicTime now);

  // Waits for a table of at least this epoch (a shard said FS001), bounded as a hold of its own is.
  Admission ParkForEpoch(Slot slot, model::Epoch epoch, std::size_t bytes, MonotonicTime now);
  void TableChanged(model::Epoch epoch);

  // The work of this slot ended (statement without transaction, or the transaction), or the client
  // went away.
  void Finish(Slot slot);

  // What the slot's work in flight has touched so far; null: none is in flight.
  const Footprint* Touched(Slot slot) const;

  // The first answer of this slot came: it no longer counts against released_at_once.
  void Answered(Slot slot);

  // The next slot that may go; the caller routes it again (the table may be new) and calls Admit().
  // Bounded: empty while `released_at_once` of them are in flight.
  std::optional<Slot> Next(MonotonicTime now);

  // Ends holds whose deadline passed (their work becomes ready for Next()) and names work that
  // waited too long.
  std::vector<Slot> Expire(MonotonicTime now);
  std::optional<MonotonicTime> NextDeadline() const;

  bool idle() const { return holds_.empty() && parked_.empty(); }
  std::int64_t parked() const { return static_cast<std::int64_t>(parked_.size()); }
  std::int64_t parked_bytes() const { return parked_bytes_; }
  std::uint64_t expired_total() const { return expired_total_; }
  const Latencies& parked_for() const { return parked_for_; }  // of all that may go again
  std::vector<HoldRequest> held() const;

 private:
  struct Active {
    HoldRequest request;
    std::vector<std::pair<Key, std::optional<Key>>> ranges;  // from, to
    std::vector<Key> keys;
    MonotonicTime deadline;
  };
  struct Parked {
    Slot slot = 0;
    Footprint footprint;
    std::size_t bytes = 0;
    MonotonicTime since;
    MonotonicTime give_up;
    std::optional<model::Epoch> epoch;  // waits for a table instead of a hold
    bool ready = false;
    bool in_transaction = false;
  };
  struct Work {
    Footprint touched;
    bool in_flight = false;
    bool released = false;  // counts against released_at_once
    bool passes = false;    // waited for transaction_park_max
  };

  bool Covers(const Active& hold, const Footprint& footprint) const;
  bool Waits(const Footprint& footprint) const;
  HoldState StateOf(const Active& hold) const;
  void Launch(Slot slot, const Footprint& footprint, bool transaction_open);
  void MarkReady();
  Work& work(Slot slot);

  model::KeySpace space_;
  HoldLimits limits_;
  std::vector<Active> holds_;
  std::deque<Parked> parked_;  // in order of arrival
  std::int64_t parked_bytes_ = 0;
  std::vector<Work> work_;  // by slot
  std::size_t released_in_flight_ = 0;
  model::Epoch epoch_;
  std::uint64_t expired_total_ = 0;
  Latencies parked_for_;
};

}  // namespace foreshard::router
