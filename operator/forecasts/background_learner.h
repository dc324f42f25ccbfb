#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include "base/clock.h"
#include "kube/kube_api.h"
#include "operator/forecasts/retrain.h"

namespace foreshard::op {

// Carries out the jobs of all sets, one after the other, beside the passes. It rests between its
// steps, so that it uses a quarter of a core at most: the operator's CPU is limited, and its lease
// must not wait.
//
// Owner: wiring. Threads: one of its own; the methods from any. The destructor ends a job between
// two steps, in milliseconds.
class BackgroundLearner {
 public:
  explicit BackgroundLearner(const Clock& clock);
  ~BackgroundLearner();

  // Whether a job of this set waits, runs, or waits to be taken.
  bool Busy(const kube::ObjectRef& set) const;
  // REQUIRES: not Busy(set).
  void Start(const kube::ObjectRef& set, RetrainJob job);
  // What came of it, once.
  std::optional<Retrained> Take(const kube::ObjectRef& set);
  // The set is gone, and nobody will take it.
  void Forget(const kube::ObjectRef& set);

 private:
  enum class Stage { kWaits, kRuns, kDone };
  struct Work {
    Stage stage = Stage::kWaits;
    bool forgotten = false;
    std::optional<RetrainJob> job;
    Retrained learned;
  };

  void Run(std::stop_token stop);
  void Rest(std::chrono::nanoseconds worked, std::stop_token stop);

  const Clock& clock_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::map<kube::ObjectRef, Work> work_;
  std::deque<kube::ObjectRef> order_;
  std::jthread thread_;  // last: it ends before what it uses
};

}  // namespace foreshard::op
