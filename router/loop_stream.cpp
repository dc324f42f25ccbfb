#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>

#include "base/check.h"
#include "router/limits.h"
#include "router/loop_impl.h"
#include "router/system_call.h"

namespace foreshard::router {
Stream::Stream(Loop& loop) : impl_(std::make_unique<Impl>(loop)) {}
Stream::~Stream() = default;

Stream* LoopImpl::New(Loop& loop) {
  auto* stream = new Stream(loop);
  loop.impl().streams.insert(stream);
  return stream;
}

// Watched once and for all: each edge is told once, and what is not read then is remembered here.
void LoopImpl::Adopt(Stream& stream, int fd) {
  Stream::Impl& impl = Of(stream);
  impl.fd = fd;
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = &stream;
  CHECK(::epoll_ctl(impl.loop.impl().epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0,
        "a socket cannot be watched", errno);
}

void LoopImpl::OnEvents(Stream& stream, std::uint32_t events) {
  Stream::Impl& impl = *stream.impl_;
  if (impl.closing) return;
  if (!impl.connected) {
    if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) == 0) return;
    FinishConnect(stream);
  } else if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) == EPOLLOUT && impl.writing()) {
    SendRest(stream);
  }
  if ((events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0 && !impl.closing) {
    impl.readable = true;
    impl.ended = impl.ended || (events & (EPOLLRDHUP | EPOLLERR | EPOLLHUP)) != 0;
    Read(stream);
  }
  if (dirty.size() >= kDirtyStreamsMax) EndTurn();
}

// One recv(). A short one has emptied the socket, and what comes later is told by a new edge; an
// end that was told already is not.
void LoopImpl::Read(Stream& stream) {
  Stream::Impl& impl = *stream.impl_;
  if (!impl.readable || impl.closing || impl.paused || !impl.connected) return;
  const ssize_t got = system_call::Receive(impl.fd, read_buffer.data(), read_buffer.size());
  if (got > 0) {
    const auto size = static_cast<std::size_t>(got);
    impl.readable = impl.ended || size == read_buffer.size();
    if (impl.readable) ReadAgain(stream);
    Received(stream, std::string_view(read_buffer.data(), size));
  } else if (got < 0 && errno == EINTR) {
    ReadAgain(stream);
  } else if (got < 0 && errno == EAGAIN) {
    impl.readable = false;
  } else {
    Gone(stream, got == 0 ? "closed by the peer" : SystemError(errno));
  }
}

void LoopImpl::ReadAgain(Stream& stream) {
  if (std::exchange(stream.impl_->queued, true)) return;
  again.push_back(&stream);
}

void LoopImpl::BeginClose(Stream& stream) {
  Stream::Impl& impl = *stream.impl_;
  if (impl.closing) return;
  impl.closing = true;
  impl.events = nullptr;
  if (impl.resolving) uv_cancel(reinterpret_cast<uv_req_t*>(&impl.resolve));
  GiveBuffer(std::move(impl.out));
  impl.out = {};
  streams.erase(&stream);
  if (impl.patience) servers.erase(&stream);
  if (impl.fd >= 0) ::close(std::exchange(impl.fd, -1));
  if (!impl.resolving) dead.push_back(&stream);  // Else the end of the look-up does.
}

void LoopImpl::BuryDead() {
  if (dead.empty()) return;
  std::erase_if(again, [](const Stream* stream) { return stream->impl_->closing; });
  for (const Stream* stream : dead) delete stream;
  dead.clear();
}

void LoopImpl::Gone(Stream& stream, std::string_view reason) {
  Stream::Impl& impl = *stream.impl_;
  if (impl.closing) return;
  StreamEvents* events = impl.events;
  BeginClose(stream);
  if (events != nullptr) events->OnGone(reason);
}

void LoopImpl::Received(Stream& stream, std::string_view bytes) {
  Stream::Impl& impl = *stream.impl_;
  if (impl.events == nullptr) return;  // Closes once its bytes are sent: nothing more is heard.
  if (impl.tls == nullptr) {
    impl.events->OnBytes(bytes);
    return;
  }
  const bool was_done = impl.tls->handshake_done();
  plain.clear();
  const Status received = impl.tls->Receive(bytes, &plain, &impl.sealed);
  Touch(stream);
  if (!received) {
    Gone(stream, received.error().message);
    return;
  }
  if (!was_done && impl.tls->handshake_done()) impl.events->OnConnected(stream);
  std::string heard;
  heard.swap(plain);
  if (!heard.empty() && !impl.closing && impl.events != nullptr) impl.events->OnBytes(heard);
  heard.clear();
  plain.swap(heard);
  if (!impl.closing && impl.tls->peer_closed()) Gone(stream, "closed by the peer");
}

std::string LoopImpl::TakeBuffer() {
  if (spare_buffers.empty()) return {};
  std::string buffer = std::move(spare_buffers.back());
  spare_buffers.pop_back();
  return buffer;
}

void LoopImpl::GiveBuffer(std::string buffer) {
  if (spare_buffers.size() >= kSpareBuffersMax || buffer.capacity() > kSpareBufferBytesMax ||
      buffer.capacity() < 64) {
    return;
  }
  buffer.clear();
  spare_buffers.push_back(std::move(buffer));
}

void LoopImpl::Touch(Stream& stream) {
  Stream::Impl& impl = *stream.impl_;
  if (impl.dirty) return;
  impl.dirty = true;
  dirty.push_back(&stream);
  if (impl.out.capacity() < 64) impl.out = TakeBuffer();
}

