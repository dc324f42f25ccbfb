#include "router/loop.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <cstring>

#include "base/check.h"
#include "router/loop_impl.h"
#include "router/system_call.h"

namespace foreshard::router {
namespace {

constexpr int kAcceptsATurnMax = 64;

void OnWake(uv_async_t* handle) {
  auto& loop = *static_cast<LoopImpl*>(handle->data);
  std::vector<std::function<void()>> work;
  {
    const std::lock_guard lock(loop.mutex);
    work.swap(loop.posted);
  }
  for (auto& item : work) item();
  loop.EndTurn();
}

void CloseTimer(LoopImpl::Timer* timer) {
  uv_close(reinterpret_cast<uv_handle_t*>(&timer->handle),
           [](uv_handle_t* handle) { delete static_cast<LoopImpl::Timer*>(handle->data); });
}

void OnTimer(uv_timer_t* handle) {
  auto* timer = static_cast<LoopImpl::Timer*>(handle->data);
  LoopImpl& loop = *timer->loop;
  if (timer->repeats) {
    const auto work = timer->work;  // It may cancel its own timer.
    work();
  } else {
    const auto work = std::move(timer->work);
    loop.owner.Cancel(timer->id);
    work();
  }
  loop.EndTurn();
}

// A connection that nobody can serve for want of descriptors is taken and closed: left alone, it
// would wake the loop for ever.
void RefuseOne(LoopImpl::Listener& listener) {
  ::close(std::exchange(listener.spare_fd, -1));
  const int fd = ::accept(listener.fd, nullptr, nullptr);
  if (fd >= 0) ::close(fd);
  listener.spare_fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
}

void Accepted(LoopImpl::Listener& listener, int fd) {
  LoopImpl& loop = *listener.loop;
  const int on = 1;
  const int idle_s = 60;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
  Stream* stream = LoopImpl::New(loop.owner);
  Stream::Impl& impl = LoopImpl::Of(*stream);
  LoopImpl::Adopt(*stream, fd);
  impl.connected = true;
  impl.events = listener.on_stream(*stream);
  loop.EndTurn();
}

void OnAcceptable(uv_poll_t* handle, int status, int) {
  if (status < 0) return;
  auto& listener = *static_cast<LoopImpl::Listener*>(handle->data);
  // A storm of connections must not keep the others waiting.
  for (int taken = 0; taken < kAcceptsATurnMax; ++taken) {
    const int fd = ::accept4(listener.fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == EMFILE || errno == ENFILE) RefuseOne(listener);
      return;
    }
    Accepted(listener, fd);
    if (uv_is_closing(reinterpret_cast<uv_handle_t*>(handle)) != 0) return;
  }
}

void CloseListener(LoopImpl::Listener* listener) {
  uv_close(reinterpret_cast<uv_handle_t*>(&listener->poll),
           [](uv_handle_t* handle) { delete static_cast<LoopImpl::Listener*>(handle->data); });
  ::close(listener->fd);
  if (listener->spare_fd >= 0) ::close(listener->spare_fd);
}

// A bound socket of our own, because libuv 1.44 does not know SO_REUSEPORT.
Result<int> BoundSocket(const sockaddr_storage& address) {
  const int fd = ::socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return Error::Retry(fmt::format("socket: {}", std::strerror(errno)));
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  const socklen_t length =
      address.ss_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), length) != 0) {
    const int code = errno;
    ::close(fd);
    return Error::Retry(fmt::format("bind: {}", std::strerror(code)));
  }
  return fd;
}

std::uint16_t PortOf(int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) return 0;
  if (address.ss_family == AF_INET)
    return ntohs(reinterpret_cast<sockaddr_in*>(&address)->sin_port);
  return ntohs(reinterpret_cast<sockaddr_in6*>(&address)->sin6_port);
}

}  // namespace

