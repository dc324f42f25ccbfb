#pragma once

#include <cstddef>
#include <mutex>
#include <set>

#include "kube/kube_api.h"

namespace foreshard::op {

// How many sets may take on a new template at the same time, over all of them: a change of every
// set at once (another image, another release of the operator) must not take a pod of every set at
// once, and one that breaks must stop before it has broken the whole fleet. A set keeps its place
// until it is ready again, so sets that a change broke hold up the others.
//
// In memory: after a change of the leader sets in the middle of a change may have to wait, or as
// many again go on for a moment. Threads: any.
class RollLimit {
 public:
  explicit RollLimit(std::size_t most) : most_(most) {}

  // It has a place, or there is one.
  bool May(const kube::ObjectRef& set) const;
  void Enter(const kube::ObjectRef& set);
  void Leave(const kube::ObjectRef& set);

 private:
  const std::size_t most_;
  mutable std::mutex mutex_;
  std::set<kube::ObjectRef> rolling_;
};

}  // namespace foreshard::op
