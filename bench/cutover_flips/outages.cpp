#include "bench/cutover_flips/outages.h"

namespace foreshard::bench {

void Outages::Begin(int process) {
  const std::lock_guard lock(mutex_);
  outages_[static_cast<std::size_t>(process)].push_back({clock_.Monotonic(), std::nullopt});
}

void Outages::End(int process) {
  const std::lock_guard lock(mutex_);
  auto& known = outages_[static_cast<std::size_t>(process)];
  if (!known.empty()) known.back().end = clock_.Monotonic();
}

bool Outages::Died(int process, MonotonicTime since) const {
  const std::lock_guard lock(mutex_);
  const auto& known = outages_[static_cast<std::size_t>(process)];
  return !known.empty() && (!known.back().end || *known.back().end >= since);
}

bool Outages::Explain(int router, bool alive, std::string_view code, MonotonicTime connected,
                      MonotonicTime begun) {
  if (!alive && RouterDied(router, connected)) {
    ++disconnects_;
    return true;
  }
  if (code != "08006" && code != "08007" && code != "40001") return false;
  if (ShardDied(true, begun) || ShardDied(false, begun)) {
    ++shard_errors_;
    return true;
  }
  if (!Died(kRouters + kShards + router - 1, begun)) return false;
  ++cable_errors_;
  return true;
}

}  // namespace foreshard::bench
