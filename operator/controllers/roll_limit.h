#pragma once

#include <cstddef>
#include <mutex>
#include <set>
#include <vector>

#include "kube/kube_api.h"

namespace foreshard::op {

// How many sets may take on a new template at the same time, over all of them: a change of every
// set at once (another image, another release of the operator) must not take a pod of every set at
// once, and one that breaks must stop before it has broken the whole fleet. A set keeps its place
// until it is ready again, so sets that a change broke hold up the others.
//
// Who already has a place is remembered; whoever asks for a new one says which sets are seen in the
// middle of a change (SetsInAChange), so that those that another leader began count as well.
// Threads: any.
class RollLimit {
 public:
  explicit RollLimit(std::size_t most) : most_(most) {}

  // It has a place.
  bool Has(const kube::ObjectRef& set) const;
  // It has a place, or there is one.
  bool May(const kube::ObjectRef& set) const;
  // Gives each of `seen` a place, and then `set`, if there is room; whether it has one.
  bool Enter(const kube::ObjectRef& set, const std::set<kube::ObjectRef>& seen);
  void Leave(const kube::ObjectRef& set);

 private:
  const std::size_t most_;
  mutable std::mutex mutex_;
  std::set<kube::ObjectRef> rolling_;
};

// Of StatefulSets and ShardSets as the API has them: the sets of which some pods have the newest
// template and some do not, or of which one is away that will come back with it. Not those that
// wait for their turn, are paused or being deleted. A set that took on a template some time ago and
// lacks a member now looks like one whose last pod is on its way, and counts as well: rather one
// place less for a while than one set too many.
std::set<kube::ObjectRef> SetsInAChange(const std::vector<kube::Object>& stateful_sets,
                                        const std::vector<kube::Object>& shard_sets);

}  // namespace foreshard::op
