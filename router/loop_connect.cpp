#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "router/loop_impl.h"

// From a name to a connected stream: look-up, connect(), the timeouts of a server.

namespace foreshard::router {
namespace {

constexpr int kLooksWithinUserTimeout = 4;

Stream& StreamOf(const void* data) { return *static_cast<Stream*>(const_cast<void*>(data)); }

// A frozen or cut-off server must be noticed within seconds, even while nothing is being sent to
// it.
void SetServerTimeouts(int fd, std::chrono::milliseconds user_timeout) {
  const int on = 1;
  const int idle_s = 2;
  const int interval_s = 1;
  const int probes = 3;
  ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
  SetTcpUserTimeout(fd, user_timeout);
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void FailConnect(LoopImpl& loop, Stream& stream, std::string_view why) {
  const ConnectOptions& to = LoopImpl::Of(stream).options;
  loop.Gone(stream, fmt::format("cannot connect to {}:{}: {}", to.host, to.port, why));
}

// Errors: the text, of a socket that cannot be made or an address that cannot be reached.
std::optional<std::string> BeginConnect(Stream& stream, const addrinfo& to) {
  const int fd = ::socket(to.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return SystemError(errno);
  // Before it connects: a frozen machine does not answer to that either.
  SetServerTimeouts(fd, LoopImpl::Of(stream).options.user_timeout);
  if (::connect(fd, to.ai_addr, to.ai_addrlen) != 0 && errno != EINPROGRESS) {
    const int code = errno;
    ::close(fd);
    return SystemError(code);
  }
  LoopImpl::Adopt(stream, fd);  // Not before: a socket that connects nowhere counts as hung up.
  return std::nullopt;
}

void OnResolved(uv_getaddrinfo_t* request, int status, addrinfo* found) {
  Stream& stream = StreamOf(request->data);
  Stream::Impl& impl = LoopImpl::Of(stream);
  LoopImpl& loop = impl.loop.impl();
  impl.resolving = false;
  if (impl.closing) loop.dead.push_back(&stream);  // Its owner left while the look-up went on.
  if (!impl.closing && status != 0) {
    loop.Gone(stream, fmt::format("cannot reach {}: {}", impl.options.host, uv_strerror(status)));
  } else if (!impl.closing) {
    if (const auto failed = BeginConnect(stream, *found)) FailConnect(loop, stream, *failed);
  }
  uv_freeaddrinfo(found);
  loop.EndTurn();
}

struct Resolution {
  uv_getaddrinfo_t request{};
  LoopImpl* loop = nullptr;
  std::function<void(std::vector<std::string>)> done;
};

void OnAddresses(uv_getaddrinfo_t* request, int status, addrinfo* found) {
  const std::unique_ptr<Resolution> resolution(static_cast<Resolution*>(request->data));
  std::vector<std::string> addresses;
  for (const addrinfo* at = found; status == 0 && at != nullptr; at = at->ai_next) {
    char text[INET6_ADDRSTRLEN] = {};
    if (uv_ip_name(at->ai_addr, text, sizeof text) == 0) addresses.emplace_back(text);
  }
  uv_freeaddrinfo(found);
  resolution->done(std::move(addresses));
  resolution->loop->EndTurn();
}

}  // namespace

void LoopImpl::FinishConnect(Stream& stream) {
  Stream::Impl& impl = *stream.impl_;
  int code = 0;
  socklen_t length = sizeof code;
  if (::getsockopt(impl.fd, SOL_SOCKET, SO_ERROR, &code, &length) != 0) code = errno;
  if (code != 0) {
    FailConnect(*this, stream, SystemError(code));
    return;
  }
  impl.connected = true;
  impl.patience.emplace(impl.options.user_timeout);
  servers.insert(&stream);
  if (!patience_timer) {
    patience_timer =
        owner.Every(impl.options.user_timeout / kLooksWithinUserTimeout, [this] { BePatient(); });
  }
  if (impl.events == nullptr) {
    SendNow(stream);  // Its owner left meanwhile: CloseAfterFlush().
  } else {
    impl.events->OnConnected(stream);
  }
}

// Whoever does not read but answers is not frozen.
void LoopImpl::BePatient() {
  for (Stream* server : servers) {
    Stream::Impl& impl = *server->impl_;
    const std::optional<TcpState> state = TcpStateOf(impl.fd);
    if (!state) continue;
    const std::chrono::milliseconds before = impl.patience->allowed();
    const std::chrono::milliseconds allowed = impl.patience->Next(*state, owner.Now());
    if (allowed != before) SetTcpUserTimeout(impl.fd, allowed);
  }
  if (servers.empty()) owner.Cancel(*std::exchange(patience_timer, std::nullopt));
}

Stream* Loop::Connect(const ConnectOptions& options, StreamEvents* events) {
  Stream* stream = LoopImpl::New(*this);
  Stream::Impl& impl = LoopImpl::Of(*stream);
  impl.options = options;
  impl.events = events;
  impl.resolve.data = stream;
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  impl.resolving = true;
  const std::string port = std::to_string(options.port);
  const int code = uv_getaddrinfo(&impl_->uv, &impl.resolve, OnResolved, options.host.c_str(),
                                  port.c_str(), &hints);
  CHECK(code == 0, "the look-up of a host name cannot be queued", code);
  return stream;
}

void Loop::Resolve(const std::string& host, std::function<void(std::vector<std::string>)> done) {
  auto* resolution = new Resolution{.request = {}, .loop = impl_.get(), .done = std::move(done)};
  resolution->request.data = resolution;
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  const int code =
      uv_getaddrinfo(&impl_->uv, &resolution->request, OnAddresses, host.c_str(), nullptr, &hints);
  CHECK(code == 0, "the look-up of a host name cannot be queued", code);
}

}  // namespace foreshard::router
