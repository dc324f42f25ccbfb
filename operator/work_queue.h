#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>

#include "base/clock.h"
#include "operator/backoff.h"
#include "operator/reconciler.h"

namespace foreshard::op {

// A bucket of permissions that fills with time. Threads: one owner or a lock around it.
class TokenBucket {
 public:
  TokenBucket(double per_second, double burst)
      : per_second_(per_second), burst_(burst), tokens_(burst) {}

  // Takes one if there is one.
  bool Take(MonotonicTime now);
  // When the next one will be there; `now` if there is one.
  MonotonicTime NextAt(MonotonicTime now) const;

 private:
  double Filled(MonotonicTime now) const;

  double per_second_;
  double burst_;
  double tokens_;
  MonotonicTime filled_at_{};
};

// What happened in one pass, for metrics and for the lease.
struct PassReport {
  std::string controller;
  kube::ObjectRef key;
  std::chrono::nanoseconds took{0};
  const Result<Outcome>* result = nullptr;
};

struct WorkQueueOptions {
  std::string controller;  // for logs and metrics
  const Clock& clock;
  std::uint64_t seed = 1;  // of the jitter
  std::function<void(const PassReport&)> on_pass;
  std::function<bool()> may_work;  // false: names gather, nobody works; empty: always
};

// Names of objects that somebody should look at. A name is in it at most once however often it is
// added; while a worker has it, further adds make it come again afterwards. One worker has a key at
// a time.
//
// Owner:   wiring. The reconciler outlives the queue.
// Threads: any for Add and AddAfter; each worker calls Run or Step.
class WorkQueue {
 public:
  WorkQueue(Reconciler& reconciler, TokenBucket& bucket, std::mutex& bucket_mutex,
            WorkQueueOptions options);

  void Add(const kube::ObjectRef& key);
  // Before all that is due and was not added so: somebody waits for this one. For its next pass.
  void AddFirst(const kube::ObjectRef& key);
  void AddAfter(const kube::ObjectRef& key, std::chrono::milliseconds after);

  // One pass over one key that is due, if there is one: true. For tests and the simulator.
  bool Step();

  // Passes until stopped.
  void Run(std::stop_token stop);

  std::size_t depth() const;   // due or waiting
  std::size_t active() const;  // being worked on
  const std::string& controller() const { return options_.controller; }
  // When the earliest key is due; nothing if there is none.
  std::optional<MonotonicTime> NextDue() const;

 private:
  bool MayWork() const;
  std::optional<kube::ObjectRef> TakeDue(MonotonicTime now);
  void Finish(const kube::ObjectRef& key, const Result<Outcome>& result);
  struct Turn {
    MonotonicTime due;
    bool first = false;
  };

  void AddAt(const kube::ObjectRef& key, Turn turn);

  Reconciler& reconciler_;
  TokenBucket& bucket_;
  std::mutex& bucket_mutex_;
  WorkQueueOptions options_;
  Backoff backoff_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::uint64_t version_ = 0;  // one more per change; a sleeper that saw an older one wakes
  std::map<kube::ObjectRef, Turn> due_;
  std::set<kube::ObjectRef> active_;
};

}  // namespace foreshard::op
