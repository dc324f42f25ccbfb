#include "router/copy_splitter.h"

#include <gtest/gtest.h>

namespace foreshard::router {
namespace {

const model::KeySpace kBigint{model::Strategy::kHash, model::KeyType::kBigint};
const model::KeySpace kText{model::Strategy::kHash, model::KeyType::kText};

CopyShape Shape(CopyShape::Format format, std::uint32_t key_column = 0) {
  CopyShape shape;
  shape.qualified = "public.t";
  shape.format = format;
  shape.key_column = key_column;
  if (format == CopyShape::Format::kCsv) {
    shape.delimiter = ',';
    shape.null_text = "";
  }
  return shape;
}

struct Got {
  std::vector<std::string> rows;
  std::vector<std::string> keys;
  std::string all;
  std::string error;
};

Got Split(const CopyShape& shape, const model::KeySpace& space, const std::string& bytes,
          std::size_t cut) {
  CopySplitter splitter(shape, {.space = space, .column = "k", .row_bytes_max = 1'000});
  Got got;
  const auto on_row = [&](std::string_view row, const Key& key) {
    got.rows.emplace_back(row);
    got.keys.push_back(CanonicalText(space.key_type, key));
  };
  const auto on_all = [&](std::string_view piece) { got.all += piece; };
  Status status = Ok();
  for (std::size_t at = 0; at < bytes.size() && status.ok(); at += cut) {
    status = splitter.Feed(std::string_view(bytes).substr(at, cut), on_row, on_all);
  }
  if (status) status = splitter.Finish(on_row, on_all);
  if (!status) got.error = status.error().code + " " + status.error().message;
  EXPECT_EQ(splitter.rows(), got.rows.size());
  return got;
}

// The client may cut its messages anywhere: the answer is the same.
Got AtEveryCut(const CopyShape& shape, const model::KeySpace& space, const std::string& bytes) {
  const Got whole = Split(shape, space, bytes, bytes.size() + 1);
  for (std::size_t cut = 1; cut <= bytes.size(); ++cut) {
    const Got got = Split(shape, space, bytes, cut);
    EXPECT_EQ(got.rows, whole.rows) << cut;
    EXPECT_EQ(got.keys, whole.keys) << cut;
    EXPECT_EQ(got.all, whole.all) << cut;
    EXPECT_EQ(got.error, whole.error) << cut;
  }
  return whole;
}

using Strings = std::vector<std::string>;

TEST(CopySplitter, TextRowsKeepTheirBytes) {
  const Got got = AtEveryCut(Shape(CopyShape::Format::kText, 1), kBigint,
                             "a\t1\nb\\tc\t-2\t\\N\r\n\\\\\t3\t4\n");
  EXPECT_EQ(got.error, "");
  EXPECT_EQ(got.rows, (Strings{"a\t1\n", "b\\tc\t-2\t\\N\r\n", "\\\\\t3\t4\n"}));
  EXPECT_EQ(got.keys, (Strings{"1", "-2", "3"}));
}

TEST(CopySplitter, TextEscapesAreDecoded) {
  const Got got = AtEveryCut(Shape(CopyShape::Format::kText), kText,
                             "a\\\tb\\n\\101\\x41\\q\\\\\t1\nline\\\nbreak\t2\n");
  EXPECT_EQ(got.error, "");
  EXPECT_EQ(got.keys, (Strings{"a\tb\nAAq\\", "line\nbreak"}));
}

TEST(CopySplitter, TheLastLineMayLackItsEnd) {
  EXPECT_EQ(AtEveryCut(Shape(CopyShape::Format::kText), kBigint, "1\n2").rows,
            (Strings{"1\n", "2\n"}));
  EXPECT_EQ(AtEveryCut(Shape(CopyShape::Format::kCsv), kBigint, "1\r\n2").rows,
            (Strings{"1\r\n", "2\n"}));
  EXPECT_EQ(AtEveryCut(Shape(CopyShape::Format::kText), kBigint, "").rows, Strings{});
}

TEST(CopySplitter, TheEndMarkerEndsTheData) {
  const Got got = AtEveryCut(Shape(CopyShape::Format::kText), kBigint, "1\n\\.\n2\n");
  EXPECT_EQ(got.rows, (Strings{"1\n"}));
  EXPECT_EQ(got.error, "");
}

TEST(CopySplitter, CsvQuotesHideLineEndsAndDelimiters) {
  const Got got = AtEveryCut(Shape(CopyShape::Format::kCsv, 1), kText,
                             "\"a,\nb\",\"k\"\"1\"\nx,plain\r\n\"\"\"\",\"\"\nz,\"a\"b\n");
  EXPECT_EQ(got.error, "");
  EXPECT_EQ(got.keys, (Strings{"k\"1", "plain", "", "ab"}));
  EXPECT_EQ(got.rows.size(), 4U);
  EXPECT_EQ(got.rows[0], "\"a,\nb\",\"k\"\"1\"\n");
}

TEST(CopySplitter, CsvTakesItsOptions) {
  CopyShape shape = Shape(CopyShape::Format::kCsv, 1);
  shape.delimiter = ';';
  shape.quote = '|';
  shape.escape = '\\';
  shape.null_text = "nil";
  shape.header = true;
  const Got got = AtEveryCut(shape, kText, "id;k\n|a\\|;b|;|k\\|1\\\\|\n2;|nil|\n");
  EXPECT_EQ(got.error, "");
  EXPECT_EQ(got.all, "id;k\n");
  EXPECT_EQ(got.keys, (Strings{"k|1\\", "nil"}));
  EXPECT_EQ(AtEveryCut(shape, kText, "h\n1;nil\n").error.substr(0, 5), "22004");
}

std::string Binary(std::vector<std::vector<std::optional<std::string>>> rows, bool trailer = true) {
  std::string out("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\3ext", 22);
  const auto put = [&out](std::uint32_t value, int bytes) {
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
      out += static_cast<char>(value >> shift & 0xff);
  };
  for (const auto& row : rows) {
    put(static_cast<std::uint32_t>(row.size()), 2);
    for (const auto& field : row) {
      put(field ? static_cast<std::uint32_t>(field->size()) : 0xffffffffU, 4);
      if (field) out += *field;
    }
  }
  if (trailer) put(0xffff, 2);
  return out;
}

TEST(CopySplitter, BinaryRowsAreCutByTheirFields) {
  const std::string seven("\0\0\0\0\0\0\0\7", 8);
  const Got got = AtEveryCut(Shape(CopyShape::Format::kBinary, 1), kBigint,
                             Binary({{"x", seven}, {std::nullopt, std::string("\0\0\0\5", 4)}}));
  EXPECT_EQ(got.error, "");
  EXPECT_EQ(got.keys, (Strings{"7", "5"}));
  EXPECT_EQ(got.rows[0].size(), 2U + 4 + 1 + 4 + 8);
  EXPECT_EQ(got.all.size(), 22U + 2);
  EXPECT_EQ(AtEveryCut(Shape(CopyShape::Format::kBinary, 1), kBigint, Binary({{"x", std::nullopt}}))
                .error.substr(0, 5),
            "22004");
  EXPECT_EQ(
      AtEveryCut(Shape(CopyShape::Format::kBinary), kBigint, Binary({{"abc"}})).error.substr(0, 5),
      "22P03");
  // pgx sends no trailer, and PostgreSQL wants none; half a row it refuses.
  std::string untrailed = Binary({{seven}}, false);
  EXPECT_EQ(AtEveryCut(Shape(CopyShape::Format::kBinary), kBigint, untrailed).error, "");
  EXPECT_EQ(AtEveryCut(Shape(CopyShape::Format::kBinary), kBigint, untrailed).keys, Strings{"7"});
  untrailed.pop_back();
  EXPECT_EQ(AtEveryCut(Shape(CopyShape::Format::kBinary), kBigint, untrailed).error.substr(0, 5),
            "22P04");
  EXPECT_EQ(AtEveryCut(Shape(CopyShape::Format::kBinary), kBigint, "not a copy file at all")
                .error.substr(0, 5),
            "22P04");
}

TEST(CopySplitter, ErrorsNameTheLineAndNeverTheValue) {
  const auto error = [](const std::string& bytes) {
    return AtEveryCut(Shape(CopyShape::Format::kText, 1), kBigint, bytes).error;
  };
  EXPECT_EQ(error("a\t1\nb\tsecret\n"),
            "22P02 COPY public.t, line 2: sharding column \"k\": value is not a bigint");
  EXPECT_EQ(error("a\t\\N\n"), "22004 COPY public.t, line 1: null value in sharding column \"k\"");
  EXPECT_EQ(error("a\n"), "22P04 COPY public.t, line 1: missing data for column \"k\"");
  EXPECT_EQ(Split(Shape(CopyShape::Format::kCsv), kBigint, "\"1", 1).error.substr(0, 5), "22P04");
  EXPECT_EQ(Split(Shape(CopyShape::Format::kText), kText, std::string(3'000, 'x'), 100)
                .error.substr(0, 5),
            "54000");
}

}  // namespace
}  // namespace foreshard::router
