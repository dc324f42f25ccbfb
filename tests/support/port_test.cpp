#include "tests/support/port.h"

#include <gtest/gtest.h>

namespace foreshard::support {
namespace {

TEST(Port, IsOneThatNobodyListensOn) {
  const int port = FreePort();
  EXPECT_GT(port, 1023);
  EXPECT_LT(port, 65536);
  EXPECT_FALSE(PortAccepts(port));
}

}  // namespace
}  // namespace foreshard::support
