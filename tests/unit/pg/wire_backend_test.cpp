#include "pg/wire_backend.h"

#include <gtest/gtest.h>

#include "pg/wire_writer.h"

namespace foreshard::pg {
namespace {

std::string BodyOf(const std::string& message) { return message.substr(5); }

TEST(WireBackend, ReadsAnError) {
  std::string out;
  AppendError(
      &out,
      {.severity = "ERROR", .code = "FS001", .message = "no", .detail = "owner=s-b", .hint = "h"});
  const std::string body = BodyOf(out);
  const auto error = DecodeError(body);
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code, "FS001");
  EXPECT_EQ(error->detail, "owner=s-b");
  EXPECT_EQ(error->severity, "ERROR");
  for (std::size_t cut = 0; cut < body.size(); ++cut)
    EXPECT_FALSE(DecodeError(body.substr(0, cut)).has_value()) << cut;
}

TEST(WireBackend, ReadsRowsAndSaysWhenTheyLie) {
  std::string out;
  const std::string_view values[] = {"a", "bc"};
  AppendTextRow(&out, values);
  const std::string body = BodyOf(out);
  RowValues row(body);
  std::optional<std::string_view> value;
  ASSERT_TRUE(row.Next(&value));
  ASSERT_TRUE(row.Next(&value));
  EXPECT_EQ(value, "bc");
  EXPECT_FALSE(row.Next(&value));
  EXPECT_FALSE(row.bad());
  const std::string cut = body.substr(0, body.size() - 1);
  RowValues lying(cut);
  ASSERT_TRUE(lying.Next(&value));
  EXPECT_FALSE(lying.Next(&value));
  EXPECT_TRUE(lying.bad());
}

TEST(WireBackend, ReadsColumns) {
  std::string out;
  const TextColumn column{.name = "id", .type_oid = 20, .type_bytes = 8};
  AppendRowDescription(&out, {&column, 1});
  const std::string body = BodyOf(out);
  const auto columns = DecodeRowDescription(body);
  ASSERT_TRUE(columns.has_value());
  ASSERT_EQ(columns->size(), 1U);
  EXPECT_EQ(columns->front().name, "id");
  EXPECT_EQ(columns->front().type_oid, 20U);
}

TEST(WireBackend, CountsRowsOfTags) {
  EXPECT_EQ(RowsOfTag("INSERT 0 5"), 5U);
  EXPECT_EQ(RowsOfTag("SELECT 42"), 42U);
  EXPECT_EQ(RowsOfTag("CREATE TABLE"), 0U);
  EXPECT_EQ(RowsOfTag(""), 0U);
}

}  // namespace
}  // namespace foreshard::pg
