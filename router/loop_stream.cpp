#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "base/check.h"
#include "router/loop_impl.h"

namespace foreshard::router {
namespace {

Stream& StreamOf(const void* data) { return *static_cast<Stream*>(const_cast<void*>(data)); }

void OnAlloc(uv_handle_t* handle, std::size_t, uv_buf_t* buffer) {
  Stream& stream = StreamOf(handle->data);
  auto& bytes = LoopImpl::Of(stream).loop.impl().read_buffer;
  *buffer = uv_buf_init(bytes.data(), static_cast<unsigned>(bytes.size()));
}

void OnRead(uv_stream_t* handle, ssize_t length, const uv_buf_t* buffer) {
  Stream& stream = StreamOf(handle->data);
  LoopImpl& loop = LoopImpl::Of(stream).loop.impl();
  if (length > 0) {
    loop.Received(stream, std::string_view(buffer->base, static_cast<std::size_t>(length)));
  } else if (length < 0) {
    loop.Gone(stream,
              length == UV_EOF ? "closed by the peer" : uv_strerror(static_cast<int>(length)));
  }
  loop.EndTurn();
}

void OnWritten(uv_write_t* request, int status) {
  Stream& stream = StreamOf(request->data);
  Stream::Impl& impl = LoopImpl::Of(stream);
  LoopImpl& loop = impl.loop.impl();
  impl.writing = false;
  impl.sending.clear();
  if (impl.closing) return;
  if (status < 0) {
    loop.Gone(stream, uv_strerror(status));
  } else {
    loop.SendNow(stream);
    if (!impl.closing && !impl.writing && impl.events != nullptr) impl.events->OnDrained();
  }
  loop.EndTurn();
}

// A frozen or cut-off server must be noticed within seconds, even while nothing is being sent to
// it.
void SetServerTimeouts(uv_tcp_t& tcp, std::chrono::milliseconds user_timeout) {
  uv_os_fd_t fd = -1;
  if (uv_fileno(reinterpret_cast<uv_handle_t*>(&tcp), &fd) != 0) return;
  const int on = 1;
  const int idle_s = 2;
  const int interval_s = 1;
  const int probes = 3;
  const int timeout_ms = static_cast<int>(user_timeout.count());
  ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
  ::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof timeout_ms);
}

void OnConnect(uv_connect_t* request, int status) {
  Stream& stream = StreamOf(request->data);
  Stream::Impl& impl = LoopImpl::Of(stream);
  LoopImpl& loop = impl.loop.impl();
  if (impl.closing) return;
  if (status < 0) {
    loop.Gone(stream, fmt::format("cannot connect to {}:{}: {}", impl.options.host,
                                  impl.options.port, uv_strerror(status)));
  } else {
    uv_tcp_nodelay(&impl.tcp, 1);
    SetServerTimeouts(impl.tcp, impl.options.user_timeout);
    impl.connected = true;
    if (!impl.paused) LoopImpl::StartReading(stream);
    impl.events->OnConnected(stream);
  }
  loop.EndTurn();
}

void OnResolved(uv_getaddrinfo_t* request, int status, addrinfo* found) {
  Stream& stream = StreamOf(request->data);
  Stream::Impl& impl = LoopImpl::Of(stream);
  LoopImpl& loop = impl.loop.impl();
  impl.resolving = false;
  if (impl.closing) {
    uv_freeaddrinfo(found);
    LoopImpl::Delete(&stream);
    return;
  }
  int code = status;
  if (code == 0) {
    impl.connect.data = &stream;
    code = uv_tcp_connect(&impl.connect, &impl.tcp, found->ai_addr, OnConnect);
  }
  uv_freeaddrinfo(found);
  if (code != 0) {
    loop.Gone(stream, fmt::format("cannot reach {}: {}", impl.options.host, uv_strerror(code)));
  }
  loop.EndTurn();
}

}  // namespace

Stream::Stream(Loop& loop) : impl_(std::make_unique<Impl>(loop)) {}
Stream::~Stream() = default;

Stream* LoopImpl::New(Loop& loop) {
  auto* stream = new Stream(loop);
  Stream::Impl& impl = *stream->impl_;
  uv_tcp_init(&loop.impl().uv, &impl.tcp);
  impl.tcp.data = stream;
  impl.write.data = stream;
  loop.impl().streams.insert(stream);
  return stream;
}

