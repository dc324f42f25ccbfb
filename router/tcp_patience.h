#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "base/clock.h"

// How long a server may say nothing before it counts as frozen, and how it is told from one that
// only does not read: it waits for a lock, or runs a statement while the next ones come. That one
// closes its receive window, and Linux counts the time against TCP_USER_TIMEOUT although each probe
// of the window is answered (net/ipv4/tcp_timer.c, tcp_probe_timer()). So while probes are answered
// the time-out is moved on; the kernel probes no later than the time-out that it knows of.

namespace foreshard::router {

// What the kernel says of a connection (TCP_INFO).
struct TcpState {
  std::uint64_t acknowledged_bytes = 0;
  std::uint32_t unsent_bytes = 0;  // for want of a window
  bool unanswered = false;         // a probe or a segment was sent again and nothing has come since
};

// Nothing if the socket has no such state.
std::optional<TcpState> TcpStateOf(int fd);
void SetTcpUserTimeout(int fd, std::chrono::milliseconds timeout);

class TcpPatience {
 public:
  // `usual`: with an open window. A frozen machine is given up after this; if it froze while its
  // window was closed, after twice as long at most.
  explicit TcpPatience(std::chrono::milliseconds usual) : usual_(usual), allowed_(usual) {}

  // The time-out from now on. REQUIRES: called several times within `usual`.
  std::chrono::milliseconds Next(const TcpState& state, MonotonicTime now);
  std::chrono::milliseconds allowed() const { return allowed_; }

 private:
  std::chrono::milliseconds usual_;
  std::chrono::milliseconds allowed_;
  std::uint64_t acknowledged_bytes_ = 0;
  MonotonicTime since_{};  // the window has been open, or its bytes were taken
};

}  // namespace foreshard::router
