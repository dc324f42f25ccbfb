#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "backup/barrier_world.h"
#include "base/random.h"
#include "tests/fakes/fake_clock.h"

// Clients, routers and shards around a barrier, from one seed. Every call of the barrier lets the
// others go on before and after its effect, so anything may happen between any two of its steps.
//
// Shards are logs. A transaction over several prepares on all but the first, whose commit is the
// decision; the others are told later, or never. Clients of "known" routers can be held; a
// statement of an open transaction passes a hold after 200 ms, as real routers let it.
//
// Does not imitate: rows and values, failovers that lose the tail of a log, several barriers at
// once.

namespace foreshard::backup {

enum class Canary {
  kNone,
  kNoLock,          // LOCK TABLE answers, and locks nothing
  kNoHold,          // HOLD answers "drained", and holds nothing
  kStandingClock,   // the barrier does not notice that the hold ran out
  kLostLockIgnored  // a point is made by a session that has no lock any more
};

struct WorldOptions {
  std::uint64_t seed = 1;
  bool faults = true;
  Canary canary = Canary::kNone;
};

class PointWorld {
 public:
  explicit PointWorld(const WorldOptions& options);
  ~PointWorld();

  const Clock& barrier_clock() const;
  SetState Set() const;
  std::vector<PointShard*> Shards();
  PointRouters& routers();
  SetSource& set();
  PointBook& book();

  void Tick();         // somebody does one thing, time passes
  void ProcessDies();  // nothing that the barrier asks has an effect from now on
  void BarrierBegins();
  bool CallsAreLost() const { return dead_; }

  // "" or what is wrong with restoring to this point.
  std::string CheckPoint(const Point& point) const;
  // "" or who is still kept waiting, long after the barrier.
  std::string CheckService();

  const std::vector<Point>& kept() const { return kept_; }

 private:
  friend class WorldShard;
  friend class WorldRouters;
  friend class WorldSet;
  friend class WorldBook;

  enum class Kind { kCommit, kPrepare, kCommitPrepared, kPoint };
  struct Event {
    Kind kind;
    std::int64_t transaction;  // or the point's number
  };
  struct Log {
    std::vector<Event> events;
    bool connected = false;
    bool locked = false;
    MonotonicTime locked_at;
    std::int64_t deciding = 0;  // decisions being written: they keep the lock away
  };
  enum class Stage { kAsked, kOpen, kPreparing, kDecide, kDeciding, kTelling, kEnded };
  struct Transaction {
    std::size_t client = 0;
    std::vector<std::size_t> shards;  // the first decides
    bool opened_before = false;       // its BEGIN was answered already: passes a hold after a while
    Stage stage = Stage::kAsked;
    std::size_t next = 1;  // of `shards`, to prepare or to tell
    std::int64_t asked = 0;
    std::optional<std::int64_t> answered;
    MonotonicTime asked_at;
    std::optional<std::int64_t> begun;
  };
  struct Client {
    bool known = true;  // through a router that the operator knows
    std::optional<std::int64_t> transaction;
  };

  void Pass(std::int64_t microseconds_max);
  void Others(std::uint64_t ticks_max);  // while a call is on its way
  bool Fails();                          // this call, here
  void Move(Client& client, std::size_t number);
  void Advance(Transaction& transaction, std::int64_t id);
  bool Held() const;
  bool MayBegin(const Transaction& transaction) const;
  std::int64_t InFlight() const;
  std::set<std::int64_t> Present(const Point& point, std::string& problem) const;

  WorldOptions options_;
  Random random_;
  fakes::FakeClock clock_;
  fakes::FakeClock standing_clock_;
  std::vector<Log> logs_;
  std::vector<Client> clients_;
  std::map<std::int64_t, Transaction> transactions_;
  std::int64_t next_transaction_ = 1;
  std::int64_t order_ = 0;  // of all that clients ask and are told
  std::int64_t barrier_began_ = 0;
  std::int64_t released_ = 0;  // 0: not yet
  std::optional<MonotonicTime> held_since_;
  MonotonicTime held_until_;
  std::int64_t number_ = 0;
  std::vector<Point> kept_;
  std::int64_t epoch_ = 12;
  bool cutover_ = false;
  bool dead_ = false;
  double fault_chance_ = 0;
  double slow_chance_ = 0;

  std::vector<std::unique_ptr<PointShard>> shards_;
  std::unique_ptr<PointRouters> routers_;
  std::unique_ptr<SetSource> set_;
  std::unique_ptr<PointBook> book_;
};

}  // namespace foreshard::backup
