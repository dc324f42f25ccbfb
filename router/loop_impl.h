#pragma once

#include <uv.h>

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <system_error>

#include "router/loop.h"
#include "router/loop_pace.h"
#include "router/tcp_patience.h"

// The inside of loop.h: included by loop*.cpp only.

namespace foreshard::router {

inline constexpr std::size_t kReadBufferBytes = 256 * 1024;
inline constexpr std::size_t kSpareBuffersMax = 64;
inline constexpr std::size_t kSpareBufferBytesMax = 256 * 1024;
inline constexpr std::size_t kDirtyStreamsMax = 32;  // that a turn gathers bytes for
inline constexpr int kEventsMax = 256;               // that one poll brings

inline std::string SystemError(int code) { return std::generic_category().message(code); }

struct Stream::Impl {
  explicit Impl(Loop& owner) : loop(owner) {}

  // First what each read and write touches.
  Loop& loop;
  StreamEvents* events = nullptr;
  int fd = -1;
  bool resolving = false;
  bool connected = false;
  bool readable =
      false;            // the kernel may have more: its next edge would not come before it is read
  bool ended = false;   // it told of an end or an error: read until that comes
  bool queued = false;  // in LoopImpl::again
  bool paused = false;
  bool dirty = false;
  bool closing = false;
  bool close_when_sent = false;
  std::string out;      // gathered in this turn, plain
  std::string sending;  // what the kernel did not take at once
  std::unique_ptr<TlsStream> tls;
  std::size_t sending_from = 0;         // the first byte of `sending` that it did not take
  std::string sealed;                   // encrypted, not yet given to the kernel
  std::optional<TcpPatience> patience;  // of a server
  ConnectOptions options;
  uv_getaddrinfo_t resolve{};

  bool writing() const { return !sending.empty(); }
};

struct LoopImpl {
  struct Listener {
    uv_poll_t poll{};
    int fd = -1;
    int spare_fd = -1;  // given up to refuse a connection when there are no more
    LoopImpl* loop = nullptr;
    std::function<StreamEvents*(Stream&)> on_stream;
  };
  struct Timer {
    uv_timer_t handle{};
    LoopImpl* loop = nullptr;
    Loop::TimerId id = 0;
    bool repeats = false;
    std::function<void()> work;
  };

  explicit LoopImpl(Loop& loop) : owner(loop) {}

  void Touch(Stream& stream);  // its gathered bytes go out at the end of the turn
  void EndTurn();
  std::string TakeBuffer();
  void GiveBuffer(std::string buffer);
  void Gone(Stream& stream, std::string_view reason);
  void Run();
  int Wait() const;
  void RunUv();
  void ReadOn();
  std::uint64_t Nanos();
  void OnEvents(Stream& stream, std::uint32_t events);
  void Read(Stream& stream);
  void ReadAgain(Stream& stream);  // in the next turn, though no event tells of it
  void BuryDead();
  void FinishConnect(Stream& stream);
  void BePatient();
  void Received(Stream& stream, std::string_view bytes);
  void BeginClose(Stream& stream);
  void SendNow(Stream& stream);
  void SendRest(Stream& stream);
  std::optional<std::size_t> Send(Stream& stream, std::string_view bytes);
  void Sent(Stream::Impl& impl, std::size_t sent);
  static void Adopt(Stream& stream, int fd);
  static Stream::Impl& Of(Stream& stream) { return *stream.impl_; }
  static Stream* New(Loop& loop);

  Loop& owner;
  int epoll_fd = -1;  // of streams, and of libuv's own
  LoopPace pace;
  uv_loop_t uv{};
  uv_async_t wake{};
  bool uv_alive = true;
  bool uv_wanted = true;     // libuv was told of something since it ran
  std::uint64_t uv_due = 0;  // when its next timer is due, in nanoseconds of uv_hrtime()
  std::mutex mutex;          // guards posted
  std::vector<std::function<void()>> posted;
  std::vector<char> read_buffer = std::vector<char>(kReadBufferBytes);
  std::vector<std::string> spare_buffers;
  std::vector<Stream*> dirty;
  std::vector<Stream*> again;
  std::vector<Stream*> reading;  // `again` of the turn before, while it is gone through
  std::vector<Stream*> dead;     // closed; freed at the end of the turn, when nobody names them
  std::set<Stream*> streams;
  std::set<Stream*> servers;                    // those of them that we connected
  std::optional<Loop::TimerId> patience_timer;  // while there are any
  std::vector<std::unique_ptr<Listener>> listeners;
  std::map<Loop::TimerId, std::unique_ptr<Timer>> timers;
  Loop::TimerId next_timer = 1;
  std::string plain;             // of TLS, reused
  std::uint64_t turn_nanos = 0;  // when this turn began; 0: nobody asked yet
  std::uint64_t now_nanos = 0;   // about now: when the last turn began
  bool stopping = false;
};

}  // namespace foreshard::router
