#pragma once

#include <chrono>
#include <map>
#include <mutex>

#include "base/random.h"
#include "kube/kube_api.h"

namespace foreshard::op {

// How long a key that failed has to wait: doubling from kBackoffFirst to kBackoffLongest, with a
// fifth of jitter so that many keys that failed together do not come back together. The one file
// with back-off.
//
// Threads: any.
class Backoff {
 public:
  explicit Backoff(Random random) : random_(random) {}

  std::chrono::milliseconds Next(const kube::ObjectRef& key);
  void Forget(const kube::ObjectRef& key);

 private:
  std::mutex mutex_;
  Random random_;
  std::map<kube::ObjectRef, int> failures_;
};

}  // namespace foreshard::op
