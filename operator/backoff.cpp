#include "operator/backoff.h"

#include <algorithm>

#include "operator/limits.h"

namespace foreshard::op {

std::chrono::milliseconds Backoff::Next(const kube::ObjectRef& key) {
  const std::scoped_lock lock(mutex_);
  int& failures = failures_[key];
  const int doublings = std::min(failures++, 20);
  const std::int64_t wait = std::min(kBackoffFirst.count() << doublings, kBackoffLongest.count());
  const auto jitter = static_cast<std::int64_t>(random_.Unit() * 0.2 * static_cast<double>(wait));
  return std::chrono::milliseconds(wait - jitter);
}

void Backoff::Forget(const kube::ObjectRef& key) {
  const std::scoped_lock lock(mutex_);
  failures_.erase(key);
}

}  // namespace foreshard::op
