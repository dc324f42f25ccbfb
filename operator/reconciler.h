#pragma once

#include <chrono>

#include "base/deadline.h"
#include "base/result.h"
#include "kube/kube_api.h"

// What a controller is to the work queue. Level based: the item is only a name; every pass reads
// everything again.

namespace foreshard::op {

// done, or look again in T. The third outcome, failed, is the Error of the Result.
struct Outcome {
  std::chrono::milliseconds look_again_after{0};  // 0: done until something changes

  static Outcome Done() { return {}; }
  static Outcome LookAgain(std::chrono::milliseconds after) { return {.look_again_after = after}; }
};

class Reconciler {
 public:
  virtual ~Reconciler() = default;
  // Observe, decide, act: at most one effect. Threads: one worker per ref at a time.
  virtual Result<Outcome> Reconcile(const kube::ObjectRef& ref, Deadline deadline) = 0;
};

}  // namespace foreshard::op
