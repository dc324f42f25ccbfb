#pragma once

#include <array>
#include <atomic>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

#include "base/clock.h"

// When which process was dead, so that an error of a client is blamed on a kill only if it belongs
// to one.

namespace foreshard::bench {

inline constexpr int kShards = 2;
inline constexpr int kRouters = 3;

// Threads: any.
class Outages {
 public:
  explicit Outages(const Clock& clock) : clock_(clock) {}

  void RouterDies(int router) { Begin(router - 1); }
  void RouterIsBack(int router) { End(router - 1); }
  void ShardDies(bool first) { Begin(kRouters + (first ? 0 : 1)); }
  void ShardIsBack(bool first) { End(kRouters + (first ? 0 : 1)); }
  // Between a router and the shards.
  void CableIsCut(int router) { Begin(kRouters + kShards + router - 1); }
  void CableIsBack(int router) { End(kRouters + kShards + router - 1); }

  // It was dead for a moment since `since`, or is.
  bool RouterDied(int router, MonotonicTime since) const { return Died(router - 1, since); }
  bool ShardDied(bool first, MonotonicTime since) const {
    return Died(kRouters + (first ? 0 : 1), since);
  }

  // Judges an error of a client. True: a kill explains it, and it is counted there.
  //  - its session broke, and its router was killed since `connected`: a retryable disconnect
  //  - the session stands, a shard was killed since `begun`, or the router was cut off from the
  //    shards, and it says one of 08006 (a transaction was open), 08007 (the fate of a commit is
  //    unknown), 40001
  bool Explain(int router, bool alive, std::string_view code, MonotonicTime connected,
               MonotonicTime begun);

  std::int64_t disconnects() const { return disconnects_; }
  std::int64_t shard_errors() const { return shard_errors_; }
  std::int64_t cable_errors() const { return cable_errors_; }

 private:
  struct Outage {
    MonotonicTime begin;
    std::optional<MonotonicTime> end;
  };

  void Begin(int process);
  void End(int process);
  bool Died(int process, MonotonicTime since) const;

  const Clock& clock_;
  mutable std::mutex mutex_;
  std::array<std::vector<Outage>, kRouters + kShards + kRouters> outages_;
  std::atomic<std::int64_t> disconnects_ = 0;
  std::atomic<std::int64_t> shard_errors_ = 0;
  std::atomic<std::int64_t> cable_errors_ = 0;
};

}  // namespace foreshard::bench
