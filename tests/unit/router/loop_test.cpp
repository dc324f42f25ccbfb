#include "router/loop.h"

#include <sys/resource.h>

#include <thread>

#include "tests/unit/router/loop_world.h"

namespace foreshard::router {
namespace {

using LoopTest = LoopWorld;

// The number that the next descriptor would have.
rlim_t NextDescriptor() {
  const int next = ::dup(0);
  ::close(next);
  return static_cast<rlim_t>(next);
}

TEST_F(LoopTest, WorkOfOtherThreadsIsDoneInOrder) {
  std::vector<int> seen;
  std::jthread other([&] {
    for (int i = 0; i < 100; ++i) loop.Post([&seen, i] { seen.push_back(i); });
    loop.Post([&] { Done(); });
  });
  Run();
  ASSERT_EQ(seen.size(), 100U);
  EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
}

TEST_F(LoopTest, TimersRunOnceOrAgainAndAgainUntilCancelled) {
  int once = 0;
  int often = 0;
  int never = 0;
  loop.After(std::chrono::milliseconds(1), [&] { ++once; });
  loop.Cancel(loop.After(std::chrono::milliseconds(1), [&] { ++never; }));
  Loop::TimerId period = 0;
  period = loop.Every(std::chrono::milliseconds(1), [&] {
    if (++often < 5) return;
    loop.Cancel(period);
    loop.After(std::chrono::milliseconds(20), [&] { Done(); });
  });
  Run();
  EXPECT_EQ(once, 1);
  EXPECT_EQ(often, 5);
  EXPECT_EQ(never, 0);
}

TEST_F(LoopTest, AllThatHappensInOneTurnHappensAtOneTime) {
  std::vector<MonotonicTime> seen;
  loop.Post([&] {
    seen.push_back(loop.Now());
    seen.push_back(loop.Now());
    loop.After(std::chrono::milliseconds(2), [&] {
      seen.push_back(loop.Now());
      Done();
    });
  });
  Run();
  ASSERT_EQ(seen.size(), 3U);
  EXPECT_EQ(seen[0], seen[1]);
  EXPECT_LT(seen[1], seen[2]);
}

TEST_F(LoopTest, ManyStreamsAreWrittenToInOneTurn) {
  constexpr int kPeers = 100;  // More than one turn gathers for.
  std::vector<std::unique_ptr<Heard>> accepted;
  const Result<std::uint16_t> listening = loop.Listen("127.0.0.1", 0, [&](Stream& stream) {
    accepted.push_back(std::make_unique<Heard>());
    accepted.back()->stream = &stream;
    if (accepted.size() == kPeers) {
      for (const auto& peer : accepted) peer->stream->Write("all at once");
    }
    return accepted.back().get();
  });
  ASSERT_TRUE(listening);
  port = *listening;
  std::vector<std::unique_ptr<Heard>> peers;
  int heard = 0;
  for (int i = 0; i < kPeers; ++i) {
    peers.push_back(std::make_unique<Heard>());
    peers.back()->on_bytes = [&] {
      if (++heard == kPeers) Done();
    };
    loop.Connect({.host = "127.0.0.1", .port = port}, peers.back().get());
  }
  Run();
  for (const auto& peer : peers) EXPECT_EQ(peer->bytes, "all at once");
}

TEST_F(LoopTest, RefusesWhatIsNoAddressAndATakenPortOfSomebodyElse) {
  const Result<std::uint16_t> bad = loop.Listen("localhost", 0, {});
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().message, "localhost is not an address to listen on");
  const int taken = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  ASSERT_EQ(::bind(taken, reinterpret_cast<sockaddr*>(&address), length), 0);
  ASSERT_EQ(::getsockname(taken, reinterpret_cast<sockaddr*>(&address), &length), 0);
  ASSERT_EQ(::listen(taken, 1), 0);
  const Result<std::uint16_t> second = loop.Listen("127.0.0.1", ntohs(address.sin_port), {});
  ::close(taken);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().message, "bind: Address already in use");
}

// Without a descriptor to spare, the loop would be woken by the same connection for ever.
TEST_F(LoopTest, WithoutDescriptorsAConnectionIsRefusedAndTheLoopGoesOn) {
  Listen();
  const int first = RawPeer();
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit few{.rlim_cur = NextDescriptor(), .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  bool accepted = false;
  on_accepted = [&] { accepted = true; };
  loop.After(std::chrono::milliseconds(50), [&] {
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    EXPECT_FALSE(accepted);
    char byte = 0;
    const ssize_t got = ::recv(first, &byte, 1, MSG_DONTWAIT);
    EXPECT_TRUE(got == 0 || (got < 0 && errno == ECONNRESET)) << "it was left waiting";
    on_accepted = [&] { Done(); };
    Connect();
  });
  Run();
  ::close(first);
}

TEST(ParseHostPort, KnowsAllForms) {
  const auto parse = [](std::string_view text) {
    const Result<HostPort> parsed = ParseHostPort(text, 5432);
    return parsed ? parsed->host + " " + std::to_string(parsed->port) : std::string("refused");
  };
  EXPECT_EQ(parse("0.0.0.0:6432"), "0.0.0.0 6432");
  EXPECT_EQ(parse("db.example"), "db.example 5432");
  EXPECT_EQ(parse("[::1]:6432"), "::1 6432");
  EXPECT_EQ(parse("[::1]"), "::1 5432");
  for (const char* bad : {"", ":1", "a:", "a:70000", "a:1x", "[::1"}) {
    EXPECT_EQ(parse(bad), "refused") << bad;
  }
}

}  // namespace
}  // namespace foreshard::router
