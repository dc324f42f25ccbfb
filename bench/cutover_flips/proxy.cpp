#include "bench/cutover_flips/proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "migration/mover_work.h"

namespace foreshard::bench {

namespace {

using namespace std::chrono_literals;

constexpr int kPollMillis = 20;              // how late a cut or a stop may be seen
constexpr std::size_t kBufferMax = 1 << 18;  // then the sender waits

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// One direction of a connection.
struct Way {
  int from;
  int to;
  std::string buffer;
  bool ended = false;  // `from` says no more

  bool wants_to_read() const { return !ended && buffer.size() < kBufferMax; }

  // False: the connection is over.
  bool Read() {
    std::array<char, 65'536> bytes{};
    const ssize_t got = ::recv(from, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (got > 0) buffer.append(bytes.data(), static_cast<std::size_t>(got));
    if (got == 0) ended = true;
    return got >= 0 || errno == EAGAIN || errno == EINTR;
  }
  bool Write() {
    if (!buffer.empty()) {
      const ssize_t sent = ::send(to, buffer.data(), buffer.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent < 0 && errno != EAGAIN && errno != EINTR) return false;
      if (sent > 0) buffer.erase(0, static_cast<std::size_t>(sent));
    }
    if (ended && buffer.empty()) ::shutdown(to, SHUT_WR);
    return true;
  }
  bool over() const { return ended && buffer.empty(); }
};

struct Link {
  Way up;
  Way down;
  bool ready = true;  // something can be read or written, or it is new

  bool Pump() {
    for (Way* way : {&up, &down}) {
      if (way->wants_to_read() && !way->Read()) return false;
      if (!way->Write()) return false;
    }
    return !up.over() || !down.over();
  }
  void Close() const {
    ::close(up.from);
    ::close(up.to);
  }
};

// Nothing: the other side does not listen, so neither do we.
void Accept(int listener, int target, std::vector<Link>& links) {
  const int client = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  if (client < 0) return;
  const int server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = Loopback(target);
  if (server < 0 || ::connect(server, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    if (server >= 0) ::close(server);
    ::close(client);
    return;
  }
  const int one = 1;
  for (const int socket : {client, server}) {
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  }
  links.push_back({.up = {client, server, {}}, .down = {server, client, {}}});
}

void Wait(int listener, std::vector<Link>& links) {
  std::vector<pollfd> polled = {{listener, POLLIN, 0}};
  std::vector<Link*> whose = {nullptr};
  const auto poll_for = [&](Link& link, int socket, short events) {
    polled.push_back({socket, events, 0});
    whose.push_back(&link);
  };
  for (Link& link : links) {
    for (const Way* way : {&link.up, &link.down}) {
      if (way->wants_to_read()) poll_for(link, way->from, POLLIN);
      if (!way->buffer.empty()) poll_for(link, way->to, POLLOUT);
    }
  }
  ::poll(polled.data(), polled.size(), kPollMillis);
  for (std::size_t i = 1; i < polled.size(); ++i) {
    if (polled[i].revents != 0) whose[i]->ready = true;
  }
}

}  // namespace

Result<std::unique_ptr<Proxy>> Proxy::Start(int target_port) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof address;
  if (listener < 0 ||
      ::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener, 256) != 0 ||
      ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    if (listener >= 0) ::close(listener);
    return Error::GiveUp("no port for a proxy");
  }
  std::unique_ptr<Proxy> proxy(new Proxy(listener, ntohs(address.sin_port), target_port));
  proxy->thread_ =
      std::jthread([self = proxy.get()](const std::stop_token& stop) { self->Run(stop); });
  return proxy;
}

Proxy::~Proxy() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
  ::close(listener_);
}

void Proxy::Run(const std::stop_token& stop) {
  std::vector<Link> links;
  while (!stop.stop_requested()) {
    if (cut_) {
      migration::Pause(stop, 5ms);
      continue;
    }
    Wait(listener_, links);
    if (cut_) continue;
    pollfd knock{listener_, POLLIN, 0};
    while (::poll(&knock, 1, 0) > 0) Accept(listener_, target_, links);
    std::erase_if(links, [](Link& link) {
      if (!std::exchange(link.ready, false) || link.Pump()) return false;
      link.Close();
      return true;
    });
  }
  for (const Link& link : links) link.Close();
}

}  // namespace foreshard::bench