Loop::Loop() : impl_(std::make_unique<LoopImpl>(*this)) {
  LoopImpl& loop = *impl_;
  CHECK(uv_loop_init(&loop.uv) == 0, "no event loop");
  CHECK(uv_async_init(&loop.uv, &loop.wake, OnWake) == 0, "no wake-up handle");
  loop.wake.data = &loop;
  loop.epoll_fd = ::epoll_create1(EPOLL_CLOEXEC);
  CHECK(loop.epoll_fd >= 0, "no epoll", errno);
  epoll_event event{};
  event.events = EPOLLIN;
  CHECK(::epoll_ctl(loop.epoll_fd, EPOLL_CTL_ADD, uv_backend_fd(&loop.uv), &event) == 0,
        "libuv cannot be watched", errno);
}

Loop::~Loop() {
  // Whatever is still open is closed here, so that no handle outlives its loop.
  StopListening();
  while (!impl_->timers.empty()) Cancel(impl_->timers.begin()->first);
  const std::set<Stream*> open = impl_->streams;
  for (Stream* stream : open) impl_->BeginClose(*stream);
  if (uv_is_closing(reinterpret_cast<uv_handle_t*>(&impl_->wake)) == 0) {
    uv_close(reinterpret_cast<uv_handle_t*>(&impl_->wake), nullptr);
  }
  uv_run(&impl_->uv, UV_RUN_DEFAULT);
  impl_->BuryDead();
  CHECK(uv_loop_close(&impl_->uv) == 0, "a handle outlives its loop");
  ::close(impl_->epoll_fd);
}

void Loop::Run() { impl_->Run(); }

void LoopImpl::Run() {
  RunUv();
  BuryDead();
  while (uv_alive || !streams.empty()) {
    epoll_event events[kEventsMax];
    const int count = system_call::EpollWait(epoll_fd, events, kEventsMax, Wait());
    if (count > 0) pace.Polled(count);
    for (int i = 0; i < count; ++i) {
      if (events[i].data.ptr == nullptr) {
        uv_wanted = true;
      } else {
        OnEvents(*static_cast<Stream*>(events[i].data.ptr), events[i].events);
      }
    }
    ReadOn();
    now_nanos = Nanos();
    EndTurn();
    if (uv_wanted || uv_due <= now_nanos) RunUv();
    BuryDead();
  }
}

// Those of whom more was to be had than one recv() takes, or who were paused.
void LoopImpl::ReadOn() {
  reading.swap(again);
  for (Stream* stream : reading) {
    Of(*stream).queued = false;
    Read(*stream);
  }
  reading.clear();
}

// Timers, other threads' work, listeners, look-ups. Each callback ends a turn of its own.
void LoopImpl::RunUv() {
  uv_wanted = false;
  uv_alive = uv_run(&uv, UV_RUN_NOWAIT) != 0;
  now_nanos = uv_hrtime();
  const int millis = uv_backend_timeout(&uv);
  uv_due = millis < 0 ? UINT64_MAX : now_nanos + static_cast<std::uint64_t>(millis) * 1'000'000;
}

