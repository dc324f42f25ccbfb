#include "tests/integration/router/message_proxy.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vector>

namespace foreshard::router {
namespace {

constexpr std::uint32_t kSslRequest = 80'877'103;
constexpr std::uint32_t kCancelRequest = 80'877'102;

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

std::uint32_t Number(std::string_view bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = at; i < at + 4; ++i)
    value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

// A receiver that reads nothing holds the proxy up until it reads, or everything is cut.
void SendAll(int fd, std::string_view bytes, const std::atomic<bool>& cutting) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EAGAIN && !cutting) {
      pollfd writable{.fd = fd, .events = POLLOUT, .revents = 0};
      ::poll(&writable, 1, 50);
      continue;
    }
    if (sent <= 0) return;  // The other end is gone; its way back tells of it.
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

void NoDelay(int fd) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

// What the router asks for itself, on connections of its own.
bool IsOwn(std::string_view message) {
  for (const char* word : {"pg_prepared_xacts", "foreshard.resolve", "SELECT foreshard.forget",
                           "pg_terminate_backend"}) {
    if (message.find(word) != std::string_view::npos) return true;
  }
  return false;
}

}  // namespace

Result<std::unique_ptr<MessageProxy>> MessageProxy::Start(int target_port) {
  std::unique_ptr<MessageProxy> proxy(new MessageProxy());
  proxy->target_port_ = target_port;
  proxy->listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  proxy->wake_ = ::eventfd(0, EFD_CLOEXEC);
  sockaddr_in address = Loopback(0);
  socklen_t length = sizeof address;
  auto* where = reinterpret_cast<sockaddr*>(&address);
  if (::bind(proxy->listener_, where, length) != 0 || ::listen(proxy->listener_, 128) != 0 ||
      ::getsockname(proxy->listener_, where, &length) != 0 || proxy->wake_ < 0) {
    return Error::GiveUp("the proxy cannot listen");
  }
  proxy->port_ = ntohs(address.sin_port);
  proxy->thread_ = std::thread([raw = proxy.get()] { raw->Run(); });
  return proxy;
}

MessageProxy::~MessageProxy() {
  if (thread_.joinable()) {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    Wake();
    thread_.join();
  }
  for (Cable& cable : cables_) cable.broken = true;
  CloseBroken();
  if (listener_ >= 0) ::close(listener_);
  if (wake_ >= 0) ::close(wake_);
}

void MessageProxy::Wake() const {
  const std::uint64_t one = 1;
  (void)!::write(wake_, &one, sizeof one);
}

void MessageProxy::HoldBefore(int step, Messages which) {
  const std::lock_guard lock(mutex_);
  which_ = which;
  step_ = step;
  seen_ = 0;
  for (Cable& cable : cables_) {
    cable.known = true;
    cable.counts = cable.ready;
  }
}

std::string MessageProxy::Held() const {
  const std::lock_guard lock(mutex_);
  return held_;
}

void MessageProxy::Release() {
  {
    const std::lock_guard lock(mutex_);
    held_cable_ = nullptr;
    held_.clear();
    step_ = 0;
  }
  Wake();
}

void MessageProxy::CutHeld() {
  {
    const std::lock_guard lock(mutex_);
    if (held_cable_ != nullptr) held_cable_->broken = true;
    held_cable_ = nullptr;
    held_.clear();
    step_ = 0;
  }
  Wake();
}

void MessageProxy::CutAll() {
  {
    cutting_ = true;  // The proxy may hold the lock while it sends to who does not read.
    const std::lock_guard lock(mutex_);
    cutting_ = false;
    for (Cable& cable : cables_) cable.broken = true;
    held_cable_ = nullptr;
    held_.clear();
    step_ = 0;
  }
  Wake();
}

