#include "tests/unit/router/loop_world.h"

namespace foreshard::router {
namespace {

using LoopStream = LoopWorld;

// More than the kernel takes at once.
std::string Large() {
  std::string text(16 << 20, 'x');
  for (std::size_t i = 0; i < text.size(); i += 4096)
    text[i] = static_cast<char>('a' + i / 4096 % 26);
  return text;
}

TEST_F(LoopStream, BothSidesHearEachOther) {
  Listen();
  client.on_connected = [&] { client.stream->Write("ping"); };
  server.on_bytes = [&] { server.stream->Write("pong"); };
  client.on_bytes = [&] { std::exchange(client.stream, nullptr)->Close(); };
  server.on_gone = [&] { Done(); };
  Connect();
  Run();
  EXPECT_EQ(client.connected, 1);
  EXPECT_EQ(server.bytes, "ping");
  EXPECT_EQ(client.bytes, "pong");
  EXPECT_EQ(server.gone, "closed by the peer");
  EXPECT_TRUE(client.gone.empty()) << "who closes hears nothing more";
}

TEST_F(LoopStream, ASlowReaderGetsAllOfItOnceItReadsAgain) {
  Listen();
  const std::string text = Large();
  std::size_t backlog = 0;
  client.on_connected = [&] {
    client.stream->Pause();
    client.stream->Write("?");
  };
  server.on_bytes = [&] {
    server.stream->Write(text);
    server.stream->Flush();
    backlog = server.stream->backlog_bytes();
    server.stream->Write("!");  // Behind what still waits.
    client.stream->Resume();
  };
  client.on_bytes = [&] {
    if (client.bytes.size() == text.size() + 1 && server.drained > 0) Done();
  };
  std::size_t backlog_after = 1;
  server.on_drained = [&] {
    backlog_after = server.stream->backlog_bytes();
    client.on_bytes();
  };
  Connect();
  Run();
  EXPECT_GT(backlog, 0U);
  EXPECT_GT(server.drained, 0);
  EXPECT_EQ(backlog_after, 0U) << "whoever waits for less would wait for ever";
  EXPECT_TRUE(client.bytes == text + "!") << client.bytes.size() << " bytes";
}

// Nobody is told when they are sent, so nobody may wait for it.
TEST_F(LoopStream, BytesOfThisTurnAreNoBacklog) {
  Listen();
  client.on_connected = [&] { client.stream->Write("?"); };
  server.on_bytes = [&] {
    server.stream->Write(std::string(100'000, 'x'));
    EXPECT_EQ(server.stream->backlog_bytes(), 0U);
  };
  client.on_bytes = [&] {
    if (client.bytes.size() == 100'000) Done();
  };
  Connect();
  Run();
  EXPECT_EQ(server.drained, 0);
}

TEST_F(LoopStream, WhoIsPausedHearsNothing) {
  Listen();
  client.on_connected = [&] {
    client.stream->Pause();
    client.stream->Write("?");
  };
  server.on_bytes = [&] {
    server.stream->Write("heard too early");
    loop.After(std::chrono::milliseconds(20), [&] {
      EXPECT_EQ(client.bytes, "");
      client.stream->Resume();
    });
  };
  client.on_bytes = [&] { Done(); };
  Connect();
  Run();
  EXPECT_EQ(client.bytes, "heard too early");
}

// More than one recv() takes, told of once; and paused in the middle of it.
TEST_F(LoopStream, WhatOneReadLeavesIsReadWithoutBeingToldAgain) {
  Listen();
  const std::string text(3'000'000, 'x');
  client.on_connected = [&] { client.stream->Write(text); };
  bool paused = false;
  server.on_bytes = [&] {
    if (!std::exchange(paused, true)) {
      server.stream->Pause();
      loop.After(std::chrono::milliseconds(20), [&] { server.stream->Resume(); });
    }
    if (server.bytes.size() == text.size()) Done();
  };
  Connect();
  Run();
  EXPECT_EQ(server.bytes.size(), text.size());
}

// The last bytes and the end of the stream may be told in one event.
TEST_F(LoopStream, AnEndThatCameWithBytesIsHeard) {
  Listen();
  server.on_gone = [&] { Done(); };
  const int peer = RawPeer();
  ASSERT_EQ(::send(peer, "good-bye", 8, MSG_NOSIGNAL), 8);
  ::close(peer);
  Run();
  EXPECT_EQ(server.bytes, "good-bye");
  EXPECT_EQ(server.gone, "closed by the peer");
}

TEST_F(LoopStream, ClosingAfterFlushSendsAllFirst) {
  Listen();
  const std::string text = Large();
  client.on_connected = [&] { client.stream->Write("?"); };
  server.on_bytes = [&] {
    server.stream->Write(text);
    std::exchange(server.stream, nullptr)->CloseAfterFlush();
  };
  client.on_gone = [&] { Done(); };
  Connect();
  Run();
  EXPECT_TRUE(client.bytes == text) << client.bytes.size() << " bytes";
  EXPECT_EQ(client.gone, "closed by the peer");
  EXPECT_TRUE(server.gone.empty());
}

// An answer that came before the connection broke is still an answer.
TEST_F(LoopStream, AResetTakesNothingBackThatCameBefore) {
  Listen();
  on_accepted = [&] {
    server.stream->Pause();
    loop.After(std::chrono::milliseconds(20), [&] { server.stream->Resume(); });
  };
  server.on_gone = [&] { Done(); };
  const int peer = RawPeer();
  ASSERT_EQ(::send(peer, "last words", 10, MSG_NOSIGNAL), 10);
  const linger reset{.l_onoff = 1, .l_linger = 0};
  ASSERT_EQ(::setsockopt(peer, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
  ::close(peer);
  Run();
  EXPECT_EQ(server.bytes, "last words");
  EXPECT_EQ(server.gone, "Connection reset by peer");
}

TEST_F(LoopStream, AResetWhileBytesWaitEndsTheStream) {
  Listen();
  const std::string text = Large();
  int peer = -1;
  on_accepted = [&] {
    server.stream->Write(text);
    loop.After(std::chrono::milliseconds(20), [&] {
      EXPECT_GT(server.stream->backlog_bytes(), 0U);
      ::close(peer);  // With unread bytes: a reset.
    });
  };
  server.on_gone = [&] { Done(); };
  peer = RawPeer();
  Run();
  EXPECT_FALSE(server.gone.empty());
  EXPECT_EQ(server.drained, 0);
}

TEST_F(LoopStream, MayBeClosedFromWithinItsOwnEvents) {
  Listen();
  client.on_connected = [&] { client.stream->Write("?"); };
  server.on_bytes = [&] {
    server.stream->Write("never sent");
    std::exchange(server.stream, nullptr)->Close();
  };
  client.on_gone = [&] { Done(); };
  Connect();
  Run();
  EXPECT_EQ(client.bytes, "");
}

TEST_F(LoopStream, KnowsItsPeer) {
  Listen();
  std::string address;
  on_accepted = [&] {
    address = server.stream->PeerAddress();
    Done();
  };
  const int peer = RawPeer();
  Run();
  ::close(peer);
  EXPECT_EQ(address, "127.0.0.1");
}

// It waits for a lock, say, and its kernel answers every probe.
TEST_F(LoopStream, WhoDoesNotReadForLongerThanTheTimeoutIsNotFrozen) {
  // Linux answers a probe of a closed window twice a second at most (tcp_invalid_ratelimit).
  constexpr std::chrono::milliseconds kTimeout{2'000};
  const std::string text(16 << 20, 'x');
  Listen();
  on_accepted = [&] { server.stream->Pause(); };
  client.on_connected = [&] {
    client.stream->Write(text);
    loop.After(3 * kTimeout, [&] {
      if (server.stream != nullptr) server.stream->Resume();
    });
  };
  server.on_bytes = [&] {
    if (server.bytes.size() == text.size()) Done();
  };
  client.on_gone = [&] { Done(); };
  client.stream =
      loop.Connect({.host = "127.0.0.1", .port = port, .user_timeout = kTimeout}, &client);
  Run();
  EXPECT_EQ(server.bytes.size(), text.size()) << client.gone;
}

}  // namespace
}  // namespace foreshard::router
