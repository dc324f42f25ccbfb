#pragma once

#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "base/random.h"
#include "bench/cutover_flips/flips.h"

namespace foreshard::bench {

// Kills a process every second or so, drawn from a seed: a router or a PostgreSQL by SIGKILL, which
// comes back at once; the operator, which is a loop of this process here, in the middle of its
// turn: its sessions end and another one takes the attempt over.
//
// Threads: one of its own, from Start() to the destructor.
class Killer {
 public:
  Killer(Fleet& fleet, Flips& flips, std::uint64_t seed)
      : fleet_(fleet), flips_(flips), random_(seed) {}

  void Start() {
    thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
  }
  void Stop() {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
  }
  // By process. After Stop().
  const std::map<std::string, int>& kills() const { return kills_; }
  // What could not be started again; "": nothing. After Stop().
  const std::string& failure() const { return failure_; }

 private:
  void Run(const std::stop_token& stop);

  Fleet& fleet_;
  Flips& flips_;
  Random random_;
  std::map<std::string, int> kills_ = {
      {"operator", 0}, {"router", 0}, {"source", 0}, {"destination", 0}};
  std::string failure_;
  std::jthread thread_;
};

}  // namespace foreshard::bench
