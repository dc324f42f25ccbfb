#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "base/clock.h"
#include "kube/kube_api.h"
#include "kube/lease_record.h"

// Leader election by a Lease object: at most one holder at a time believes that it leads.
//
// A candidate reads the Lease and notes, by its own clock, when it last saw it change. Unchanged
// for the Lease's duration, the holder is taken for dead and the Lease is taken over by
// compare-and-swap. The holder stops believing a margin before that, counted from before it sent
// the last renewal that succeeded. So clocks need not agree, only run equally fast.
//
//   follower --- taken over or created (transitions + 1) ---> leader
//   leader ----- renewal overdue, somebody else in the Lease, StepDown(), Release() ---> follower
//
// What stays true:
//   L1  Each term has its own number of transitions. Our name in the Lease with a number that is
//       not ours belongs to somebody else: a twin, or an earlier life.
//   L2  A paused leader learns from Leads() that it is late before it acts. What it already sent is
//       refused by the fencing token, of which transitions() is a part.
//
// View:    this process. Owner: main(). Threads: Step() and Release() from one; Leads(),
// transitions(), StepDown() from any.

namespace foreshard::kube {

struct LeaderLeaseOptions {
  ObjectRef lease;
  std::string identity;  // unique for each process
  // Silence after which others take over; whole seconds.
  std::chrono::milliseconds duration{10'000};
  std::chrono::milliseconds margin{3'000};  // the holder stops this much earlier
  std::chrono::milliseconds renew_every{2'000};
  std::chrono::milliseconds try_every{1'000};  // of a follower: bounds how soon a release is seen
};

class LeaderLease {
 public:
  LeaderLease(KubeApi& api, const Clock& clock, LeaderLeaseOptions options);

  // One round: looks, then renews or takes over if it may. Returns how long to wait before the next
  // one. Failures are logged; they cost time, and leadership when they last.
  std::chrono::milliseconds Step();

  // Steps until `stop`, then releases. Waits can be ended by `stop` at once.
  void Run(std::stop_token stop);

  // Gives the Lease back, so that the next leader need not wait for the duration. Best effort.
  void Release();

  // Now, by the clock. Ask right before each effect.
  bool Leads() const;
  // How long it may go on believing without another renewal; 0: it does not lead.
  std::chrono::milliseconds Left() const;
  // Of the current or last term; 0 before the first.
  std::int64_t transitions() const;

  // Stop leading now: someone newer acts in our place (kFenced). The Lease is given back at the
  // next Step.
  void StepDown(const std::string& reason);

 private:
  std::chrono::milliseconds TryOnce(Deadline deadline);
  std::chrono::milliseconds TakeOver(const std::optional<Object>& seen, const LeaseRecord& old,
                                     Deadline deadline);
  std::chrono::milliseconds Renew(const Object& seen, const LeaseRecord& record, Deadline deadline);
  void Won(MonotonicTime since, std::int64_t transitions);
  void Lost(const std::string& reason);
  bool MayBeDead(const Object& seen, const LeaseRecord& record);

  KubeApi& api_;
  const Clock& clock_;
  const LeaderLeaseOptions options_;

  // Only Step's thread.
  std::optional<std::int64_t> tried_transitions_;  // of a take-over whose answer was lost
  MonotonicTime tried_at_{};
  std::string seen_version_;
  MonotonicTime seen_at_{};

  mutable std::mutex mutex_;
  bool leads_ = false;
  MonotonicTime believes_until_{};
  std::int64_t transitions_ = 0;
  bool give_back_ = false;
};

}  // namespace foreshard::kube
