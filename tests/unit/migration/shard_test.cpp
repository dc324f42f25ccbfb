#include "migration/shard.h"

#include <gtest/gtest.h>

namespace foreshard::migration {
namespace {

TEST(Lsn, IsReadAsPostgreSqlWritesIt) {
  EXPECT_EQ(ParseLsn("0/16B3748")->value, 0x16B3748u);
  EXPECT_EQ(ParseLsn("A/FF")->value, 0xA000000FFull);
  EXPECT_EQ(ToString(Lsn{0xA000000FFull}), "A/FF");
  for (const char* wrong : {"", "/", "0/", "/1", "0/G", "0/1 ", "16B3748", "123456789/0"}) {
    EXPECT_FALSE(ParseLsn(wrong)) << wrong;
  }
}

TEST(GateState, HasTheNameOfTheRow) {
  for (const GateState state :
       {GateState::kOpen, GateState::kClosed, GateState::kDrained, GateState::kRevoked}) {
    ASSERT_TRUE(ParseGateState(ToString(state)));
    EXPECT_EQ(*ParseGateState(ToString(state)), state);
  }
  EXPECT_FALSE(ParseGateState("ajar"));
}

}  // namespace
}  // namespace foreshard::migration
