#pragma once

#include <atomic>
#include <memory>
#include <thread>

#include "base/result.h"

// A cable that can be cut: forwards TCP connections from a port on loopback to another port.
//
// Cut, it drops nothing and refuses nothing: bytes and new connections wait where they are, as with
// a switch that has gone. Nobody learns that anything is wrong but by waiting.
//
// Owner:   whoever made it; the thread ends with it. Threads: any may cut and heal.

namespace foreshard::bench {

class Proxy {
 public:
  // Errors: no port can be had.
  static Result<std::unique_ptr<Proxy>> Start(int target_port);
  ~Proxy();
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  int port() const { return port_; }
  void Cut() { cut_ = true; }
  void Heal() { cut_ = false; }
  // New connections go there; those that stand stay where they are.
  void LeadTo(int target_port) { target_ = target_port; }

 private:
  Proxy(int listener, int port, int target) : listener_(listener), port_(port), target_(target) {}
  void Run(const std::stop_token& stop);

  int listener_;
  int port_;
  std::atomic<int> target_;
  std::atomic<bool> cut_ = false;
  std::jthread thread_;
};

}  // namespace foreshard::bench
