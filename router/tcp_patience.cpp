#include "router/tcp_patience.h"

// Not <netinet/tcp.h>: its tcp_info ends before the counters of bytes.
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstddef>

namespace foreshard::router {

std::optional<TcpState> TcpStateOf(int fd) {
  tcp_info info{};
  socklen_t length = sizeof info;
  if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0 ||
      length < offsetof(tcp_info, tcpi_notsent_bytes) + sizeof info.tcpi_notsent_bytes) {
    return std::nullopt;
  }
  return TcpState{.acknowledged_bytes = info.tcpi_bytes_acked,
                  .unsent_bytes = info.tcpi_notsent_bytes,
                  .unanswered = info.tcpi_probes > 0 || info.tcpi_retransmits > 0};
}

void SetTcpUserTimeout(int fd, std::chrono::milliseconds timeout) {
  const int timeout_ms = static_cast<int>(timeout.count());
  ::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof timeout_ms);
}

std::chrono::milliseconds TcpPatience::Next(const TcpState& state, MonotonicTime now) {
  if (state.unsent_bytes == 0 || state.acknowledged_bytes != acknowledged_bytes_) {
    acknowledged_bytes_ = state.acknowledged_bytes;
    since_ = now;
  }
  if (!state.unanswered) {
    allowed_ = usual_ + std::chrono::duration_cast<std::chrono::milliseconds>(now - since_);
  }
  return allowed_;
}

}  // namespace foreshard::router
