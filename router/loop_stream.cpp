#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>

#include "base/check.h"
#include "router/limits.h"
#include "router/loop_impl.h"

namespace foreshard::router {
namespace {

Stream& StreamOf(const void* data) { return *static_cast<Stream*>(const_cast<void*>(data)); }

// One recv(). False when nothing more is to be had now, or the stream is gone.
bool ReceiveOnce(LoopImpl& loop, Stream& stream) {
  auto& bytes = loop.read_buffer;
  const ssize_t got = ::recv(LoopImpl::Of(stream).fd, bytes.data(), bytes.size(), 0);
  if (got > 0) {
    loop.Received(stream, std::string_view(bytes.data(), static_cast<std::size_t>(got)));
    return true;
  }
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  loop.Gone(stream, got == 0 ? "closed by the peer" : SystemError(errno));
  return false;
}

// libuv has stopped to watch: the peer reset the connection, or it never came to be. What came
// before is still to be had, unless reading is paused: then Resume() comes here again.
void OnBroken(LoopImpl& loop, Stream& stream) {
  Stream::Impl& impl = LoopImpl::Of(stream);
  impl.watched = 0;
  if (!impl.connected) {
    loop.FinishConnect(stream);
    return;
  }
  if (impl.paused) return;
  while (!impl.closing && !impl.paused && ReceiveOnce(loop, stream)) {
  }
  if (!impl.closing && !impl.paused) loop.Gone(stream, "the connection broke");
}

void OnPoll(uv_poll_t* handle, int status, int events) {
  Stream& stream = StreamOf(handle->data);
  Stream::Impl& impl = LoopImpl::Of(stream);
  LoopImpl& loop = impl.loop.impl();
  if (status < 0) {
    OnBroken(loop, stream);
  } else {
    if ((events & UV_WRITABLE) != 0) {
      if (impl.connected) {
        loop.SendRest(stream);
      } else {
        loop.FinishConnect(stream);
      }
    }
    if ((events & UV_READABLE) != 0 && !impl.closing && !impl.paused && impl.connected) {
      ReceiveOnce(loop, stream);
    }
  }
  if (loop.dirty.size() >= kDirtyStreamsMax) loop.EndTurn();
}

}  // namespace

Stream::Stream(Loop& loop) : impl_(std::make_unique<Impl>(loop)) {}
Stream::~Stream() = default;

Stream* LoopImpl::New(Loop& loop) {
  auto* stream = new Stream(loop);
  loop.impl().streams.insert(stream);
  return stream;
}

void LoopImpl::Adopt(Stream& stream, int fd) {
  Stream::Impl& impl = Of(stream);
  impl.fd = fd;
  CHECK(uv_poll_init(&impl.loop.impl().uv, &impl.poll, fd) == 0, "a socket cannot be watched");
  impl.poll.data = &stream;
  impl.poll_open = true;
}

// A stream is freed when its handle is closed and no look-up of its name is under way.
void LoopImpl::Delete(Stream* stream) {
  const Stream::Impl& impl = *stream->impl_;
  if (!impl.resolving && !impl.poll_open) delete stream;
}

// Tells libuv what to wait for, if that is not what it waits for.
void LoopImpl::Watch(Stream& stream) {
  Stream::Impl& impl = *stream.impl_;
  if (impl.closing || !impl.poll_open) return;
  int wanted = impl.connected && !impl.paused ? UV_READABLE : 0;
  if (!impl.connected || impl.writing()) wanted |= UV_WRITABLE;
  if (wanted == impl.watched) return;
  impl.watched = wanted;
  if (wanted == 0) {
    uv_poll_stop(&impl.poll);
  } else {
    uv_poll_start(&impl.poll, wanted, OnPoll);
  }
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
  if (!impl.poll_open) return;  // The end of the look-up frees it.
  uv_close(reinterpret_cast<uv_handle_t*>(&impl.poll), [](uv_handle_t* handle) {
    Stream& closed = StreamOf(handle->data);
    Of(closed).poll_open = false;
    Delete(&closed);
  });
  ::close(impl.fd);
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
  const ssize_t sent = ::send(stream.impl_->fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
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
      Watch(stream);
      return;
    }
    bytes.clear();
  }
  Sent(impl);
  if (impl.close_when_sent) BeginClose(stream);
}

// Small buffers stay for the next answer; a thousand idle clients must not keep large ones.
void LoopImpl::Sent(Stream::Impl& impl) {
  if (impl.out.capacity() > kKeptBufferBytes && impl.out.empty()) {
    GiveBuffer(std::move(impl.out));
    impl.out = {};
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
  Watch(stream);
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

void Stream::Pause() {
  impl_->paused = true;
  LoopImpl::Watch(*this);
}

void Stream::Resume() {
  impl_->paused = false;
  LoopImpl::Watch(*this);
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
