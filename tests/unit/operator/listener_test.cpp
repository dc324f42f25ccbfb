#include "operator/listener.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace foreshard::op {
namespace {

TEST(Listener, ThePortThatTheKernelChoseIsTold) {
  const Result<int> listener = ListenAt("127.0.0.1:0", 8);
  ASSERT_TRUE(listener.ok()) << listener.error().message;
  const int port = PortOf(*listener);
  EXPECT_GT(port, 0);
  const Result<int> taken = ListenAt("127.0.0.1:" + std::to_string(port), 8);
  ASSERT_FALSE(taken.ok());
  EXPECT_NE(taken.error().message.find("in use"), std::string::npos) << taken.error().message;
  close(*listener);
}

TEST(Listener, NamesAnAddressThatCannotBe) {
  for (const char* address : {"nowhere", "256.0.0.1:1", "127.0.0.1:x"}) {
    const Result<int> listener = ListenAt(address, 8);
    ASSERT_FALSE(listener.ok()) << address;
    EXPECT_NE(listener.error().message.find(address), std::string::npos);
  }
}

}  // namespace
}  // namespace foreshard::op
