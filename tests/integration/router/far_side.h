#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"

// A machine behind a cable that can be made to fall silent as a whole: its kernel answers to
// nothing any more, not even with a refusal. SIGSTOP of a server does not do that, because the
// kernel goes on to acknowledge for it.
//
// The test's process goes into a network namespace of its own, with a second one at the other end
// of a veth cable. There it listens, and hands connections on to a server on this side's 127.0.0.1.
// Nothing of the host's network is touched. Needs root.

namespace foreshard::router {

class FarSide {
 public:
  static constexpr const char* kAddress = "10.203.113.2";

  // Moves this process. REQUIRES: it has no other thread, and nothing listens yet. Errors: kGiveUp,
  // also for want of rights.
  static Result<std::unique_ptr<FarSide>> Make();
  ~FarSide();
  FarSide(const FarSide&) = delete;
  FarSide& operator=(const FarSide&) = delete;

  // A port of kAddress, for a server on 127.0.0.1 of this side; instead of the one before.
  Result<int> Serve(int target_port);
  Status FallSilent();
  Status SpeakAgain();
  int connections() const;

 private:
  struct Relay {
    int near = -1;
    int far = -1;
    std::string to_near;  // read on the other side, not yet taken
    std::string to_far;
  };

  FarSide() = default;
  Status OnFarSide(const std::string& command) const;
  void EndServing();
  void Run();

  int space_ = -1;  // the network namespace of the far side
  int listener_ = -1;
  int wake_ = -1;
  int target_port_ = 0;
  mutable std::mutex mutex_;  // guards relays_
  std::vector<Relay> relays_;
  std::thread thread_;
};

}  // namespace foreshard::router