// How long the poll may sleep, in milliseconds; -1: until something comes.
int LoopImpl::Wait() const {
  if (!again.empty() || uv_wanted) return 0;
  if (uv_due == UINT64_MAX) return -1;
  return uv_due <= now_nanos ? 0 : static_cast<int>((uv_due - now_nanos + 999'999) / 1'000'000);
}

std::uint64_t LoopImpl::Nanos() {
  if (turn_nanos == 0) turn_nanos = uv_hrtime();
  return turn_nanos;
}

void Loop::Stop() {
  Post([this] {
    {
      const std::lock_guard lock(impl_->mutex);
      if (std::exchange(impl_->stopping, true)) return;
    }
    StopListening();
    while (!impl_->timers.empty()) Cancel(impl_->timers.begin()->first);
    while (!impl_->streams.empty()) impl_->Gone(**impl_->streams.begin(), "the loop ends");
    uv_close(reinterpret_cast<uv_handle_t*>(&impl_->wake), nullptr);
  });
}

void Loop::Post(std::function<void()> work) {
  {
    const std::lock_guard lock(impl_->mutex);
    if (impl_->stopping) return;  // Nobody would run it.
    impl_->posted.push_back(std::move(work));
    uv_async_send(&impl_->wake);
  }
}

MonotonicTime Loop::Now() const {
  return MonotonicTime(std::chrono::nanoseconds(static_cast<std::int64_t>(impl_->Nanos())));
}

Result<std::uint16_t> Loop::Listen(std::string_view address, std::uint16_t port,
                                   std::function<StreamEvents*(Stream&)> on_stream) {
  const std::string host(address);
  sockaddr_storage where{};
  int code = uv_ip4_addr(host.c_str(), port, reinterpret_cast<sockaddr_in*>(&where));
  if (code != 0) code = uv_ip6_addr(host.c_str(), port, reinterpret_cast<sockaddr_in6*>(&where));
  if (code != 0) return Error::GiveUp(fmt::format("{} is not an address to listen on", host));
  const Result<int> fd = BoundSocket(where);
  if (!fd) return fd.error();
  if (::listen(*fd, 1024) != 0) {
    const int failure = errno;
    ::close(*fd);
    return Error::Retry(fmt::format("listen on {}:{}: {}", host, port, std::strerror(failure)));
  }
  auto listener = std::make_unique<LoopImpl::Listener>();
  listener->loop = impl_.get();
  listener->on_stream = std::move(on_stream);
  listener->fd = *fd;
  listener->spare_fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  listener->poll.data = listener.get();
  CHECK(uv_poll_init(&impl_->uv, &listener->poll, *fd) == 0, "a listener cannot be watched");
  uv_poll_start(&listener->poll, UV_READABLE, OnAcceptable);
  impl_->listeners.push_back(std::move(listener));
  impl_->uv_wanted = true;
  return PortOf(*fd);
}

void Loop::StopListening() {
  for (auto& listener : impl_->listeners) CloseListener(listener.release());
  impl_->listeners.clear();
  impl_->uv_wanted = true;
}

Loop::TimerId Loop::After(std::chrono::milliseconds delay, std::function<void()> work) {
  auto timer = std::make_unique<LoopImpl::Timer>();
  const TimerId id = impl_->next_timer++;
  timer->loop = impl_.get();
  timer->id = id;
  timer->work = std::move(work);
  timer->handle.data = timer.get();
  uv_timer_init(&impl_->uv, &timer->handle);
  uv_update_time(&impl_->uv);
  uv_timer_start(&timer->handle, OnTimer,
                 static_cast<std::uint64_t>(std::max<std::int64_t>(delay.count(), 0)), 0);
  impl_->timers.emplace(id, std::move(timer));
  impl_->uv_wanted = true;
  return id;
}

Loop::TimerId Loop::Every(std::chrono::milliseconds period, std::function<void()> work) {
  const TimerId id = After(period, std::move(work));
  LoopImpl::Timer& timer = *impl_->timers.at(id);
  timer.repeats = true;
  uv_timer_set_repeat(&timer.handle, static_cast<std::uint64_t>(period.count()));
  return id;
}

void Loop::Cancel(TimerId id) {
  const auto found = impl_->timers.find(id);
  if (found == impl_->timers.end()) return;
  LoopImpl::Timer* timer = found->second.release();
  impl_->timers.erase(found);
  uv_timer_stop(&timer->handle);
  CloseTimer(timer);
  impl_->uv_wanted = true;
}

std::size_t Loop::open_streams() const { return impl_->streams.size(); }

Result<HostPort> ParseHostPort(std::string_view text, std::uint16_t default_port) {
  const Error bad = Error::GiveUp(fmt::format("'{}' is not host:port", text), "BadAddress");
  HostPort out{std::string(text), default_port};
  std::size_t colon = text.rfind(':');
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return bad;
    out.host = std::string(text.substr(1, end - 1));
    colon = end + 1 < text.size() && text[end + 1] == ':' ? end + 1 : std::string_view::npos;
  } else if (colon != std::string_view::npos) {
    out.host = std::string(text.substr(0, colon));
  }
  if (colon != std::string_view::npos) {
    const std::string_view digits = text.substr(colon + 1);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), out.port);
    if (error != std::errc() || end != digits.data() + digits.size()) return bad;
  }
  return out.host.empty() ? Result<HostPort>(bad) : Result<HostPort>(out);
}

}  // namespace foreshard::router
