#include "operator/listener.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace foreshard::op {
namespace {

Result<int> Bind(const addrinfo& address, int backlog) {
  const int listener = socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener < 0) return Error::GiveUp(std::strerror(errno));
  const int on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, address.ai_addr, address.ai_addrlen) != 0 || listen(listener, backlog) != 0) {
    const std::string reason = std::strerror(errno);
    close(listener);
    return Error::GiveUp(reason);
  }
  return listener;
}

}  // namespace

Result<int> ListenAt(const std::string& address, int backlog) {
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos) {
    return Error::GiveUp(
        fmt::format("'{}' is no address; write for example 0.0.0.0:8080", address));
  }
  const std::string host = address.substr(0, colon);
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICHOST;
  addrinfo* found = nullptr;
  const int failed = getaddrinfo(host.empty() ? nullptr : host.c_str(),
                                 address.substr(colon + 1).c_str(), &hints, &found);
  if (failed != 0)
    return Error::GiveUp(fmt::format("cannot listen on {}: {}", address, gai_strerror(failed)));
  Result<int> listener = Bind(*found, backlog);
  freeaddrinfo(found);
  if (listener) return listener;
  return Error::GiveUp(fmt::format("cannot listen on {}: {}", address, listener.error().message));
}

int PortOf(int listener) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length) != 0) return 0;
  if (address.ss_family == AF_INET6)
    return ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port);
  return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

}  // namespace foreshard::op
