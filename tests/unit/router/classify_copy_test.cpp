#include <gtest/gtest.h>

#include "tests/unit/router/brain_world.h"

namespace foreshard::router {
namespace {

CopyShape Shape(const std::string& text) {
  const Statement statement = World().Meaning(text);
  EXPECT_TRUE(statement.copy.has_value()) << text << ": " << statement.refusal.message;
  return statement.copy.value_or(CopyShape{});
}

TEST(ClassifyCopy, KnowsWhereTheKeyStands) {
  const CopyShape text = Shape("COPY customers (name, id) FROM STDIN");
  EXPECT_EQ(text.key_column, 1U);
  EXPECT_EQ(text.columns, 2U);
  EXPECT_EQ(text.format, CopyShape::Format::kText);
  EXPECT_EQ(text.delimiter, '\t');
  EXPECT_EQ(text.null_text, "\\N");
  EXPECT_EQ(Shape("COPY events FROM STDIN").key_column, 1U);
}

TEST(ClassifyCopy, ReadsItsOptionsOldAndNew) {
  const CopyShape csv = Shape(
      "COPY customers (id) FROM STDIN WITH (FORMAT csv, HEADER, DELIMITER ';', QUOTE '|', ESCAPE "
      "'\\', NULL 'nil')");
  EXPECT_EQ(csv.format, CopyShape::Format::kCsv);
  EXPECT_TRUE(csv.header);
  EXPECT_EQ(csv.delimiter, ';');
  EXPECT_EQ(csv.quote, '|');
  EXPECT_EQ(csv.escape, '\\');
  EXPECT_EQ(csv.null_text, "nil");
  const CopyShape old = Shape("COPY customers (id) FROM STDIN DELIMITER ',' CSV HEADER");
  EXPECT_EQ(old.format, CopyShape::Format::kCsv);
  EXPECT_TRUE(old.header);
  EXPECT_EQ(old.null_text, "");
  EXPECT_EQ(Shape("COPY customers (id) FROM STDIN (FORMAT binary)").format,
            CopyShape::Format::kBinary);
  EXPECT_FALSE(Shape("COPY customers (id) FROM STDIN (FORMAT csv, HEADER false)").header);
}

TEST(ClassifyCopy, GoesWhereItsRowsAre) {
  const World world;
  EXPECT_EQ(Where(world.Go("COPY customers (id) FROM STDIN").decision), "copy in");
  EXPECT_EQ(Where(world.Go("COPY countries FROM STDIN").decision), "copy in");
  EXPECT_EQ(Where(world.Go("COPY customers TO STDOUT").decision), "several 0,1,2,3");
  EXPECT_EQ(Where(world.Go("COPY countries TO STDOUT").decision), "any");
  EXPECT_EQ(Where(world.Go("COPY (SELECT * FROM customers WHERE id = 5) TO STDOUT").decision),
            "one " + std::to_string(world.ShardOf(5)));
  EXPECT_EQ(Where(world.Go("COPY (SELECT * FROM customers) TO STDOUT").decision),
            "several 0,1,2,3");
}

TEST(ClassifyCopy, RefusesWhatWouldBeWrong) {
  const auto sqlstate = [](const std::string& text) { return Where(World().Go(text).decision); };
  EXPECT_EQ(sqlstate("COPY customers (name) FROM STDIN"), "refused 22004");
  EXPECT_EQ(sqlstate("COPY customers FROM '/etc/passwd'"), "refused 0A000");
  EXPECT_EQ(sqlstate("COPY customers TO PROGRAM 'x'"), "refused 0A000");
  EXPECT_EQ(sqlstate("COPY customers (id) FROM STDIN (ENCODING 'latin1')"), "refused 0A000");
  EXPECT_EQ(sqlstate("COPY customers TO STDOUT (FORMAT binary)"), "refused 0A000");
  EXPECT_EQ(sqlstate("COPY customers TO STDOUT (FORMAT csv, HEADER)"), "refused 0A000");
  EXPECT_EQ(sqlstate("COPY (SELECT count(*) FROM customers) TO STDOUT"), "refused 0A000");
  EXPECT_EQ(sqlstate("COPY (SELECT * FROM customers ORDER BY id) TO STDOUT"), "refused 0A000");
  EXPECT_EQ(sqlstate("COPY (DELETE FROM customers WHERE id = 5 RETURNING *) TO STDOUT"),
            "refused 0A000");
  EXPECT_EQ(World().Meaning("COPY customers FROM STDIN").needs_columns_of, "public.customers");
}

}  // namespace
}  // namespace foreshard::router
