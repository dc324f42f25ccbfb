#pragma once

#include <uv.h>

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <system_error>

#include "router/loop.h"

// The inside of loop.h: included by loop*.cpp only.

namespace foreshard::router {

inline constexpr std::size_t kReadBufferBytes = 256 * 1024;
inline constexpr std::size_t kSpareBuffersMax = 64;
inline constexpr std::size_t kSpareBufferBytesMax = 256 * 1024;
inline constexpr std::size_t kDirtyStreamsMax = 32;  // that a turn gathers bytes for

inline std::string SystemError(int code) { return std::generic_category().message(code); }

struct Stream::Impl {
  explicit Impl(Loop& owner) : loop(owner) {}

  Loop& loop;
  int fd = -1;
  uv_poll_t poll{};  // watches fd; initialised when there is one
  uv_getaddrinfo_t resolve{};
  ConnectOptions options;
  StreamEvents* events = nullptr;
  std::string out;               // gathered in this turn, plain
  std::string sealed;            // encrypted, not yet given to the kernel
  std::string sending;           // what the kernel did not take at once
  std::size_t sending_from = 0;  // the first byte of `sending` that it did not take
  std::unique_ptr<TlsStream> tls;
  int watched = 0;  // the events of libuv that fd is watched for
  bool resolving = false;
  bool poll_open = false;
  bool connected = false;
  bool paused = false;
  bool dirty = false;
  bool closing = false;
  bool close_when_sent = false;

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
  static void Watch(Stream& stream);
  void FinishConnect(Stream& stream);
  void Received(Stream& stream, std::string_view bytes);
  void BeginClose(Stream& stream);
  void SendNow(Stream& stream);
  void SendRest(Stream& stream);
  std::optional<std::size_t> Send(Stream& stream, std::string_view bytes);
  void Sent(Stream::Impl& impl);
  static void Adopt(Stream& stream, int fd);
  static void Delete(Stream* stream);
  static Stream::Impl& Of(Stream& stream) { return *stream.impl_; }
  static Stream* New(Loop& loop);

  Loop& owner;
  uv_loop_t uv{};
  uv_async_t wake{};
  uv_check_t turn_end{};  // after all that one poll brought
  std::mutex mutex;       // guards posted
  std::vector<std::function<void()>> posted;
  std::vector<char> read_buffer = std::vector<char>(kReadBufferBytes);
  std::vector<std::string> spare_buffers;
  std::vector<Stream*> dirty;
  std::set<Stream*> streams;
  std::vector<std::unique_ptr<Listener>> listeners;
  std::map<Loop::TimerId, std::unique_ptr<Timer>> timers;
  Loop::TimerId next_timer = 1;
  std::string plain;             // of TLS, reused
  std::uint64_t turn_nanos = 0;  // when this turn began; 0: nobody asked yet
  bool stopping = false;
};

}  // namespace foreshard::router
