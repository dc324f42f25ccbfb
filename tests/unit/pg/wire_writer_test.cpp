#include "pg/wire_writer.h"

#include <gtest/gtest.h>

namespace foreshard::pg {
namespace {

TEST(WireWriter, WritesLengthsInNetworkOrder) {
  std::string out = "before";
  AppendReadyForQuery(&out, 'T');
  EXPECT_EQ(out, std::string("beforeZ\0\0\0\5T", 12));
  out.clear();
  AppendCommandComplete(&out, "OK");
  EXPECT_EQ(out, std::string("C\0\0\0\7OK\0", 8));
  out.clear();
  WireWriter(&out, 'x').Int16(-1).Int32(258).End();
  EXPECT_EQ(out, std::string("x\0\0\0\x0a\xff\xff\0\0\1\2", 11));
}

TEST(WireWriterDeathTest, NeverHidesAZeroByteInAString) {
  EXPECT_DEATH(
      {
        std::string out;
        WireWriter(&out, 'x').String(std::string_view("a\0b", 3));
      },
      "zero byte");
}

}  // namespace
}  // namespace foreshard::pg
