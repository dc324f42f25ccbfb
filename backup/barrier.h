#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <vector>

#include "backup/barrier_decide.h"
#include "backup/barrier_world.h"
#include "backup/limits.h"
#include "base/clock.h"

namespace foreshard::backup {

struct BarrierOptions {
  SetState before;                  // read just now
  std::vector<PointShard*> shards;  // as before.shards
  PointRouters& routers;
  SetSource& set;
  PointBook& book;
  std::size_t calls_at_once = kCallsAtOnce;  // 1: no threads
};

struct BarrierReport {
  std::optional<Point> point;  // kept
  Loss loss = Loss::kNone;
  std::string message;                       // of the error behind the loss
  std::chrono::microseconds hold{0};         // from HOLD to the last answer to RELEASE
  std::chrono::microseconds archive_lag{0};  // from the point until all of it was archived
};

// One barrier: one point over all shards, or none.
//
// Owner:   whoever wants the point; one object a point.
// Threads: one; it asks up to `calls_at_once` shards side by side and waits for all.
class Barrier {
 public:
  // REQUIRES: all references outlive it; shards are those of `before`, in its order.
  Barrier(BarrierOptions options, const Clock& clock);
  // Ends locks and hold if it is stopped in between. Where even that is lost they end by
  // themselves.
  ~Barrier();
  Barrier(const Barrier&) = delete;
  Barrier& operator=(const Barrier&) = delete;

  enum class Turn { kAgain, kPause, kDone };  // kPause: after kArchiveLook

  // One step. Never fails: what goes wrong is in report().loss at the end.
  Turn Step();

  // Steps until kDone. `pause` waits so long; false: give up, the process is to end.
  // Errors: kRetry with the loss as its reason; kReobserve when told to end.
  Result<Point> Run(const std::function<bool(std::chrono::milliseconds)>& pause);

  const BarrierReport& report() const { return report_; }

 private:
  Turn Act(BarrierStep step);
  void Begin();
  void Hold();
  void Lock();
  void MakePoints();
  void Unlock();
  void Release();
  void ReadState();
  Turn SwitchWal();
  Turn AwaitArchive();
  Turn Keep();

  void Fail(Loss loss, const Error& error);
  Deadline In(std::chrono::milliseconds limit) const;
  // Calls it with each number of a shard and answers the first error, if any; all are called.
  Status Each(const std::function<Status(std::size_t)>& call) const;

  BarrierOptions options_;
  const Clock& clock_;
  BarrierView view_;
  WallTime made_at_{};
  std::vector<ShardPoint> points_;
  std::vector<bool> archived_;
  BarrierReport report_;
};

}  // namespace foreshard::backup