void MessageProxy::Run() {
  while (true) {
    std::vector<pollfd> polled = {{.fd = wake_, .events = POLLIN, .revents = 0},
                                  {.fd = listener_, .events = POLLIN, .revents = 0}};
    std::vector<std::pair<Cable*, Way*>> ways;
    {
      const std::lock_guard lock(mutex_);
      CloseBroken();
      if (stop_) return;
      for (Cable& cable : cables_) {
        for (Way& way : cable.ways) {
          if (!held_.empty() && cable.started) break;
          Pass(cable, way);  // What came while everything was held.
          polled.push_back({.fd = way.from, .events = POLLIN, .revents = 0});
          ways.emplace_back(&cable, &way);
        }
      }
    }
    ::poll(polled.data(), polled.size(), -1);
    const std::lock_guard lock(mutex_);
    std::uint64_t count = 0;
    if (polled[0].revents != 0) {
      (void)!::read(wake_, &count, sizeof count);
      continue;  // What was polled may be gone.
    }
    for (std::size_t i = 2; i < polled.size(); ++i) {
      if (!held_.empty() && ways[i - 2].first->started) continue;
      if (polled[i].revents != 0) Read(*ways[i - 2].first, *ways[i - 2].second);
    }
    if (polled[1].revents != 0) Accept();
  }
}

void MessageProxy::Accept() {
  const int router = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  const int server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = Loopback(target_port_);
  if (router < 0 ||
      ::connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    if (router >= 0) ::close(router);
    ::close(server);
    return;
  }
  NoDelay(router);
  NoDelay(server);
  Cable& cable = cables_.emplace_back();
  cable.ways = {Way{.from = router, .to = server, .from_router = true, .bytes = {}},
                Way{.from = server, .to = router, .from_router = false, .bytes = {}}};
}

void MessageProxy::Read(Cable& cable, Way& way) {
  if (cable.broken) return;
  char bytes[65'536];
  const ssize_t got = ::recv(way.from, bytes, sizeof bytes, MSG_DONTWAIT);
  if (got <= 0) {
    cable.broken = got == 0 || (errno != EAGAIN && errno != EINTR);
    return;
  }
  way.bytes.append(bytes, static_cast<std::size_t>(got));
  Pass(cable, way);
}

void MessageProxy::Pass(Cable& cable, Way& way) {
  std::string_view rest = way.bytes;
  while (!cable.broken) {
    const std::string_view message = NextMessage(cable, way.from_router, rest);
    if (message.empty()) break;
    const bool cancels = !cable.started && way.from_router && Number(message, 4) == kCancelRequest;
    if (!cancels && (!held_.empty() || Stops(cable, way, message))) break;
    SendAll(way.to, message, cutting_);
    Passed(cable, way, message);
    rest.remove_prefix(message.size());
  }
  way.bytes.erase(0, way.bytes.size() - rest.size());
}

std::string_view MessageProxy::NextMessage(const Cable& cable, bool from_router,
                                           std::string_view bytes) {
  if (!from_router && cable.asked_tls) return bytes.substr(0, 1);
  const bool typed = !from_router || cable.started;
  const std::size_t header = typed ? 5 : 4;
  if (bytes.size() < header) return {};
  const std::size_t size = Number(bytes, header - 4) + (typed ? 1 : 0);
  return bytes.size() < size ? std::string_view() : bytes.substr(0, size);
}

bool MessageProxy::Stops(Cable& cable, const Way& way, std::string_view message) {
  cable.own = cable.own || (way.from_router && IsOwn(message));
  if (step_ == 0 || cable.own) return false;
  const bool counts = which_ == Messages::kStatements ? cable.counts : !cable.known;
  if (!counts || ++seen_ < step_) return false;
  held_ = way.from_router ? "to the server: " : "from the server: ";
  for (const char c : message.substr(0, 100)) held_ += c >= ' ' && c < 127 ? c : '.';
  held_cable_ = &cable;
  return true;
}

void MessageProxy::Passed(Cable& cable, const Way& way, std::string_view message) {
  if (!way.from_router) {
    if (!std::exchange(cable.asked_tls, false)) cable.ready = cable.ready || message[0] == 'Z';
    return;
  }
  if (cable.started) return;
  const std::uint32_t code = Number(message, 4);
  cable.asked_tls = code == kSslRequest;
  cable.started = code != kSslRequest && code != kCancelRequest;
}

// What waits on the way to the other end of a broken cable is not sent any more.
void MessageProxy::CloseBroken() {
  cables_.remove_if([](const Cable& cable) {
    if (!cable.broken) return false;
    ::close(cable.ways[0].from);
    ::close(cable.ways[1].from);
    return true;
  });
}

}  // namespace foreshard::router