void LoopImpl::EndTurn() {
  // Sending may break a stream, whose owner may then write to another one.
  for (std::size_t i = 0; i < dirty.size(); ++i) {
    Stream& stream = *dirty[i];
    stream.impl_->dirty = false;
    SendNow(stream);
  }
  dirty.clear();
  turn_nanos = 0;
}

// How many bytes the kernel took, or nothing if the connection is broken.
std::optional<std::size_t> LoopImpl::Send(Stream& stream, std::string_view bytes) {
  const ssize_t sent = system_call::Send(stream.impl_->fd, bytes.data(), bytes.size());
  if (sent >= 0) return static_cast<std::size_t>(sent);
  if (errno == EAGAIN || errno == EINTR) return 0;
  // What the peer said before it left is still to be heard, and may tell why; its end comes then.
  if (!stream.impl_->paused) return bytes.size();
  Gone(stream, SystemError(errno));
  return std::nullopt;
}

void LoopImpl::SendNow(Stream& stream) {
  Stream::Impl& impl = *stream.impl_;
  if (impl.closing || impl.writing() || !impl.connected) return;
  if (impl.tls != nullptr) {
    const Status sealed =
        impl.tls->handshake_done() ? impl.tls->Send(impl.out, &impl.sealed) : Ok();
    if (impl.tls->handshake_done()) impl.out.clear();
    if (!sealed) {
      Gone(stream, sealed.error().message);
      return;
    }
  }
  std::string& bytes = impl.tls != nullptr ? impl.sealed : impl.out;
  if (!bytes.empty()) {
    const std::optional<std::size_t> sent = Send(stream, bytes);
    if (!sent) return;
    if (*sent < bytes.size()) {
      impl.sending.swap(bytes);
      impl.sending_from = *sent;
      return;
    }
    bytes.clear();
    Sent(impl, *sent);
  }
  if (impl.close_when_sent) BeginClose(stream);
}

// Small buffers stay for the next answer; a thousand idle clients must not keep large ones.
void LoopImpl::Sent(Stream::Impl& impl, std::size_t sent) {
  if (impl.out.capacity() > kKeptBufferBytes && impl.out.empty()) {
    GiveBuffer(std::move(impl.out));
    impl.out = {};
    if (sent <= kKeptBufferBytes / 2) impl.out.reserve(kKeptBufferBytes / 2);
  }
  if (impl.sealed.capacity() > kKeptBufferBytes) impl.sealed = {};
}

// The kernel takes bytes again.
void LoopImpl::SendRest(Stream& stream) {
  Stream::Impl& impl = *stream.impl_;
  if (impl.closing) return;
  const std::string_view rest = std::string_view(impl.sending).substr(impl.sending_from);
  const std::optional<std::size_t> sent = Send(stream, rest);
  if (!sent) return;
  impl.sending_from += *sent;
  if (*sent < rest.size()) return;
  GiveBuffer(std::move(impl.sending));
  impl.sending = {};
  impl.sending_from = 0;
  SendNow(stream);
  if (!impl.closing && !impl.writing() && impl.events != nullptr) impl.events->OnDrained();
}

std::string& Stream::out() {
  impl_->loop.impl().Touch(*this);
  return impl_->out;
}

void Stream::Flush() { impl_->loop.impl().SendNow(*this); }

std::size_t Stream::backlog_bytes() const {
  if (!impl_->writing()) return 0;
  return impl_->out.size() + impl_->sealed.size() + impl_->sending.size() - impl_->sending_from;
}

void Stream::Pause() { impl_->paused = true; }

void Stream::Resume() {
  if (!std::exchange(impl_->paused, false)) return;
  if (impl_->readable) impl_->loop.impl().ReadAgain(*this);
}

void Stream::Close() { impl_->loop.impl().BeginClose(*this); }

void Stream::CloseAfterFlush() {
  if (impl_->closing) return;
  impl_->events = nullptr;
  if (impl_->tls != nullptr && impl_->tls->handshake_done() && !impl_->writing()) {
    Flush();
    if (impl_->closing) return;
    if (!impl_->writing()) impl_->tls->Close(&impl_->sealed);
  }
  impl_->close_when_sent = true;
  impl_->loop.impl().Touch(*this);
}

void Stream::StartTls(std::shared_ptr<const TlsContext> context, TlsStream::Role role,
                      std::string_view early) {
  Flush();  // What was said before is said in the clear.
  impl_->tls = std::make_unique<TlsStream>(std::move(context), role);
  if (role == TlsStream::Role::kClient) {
    (void)impl_->tls->Start(&impl_->sealed);  // The first bytes of a client cannot fail.
    impl_->loop.impl().Touch(*this);
  }
  if (!early.empty()) impl_->loop.impl().Received(*this, early);
}

const TlsStream* Stream::tls() const { return impl_->tls.get(); }

std::string Stream::PeerAddress() const {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  char text[INET6_ADDRSTRLEN] = {};
  if (::getpeername(impl_->fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    return "unknown";
  }
  if (address.ss_family == AF_INET) {
    uv_ip4_name(reinterpret_cast<const sockaddr_in*>(&address), text, sizeof text);
  } else {
    uv_ip6_name(reinterpret_cast<const sockaddr_in6*>(&address), text, sizeof text);
  }
  return text;
}

}  // namespace foreshard::router
