#include "pg/wire_startup.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace foreshard::pg {
namespace {

TEST(WireStartup, ReadsEachKindOfFirstPacket) {
  std::string out;
  AppendStartup(&out, {{"user", "app"}, {"database", "shop"}});
  StartupPacket packet;
  ASSERT_EQ(NextStartup(out, &packet), WireFrameState::kComplete);
  EXPECT_EQ(packet.kind, StartupPacket::Kind::kStartup);
  EXPECT_EQ(packet.major, 3);
  EXPECT_EQ(packet.parameters.at("database"), "shop");
  EXPECT_EQ(packet.bytes, out.size());
  for (std::size_t cut = 0; cut < out.size(); ++cut) {
    EXPECT_EQ(NextStartup(out.substr(0, cut), &packet), WireFrameState::kIncomplete) << cut;
  }
  out.clear();
  AppendCancelRequest(&out, 5, 0xdeadbeef);
  ASSERT_EQ(NextStartup(out, &packet), WireFrameState::kComplete);
  EXPECT_EQ(packet.kind, StartupPacket::Kind::kCancelRequest);
  EXPECT_EQ(packet.secret_key, 0xdeadbeef);
  out.clear();
  AppendSslRequest(&out);
  ASSERT_EQ(NextStartup(out, &packet), WireFrameState::kComplete);
  EXPECT_EQ(packet.kind, StartupPacket::Kind::kSslRequest);
}

TEST(WireStartup, RefusesImpossibleLengths) {
  StartupPacket packet;
  EXPECT_EQ(NextStartup(std::string("\0\0\0\7", 4), &packet), WireFrameState::kInvalid);
  EXPECT_EQ(NextStartup(std::string("\x7f\0\0\0", 4), &packet), WireFrameState::kInvalid);
  EXPECT_EQ(NextStartup("GET / HTTP/1.1\r\n\r\n", &packet), WireFrameState::kInvalid);
}

TEST(WireStartup, BentPacketsEndInAnAnswer) {
  Random random(3);
  std::string good;
  AppendStartup(&good, {{"user", "app"}, {"options", "-c x=y"}});
  int complete = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = good;
    for (std::uint64_t i = random.Below(4); i > 0; --i)
      bytes[random.Below(bytes.size())] = static_cast<char>(random.Below(256));
    StartupPacket packet;
    if (NextStartup(bytes, &packet) != WireFrameState::kComplete) continue;
    ++complete;
    EXPECT_LE(packet.bytes, bytes.size());
  }
  EXPECT_GT(complete, 1'000);
}

}  // namespace
}  // namespace foreshard::pg
