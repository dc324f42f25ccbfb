#include "tests/unit/router/loop_world.h"

namespace foreshard::router {
namespace {

using LoopConnect = LoopWorld;

TEST_F(LoopConnect, ARefusedConnectionSaysWhereAndWhy) {
  Listen();
  loop.StopListening();
  client.on_gone = [&] { Done(); };
  Connect();
  Run();
  EXPECT_EQ(client.gone,
            "cannot connect to 127.0.0.1:" + std::to_string(port) + ": Connection refused");
  EXPECT_EQ(client.connected, 0);
}

TEST_F(LoopConnect, AnUnknownHostSaysSo) {
  client.on_gone = [&] { Done(); };
  client.stream = loop.Connect({.host = "no-such-host.invalid", .port = 5432}, &client);
  Run();
  EXPECT_TRUE(client.gone.starts_with("cannot reach no-such-host.invalid: ")) << client.gone;
}

TEST_F(LoopConnect, MayBeClosedBeforeItIsConnected) {
  Listen();
  Connect();
  client.stream->Close();  // During the look-up.
  Heard second;
  second.stream = loop.Connect({.host = "127.0.0.1", .port = port}, &second);
  loop.After(std::chrono::milliseconds(0), [&] { second.stream->Close(); });
  loop.After(std::chrono::milliseconds(20), [&] { Done(); });
  Run();
  EXPECT_EQ(client.connected, 0);
  EXPECT_TRUE(client.gone.empty());
  EXPECT_EQ(loop.open_streams(), 0U);
}

}  // namespace
}  // namespace foreshard::router
