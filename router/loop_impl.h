#pragma once

#include <uv.h>

#include <map>
#include <mutex>
#include <set>

#include "router/loop.h"

// The inside of loop.h: included by loop.cpp and loop_stream.cpp only.

namespace foreshard::router {

inline constexpr std::size_t kReadBufferBytes = 256 * 1024;
inline constexpr std::size_t kSpareBuffersMax = 64;
inline constexpr std::size_t kSpareBufferBytesMax = 256 * 1024;

struct Stream::Impl {
  explicit Impl(Loop& owner) : loop(owner) {}

  Loop& loop;
  uv_tcp_t tcp{};
  uv_connect_t connect{};
  uv_getaddrinfo_t resolve{};
  uv_write_t write{};
  ConnectOptions options;
  StreamEvents* events = nullptr;
  std::string out;      // gathered in this turn, plain
  std::string sealed;   // encrypted, not yet given to libuv
  std::string sending;  // given to libuv; must not move while `writing`
  std::unique_ptr<TlsStream> tls;
  bool resolving = false;
  bool connected = false;
  bool reading = false;
  bool paused = false;
  bool dirty = false;
  bool writing = false;
  bool closing = false;
  bool close_when_sent = false;
};

struct LoopImpl {
  struct Listener {
    uv_tcp_t tcp{};
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
  static void StartReading(Stream& stream);
  void Received(Stream& stream, std::string_view bytes);
  void BeginClose(Stream& stream);
  void SendNow(Stream& stream);
  static void Delete(Stream* stream);
  static Stream::Impl& Of(Stream& stream) { return *stream.impl_; }
  static Stream* New(Loop& loop);

  Loop& owner;
  uv_loop_t uv{};
  uv_async_t wake{};
  std::mutex mutex;  // guards posted
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
