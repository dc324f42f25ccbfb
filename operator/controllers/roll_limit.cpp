#include "operator/controllers/roll_limit.h"

namespace foreshard::op {

bool RollLimit::May(const kube::ObjectRef& set) const {
  const std::scoped_lock lock(mutex_);
  return rolling_.size() < most_ || rolling_.contains(set);
}

void RollLimit::Enter(const kube::ObjectRef& set) {
  const std::scoped_lock lock(mutex_);
  rolling_.insert(set);
}

void RollLimit::Leave(const kube::ObjectRef& set) {
  const std::scoped_lock lock(mutex_);
  rolling_.erase(set);
}

}  // namespace foreshard::op
