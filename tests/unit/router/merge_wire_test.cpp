#include "router/merge_wire.h"

#include <gtest/gtest.h>

#include "tests/unit/router/merge_world.h"

namespace foreshard::router {
namespace {

TEST(MergeWire, DescriptionsSurviveReadingAndWriting) {
  const std::string body = Description({{"a", kOidInt8}, {"", kOidText}}, 1);
  const auto fields = ReadRowDescription(body);
  ASSERT_TRUE(fields.ok());
  EXPECT_EQ(fields->size(), 2U);
  EXPECT_EQ((*fields)[0].type_modifier, -1);
  EXPECT_EQ(WriteRowDescription(*fields), body);
  for (std::size_t size = 0; size < body.size(); ++size)
    EXPECT_FALSE(ReadRowDescription(body.substr(0, size)).ok()) << size;
}

TEST(MergeWire, RowsSurviveAndAreCut) {
  const std::string body = RowBody({"abc", std::nullopt, ""});
  const auto cells = ReadDataRow(body);
  ASSERT_TRUE(cells.ok());
  EXPECT_EQ((*cells)[0], "abc");
  EXPECT_FALSE((*cells)[1].has_value());
  EXPECT_EQ((*cells)[2], "");
  EXPECT_EQ(CutDataRow(body, 2), RowBody({"abc", std::nullopt}));
  EXPECT_EQ(CutDataRow(body, 0), RowBody({}));
  for (std::size_t size = 0; size < body.size(); ++size)
    EXPECT_FALSE(ReadDataRow(body.substr(0, size)).ok()) << size;
  EXPECT_FALSE(ReadDataRow(body + "x").ok());
}

TEST(MergeWire, AMessageHasItsLength) {
  std::string out;
  AppendMessage('D', "abc", out);
  EXPECT_EQ(out, std::string("D\0\0\0\7abc", 8));
}

}  // namespace
}  // namespace foreshard::router
