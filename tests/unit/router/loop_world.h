#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <string>
#include <utility>

#include "router/loop.h"

// A loop run by the test's own thread, and both kinds of peers: streams of the loop, and plain
// blocking sockets of the test.

namespace foreshard::router {

// Keeps what it hears; calls back where a test wants to act.
class Heard final : public StreamEvents {
 public:
  void OnConnected(Stream&) override {
    ++connected;
    if (on_connected) on_connected();
  }
  void OnBytes(std::string_view text) override {
    bytes += text;
    if (on_bytes) on_bytes();
  }
  void OnDrained() override {
    ++drained;
    if (on_drained) on_drained();
  }
  void OnGone(std::string_view reason) override {
    stream = nullptr;
    gone = reason;
    if (on_gone) on_gone();
  }

  Stream* stream = nullptr;
  int connected = 0;
  int drained = 0;
  std::string bytes;
  std::string gone;
  std::function<void()> on_connected;
  std::function<void()> on_bytes;
  std::function<void()> on_drained;
  std::function<void()> on_gone;
};

class LoopWorld : public testing::Test {
 protected:
  // One listener; its first stream is `server`.
  void Listen() {
    const Result<std::uint16_t> listening = loop.Listen("127.0.0.1", 0, [this](Stream& stream) {
      server.stream = &stream;
      if (on_accepted) on_accepted();
      return &server;
    });
    ASSERT_TRUE(listening) << listening.error().message;
    port = *listening;
  }

  void Connect() { client.stream = loop.Connect({.host = "127.0.0.1", .port = port}, &client); }

  // Runs until Done() was called; a loop that never gets there fails the test after ten seconds.
  void Run() {
    loop.After(std::chrono::seconds(10), [this] {
      ADD_FAILURE() << "what was waited for did not happen";
      loop.Stop();
    });
    loop.Run();
  }
  void Done() { loop.Stop(); }

  // A socket of the kernel, connected to the listener, blocking.
  int RawPeer() const {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
    return fd;
  }

  Loop loop;
  Heard server;
  Heard client;
  std::uint16_t port = 0;
  std::function<void()> on_accepted;
};

}  // namespace foreshard::router