// A stream is freed when its handle is closed and no look-up of its name is under way.
void LoopImpl::Delete(Stream* stream) {
  Stream::Impl& impl = *stream->impl_;
  if (impl.resolving || uv_is_closing(reinterpret_cast<uv_handle_t*>(&impl.tcp)) == 0) return;
  if (impl.tcp.data == nullptr) delete stream;
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
  uv_close(reinterpret_cast<uv_handle_t*>(&impl.tcp), [](uv_handle_t* handle) {
    auto* closed = static_cast<Stream*>(handle->data);
    handle->data = nullptr;
    Delete(closed);
  });
}

void LoopImpl::Gone(Stream& stream, std::string_view reason) {
  Stream::Impl& impl = *stream.impl_;
  if (impl.closing) return;
  StreamEvents* events = impl.events;
  BeginClose(stream);
  if (events != nullptr) events->OnGone(reason);
}

void LoopImpl::StartReading(Stream& stream) {
  Stream::Impl& impl = *stream.impl_;
  if (impl.reading || impl.closing || !impl.connected) return;
  impl.reading = true;
  uv_read_start(reinterpret_cast<uv_stream_t*>(&impl.tcp), OnAlloc, OnRead);
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

void LoopImpl::SendNow(Stream& stream) {
  Stream::Impl& impl = *stream.impl_;
  if (impl.closing || impl.writing || !impl.connected) return;
  if (impl.tls != nullptr) {
    const Status sealed =
        impl.tls->handshake_done() ? impl.tls->Send(impl.out, &impl.sealed) : Ok();
    if (impl.tls->handshake_done()) impl.out.clear();
    if (!sealed) {
      Gone(stream, sealed.error().message);
      return;
    }
    impl.sending.swap(impl.sealed);
  } else {
    impl.sending.swap(impl.out);
    GiveBuffer(std::move(impl.out));
    impl.out = {};
  }
  auto* handle = reinterpret_cast<uv_stream_t*>(&impl.tcp);
  if (!impl.sending.empty()) {
    uv_buf_t buffer = uv_buf_init(impl.sending.data(), static_cast<unsigned>(impl.sending.size()));
    const int sent = uv_try_write(handle, &buffer, 1);
    if (sent < 0 && sent != UV_EAGAIN) {
      Gone(stream, uv_strerror(sent));
      return;
    }
    if (static_cast<std::size_t>(std::max(sent, 0)) < impl.sending.size()) {
      impl.sending.erase(0, static_cast<std::size_t>(std::max(sent, 0)));
      buffer = uv_buf_init(impl.sending.data(), static_cast<unsigned>(impl.sending.size()));
      impl.writing = true;
      uv_write(&impl.write, handle, &buffer, 1, OnWritten);
      return;
    }
  }
  GiveBuffer(std::move(impl.sending));
  impl.sending = {};
  if (impl.close_when_sent) BeginClose(stream);
}

std::string& Stream::out() {
  impl_->loop.impl().Touch(*this);
  return impl_->out;
}

void Stream::Flush() { impl_->loop.impl().SendNow(*this); }

std::size_t Stream::backlog_bytes() const {
  return impl_->out.size() + impl_->sealed.size() + impl_->sending.size();
}

void Stream::Pause() {
  impl_->paused = true;
  if (!impl_->reading) return;
  impl_->reading = false;
  uv_read_stop(reinterpret_cast<uv_stream_t*>(&impl_->tcp));
}

void Stream::Resume() {
  impl_->paused = false;
  LoopImpl::StartReading(*this);
}

void Stream::Close() { impl_->loop.impl().BeginClose(*this); }

void Stream::CloseAfterFlush() {
  if (impl_->closing) return;
  impl_->events = nullptr;
  if (impl_->tls != nullptr && impl_->tls->handshake_done() && !impl_->writing) {
    Flush();
    if (impl_->closing) return;
    if (!impl_->writing) impl_->tls->Close(&impl_->sealed);
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
  int length = sizeof address;
  char text[INET6_ADDRSTRLEN] = {};
  if (uv_tcp_getpeername(&impl_->tcp, reinterpret_cast<sockaddr*>(&address), &length) != 0)
    return "unknown";
  if (address.ss_family == AF_INET) {
    uv_ip4_name(reinterpret_cast<const sockaddr_in*>(&address), text, sizeof text);
  } else {
    uv_ip6_name(reinterpret_cast<const sockaddr_in6*>(&address), text, sizeof text);
  }
  return text;
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

}  // namespace foreshard::router
