#include "bench/load_generator/target.h"

#include <gtest/gtest.h>

namespace foreshard::load {
namespace {

TEST(Target, LoopbackIsAlwaysAllowed) {
  EXPECT_TRUE(CheckTarget("host=127.0.0.1 port=5432", {}));
  EXPECT_TRUE(CheckTarget("host=127.8.9.1", {}));
  EXPECT_TRUE(CheckTarget("host=::1", {}));
}

TEST(Target, AnyOtherAddressIsRefusedUnlessItsNetworkWasGiven) {
  for (const char* host :
       {"10.96.0.7", "192.168.1.1", "8.8.8.8", "128.0.0.1", "database.example", "localhost", ""}) {
    EXPECT_FALSE(CheckTarget(std::string("host=") + host, {})) << host;
  }
  EXPECT_TRUE(CheckTarget("host=10.96.0.7", {"10.96.0.0/16"}));
  EXPECT_FALSE(CheckTarget("host=10.97.0.7", {"10.96.0.0/16"}));
  EXPECT_FALSE(CheckTarget("host=8.8.8.8", {"0.0.0.0/0"}))
      << "a network that is most of the world is no network";
}

TEST(Target, TheMessageSaysWhatWouldBeAccepted) {
  const Status refused = CheckTarget("host=8.8.8.8", {"10.96.0.0/16"});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("8.8.8.8"), std::string::npos);
  EXPECT_NE(refused.error().message.find("10.96.0.0/16"), std::string::npos);
}

}  // namespace
}  // namespace foreshard::load
