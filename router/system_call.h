#pragma once

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>

// The three calls of every statement, without what the C library does around them so that a thread
// can be cancelled there: two atomic operations each, and no thread of ours is ever cancelled.
// Errors: as of the functions of the same names, in errno.

namespace foreshard::router::system_call {

inline ssize_t Receive(int fd, char* buffer, std::size_t bytes) {
  return ::syscall(SYS_recvfrom, fd, buffer, bytes, 0, nullptr, nullptr);
}

inline ssize_t Send(int fd, const char* bytes, std::size_t size) {
  return ::syscall(SYS_sendto, fd, bytes, size, MSG_NOSIGNAL, nullptr, 0);
}

inline int EpollWait(int epoll_fd, epoll_event* events, int most, int timeout_ms) {
  return static_cast<int>(
      ::syscall(SYS_epoll_pwait, epoll_fd, events, most, timeout_ms, nullptr, 0));
}

}  // namespace foreshard::router::system_call
