#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "router/tls.h"

// One event loop of one thread, and what lives on it: streams, listeners, timers. Streams are
// polled by an epoll of ours, told of edges only; libuv, whose own epoll is one more descriptor in
// it, does the rest: timers, listeners, look-ups, other threads' calls. A statement passes four
// streams' events, and libuv's way to them costs more (docs/router-speed.md).
//
// Reading: one recv() per readiness into a large buffer of the thread; the bytes are valid during
// OnBytes() only. Writing: Write() gathers; everything gathered for a stream during a turn (all
// that one poll brought, but at most 32 streams) goes out in one system call at its end. Ending:
// Close() of a stream ends all calls to its owner at once; its memory goes at the end of the turn.
// Run() returns when Stop() was called and every handle is closed.

namespace foreshard::router {

class Loop;
class Stream;
struct LoopImpl;

class StreamEvents {
 public:
  virtual ~StreamEvents() = default;
  virtual void OnConnected(Stream&) {
  }  // of Connect(), and again when a TLS handshake of ours is done
  virtual void OnBytes(std::string_view bytes) = 0;  // plain, never empty
  virtual void OnDrained() {}                        // what could not be sent at once is sent
  // The peer closed, or the connection broke, or never came to be. No call follows; the stream
  // closes itself.
  virtual void OnGone(std::string_view reason) = 0;
};

// A TCP connection, with or without TLS. Owned by the loop; whoever holds the pointer calls Close()
// exactly once, or hears OnGone() and forgets it. Threads: the loop's.
class Stream {
 public:
  struct Impl;

  // Everything written during this turn; encoders append to it. May be called again and again.
  std::string& out();
  void Write(std::string_view bytes) { out().append(bytes); }
  // Sends what is gathered, now. Called by the loop at the end of each turn.
  void Flush();
  // What waits since the kernel did not take all of it; 0 while it takes everything, so that
  // OnDrained() comes to whoever saw more than 0.
  std::size_t backlog_bytes() const;

  void Pause();  // no OnBytes() until Resume()
  void Resume();
  void Close();            // drops what is not sent
  void CloseAfterFlush();  // sends what is gathered, then closes; no further events

  // From here on bytes are encrypted. `early` are encrypted bytes that came already.
  void StartTls(std::shared_ptr<const TlsContext> context, TlsStream::Role role,
                std::string_view early = {});
  const TlsStream* tls() const;
  std::string PeerAddress() const;

 private:
  friend struct LoopImpl;
  friend class Loop;
  explicit Stream(Loop& loop);
  ~Stream();
  std::unique_ptr<Impl> impl_;
};

struct ConnectOptions {
  std::string host;
  std::uint16_t port = 5432;
  std::chrono::milliseconds user_timeout{5'000};  // a frozen peer is given up after this
};

class Loop {
 public:
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void Run();
  // Any thread. Run() returns once all handles are closed; their owners are expected to close them
  // on `on_stop`.
  void Stop();
  // Any thread: runs `work` on the loop's thread, in order.
  void Post(std::function<void()> work);
  // Time of this turn: all that happens in it happens at once.
  MonotonicTime Now() const;

  // Resolves, connects, reports to `events` later (never inside this call).
  Stream* Connect(const ConnectOptions& options, StreamEvents* events);
  // The addresses of a name, none if it has none; never inside this call.
  void Resolve(const std::string& host, std::function<void(std::vector<std::string>)> done);
  // `on_stream` is called for each accepted connection and sets its events. Port 0: from the
  // kernel; the port is returned.
  Result<std::uint16_t> Listen(std::string_view address, std::uint16_t port,
                               std::function<StreamEvents*(Stream&)> on_stream);
  void StopListening();

  using TimerId = std::uint64_t;
  TimerId After(std::chrono::milliseconds delay, std::function<void()> work);
  TimerId Every(std::chrono::milliseconds period, std::function<void()> work);
  void Cancel(TimerId timer);  // of a timer that has run: nothing happens

  std::size_t open_streams() const;
  LoopImpl& impl() { return *impl_; }

 private:
  std::unique_ptr<LoopImpl> impl_;
};

// "0.0.0.0:5432" or "[::1]:5432" or "host:5432". Errors: kGiveUp with the text.
struct HostPort {
  std::string host;
  std::uint16_t port = 0;
};
Result<HostPort> ParseHostPort(std::string_view text, std::uint16_t default_port);

}  // namespace foreshard::router
