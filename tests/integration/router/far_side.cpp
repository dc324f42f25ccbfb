#include "tests/integration/router/far_side.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/child_process.h"

namespace foreshard::router {
namespace {

using namespace std::chrono_literals;

constexpr const char* kFarMac = "02:fa:00:00:00:02";

sockaddr_in At(const char* host, int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  ::inet_pton(AF_INET, host, &address.sin_addr);
  return address;
}

Status Run(const std::string& command) {
  const Result<std::string> done = support::RunOrError({.command = {"sh", "-c", command}}, 20s);
  return done ? Ok() : Status(done.error());
}

// What came on one socket goes to the other; `rest` is what did not fit, and nothing more is read
// before it does. False: one of them has ended.
bool Pass(int from, int to, std::string* rest) {
  const auto later = [] { return errno == EAGAIN || errno == EINTR; };
  if (rest->empty()) {
    char bytes[65'536];
    const ssize_t got = ::recv(from, bytes, sizeof bytes, MSG_DONTWAIT);
    if (got <= 0) return got < 0 && later();
    rest->assign(bytes, static_cast<std::size_t>(got));
  }
  const ssize_t sent = ::send(to, rest->data(), rest->size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0) return later();
  rest->erase(0, static_cast<std::size_t>(sent));
  return true;
}

short Wanted(const std::string& from_here, const std::string& to_here) {
  return static_cast<short>((from_here.empty() ? POLLIN : 0) | (to_here.empty() ? 0 : POLLOUT));
}

}  // namespace

Result<std::unique_ptr<FarSide>> FarSide::Make() {
  std::unique_ptr<FarSide> side(new FarSide());
  if (::unshare(CLONE_NEWNET) != 0) return Error::GiveUp("a network namespace needs root");
  std::thread([&side] {
    if (::unshare(CLONE_NEWNET) != 0) return;
    side->space_ = ::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
  }).join();
  side->wake_ = ::eventfd(0, EFD_CLOEXEC);
  if (side->space_ < 0 || side->wake_ < 0) return Error::GiveUp("no second network namespace");
  const std::string far = fmt::format("/proc/{}/fd/{}", ::getpid(), side->space_);
  for (const std::string& command :
       {std::string("ip link set lo up"),
        fmt::format("ip link add cable type veth peer name far address {}", kFarMac),
        std::string("ip address add 10.203.113.1/30 dev cable && ip link set cable up"),
        // A machine that is away stays known for longer than the test takes.
        fmt::format("ip neighbour replace {} lladdr {} dev cable nud permanent", kAddress, kFarMac),
        fmt::format("ip link set far netns {}", far)}) {
    if (const Status done = router::Run(command); !done) return done.error();
  }
  if (const Status up = side->OnFarSide("ip link set lo up && ip link set far up"); !up)
    return up.error();
  if (const Status spoken = side->SpeakAgain(); !spoken) return spoken.error();
  return side;
}

FarSide::~FarSide() {
  EndServing();
  for (const int fd : {space_, wake_}) {
    if (fd >= 0) ::close(fd);
  }
}

void FarSide::EndServing() {
  if (!thread_.joinable()) return;
  std::uint64_t one = 1;
  (void)!::write(wake_, &one, sizeof one);
  thread_.join();
  (void)!::read(wake_, &one, sizeof one);
  for (const Relay& relay : relays_) {
    ::close(relay.near);
    ::close(relay.far);
  }
  relays_.clear();
  ::close(std::exchange(listener_, -1));
}

Status FarSide::OnFarSide(const std::string& command) const {
  return router::Run(
      fmt::format("nsenter --net=/proc/{}/fd/{} sh -c '{}'", ::getpid(), space_, command));
}

// Packets for an address that nobody has are dropped without a word.
Status FarSide::FallSilent() {
  return OnFarSide(fmt::format("ip address del {}/30 dev far", kAddress));
}

Status FarSide::SpeakAgain() {
  return OnFarSide(fmt::format("ip address replace {}/30 dev far", kAddress));
}

Result<int> FarSide::Serve(int target_port) {
  EndServing();
  target_port_ = target_port;
  int port = 0;
  std::thread([this, &port] {  // A socket belongs to the namespace that it was made in.
    if (::setns(space_, CLONE_NEWNET) != 0) return;
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = At(kAddress, 0);
    socklen_t length = sizeof address;
    auto* where = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener_, where, length) == 0 && ::listen(listener_, 128) == 0 &&
        ::getsockname(listener_, where, &length) == 0)
      port = ntohs(address.sin_port);
  })
      .join();
  if (port == 0) return Error::GiveUp("the far side cannot listen");
  thread_ = std::thread([this] { Run(); });
  return port;
}

int FarSide::connections() const {
  const std::lock_guard lock(mutex_);
  return static_cast<int>(relays_.size());
}

void FarSide::Run() {
  while (true) {
    std::vector<pollfd> polled = {{.fd = wake_, .events = POLLIN, .revents = 0},
                                  {.fd = listener_, .events = POLLIN, .revents = 0}};
    for (const Relay& relay : relays_) {
      polled.push_back(
          {.fd = relay.far, .events = Wanted(relay.to_near, relay.to_far), .revents = 0});
      polled.push_back(
          {.fd = relay.near, .events = Wanted(relay.to_far, relay.to_near), .revents = 0});
    }
    ::poll(polled.data(), polled.size(), -1);
    if (polled[0].revents != 0) return;
    const std::lock_guard lock(mutex_);
    std::size_t at = 2;
    std::erase_if(relays_, [&](Relay& relay) {
      const bool left = (polled[at].revents & (POLLERR | POLLHUP)) != 0;
      at += 2;
      if (!left && Pass(relay.far, relay.near, &relay.to_near) &&
          Pass(relay.near, relay.far, &relay.to_far))
        return false;
      ::close(relay.far);
      ::close(relay.near);
      return true;
    });
    if (polled[1].revents == 0) continue;
    const Relay relay{.near = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
                      .far = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC),
                      .to_near = {},
                      .to_far = {}};
    const sockaddr_in address = At("127.0.0.1", target_port_);
    const int on = 1;
    for (const int fd : {relay.near, relay.far})
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (::connect(relay.near, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
      relays_.push_back(relay);
    } else {
      ::close(relay.near);
      ::close(relay.far);
    }
  }
}

}  // namespace foreshard::router
