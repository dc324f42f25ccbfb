#include <gtest/gtest.h>

#include "base/random.h"
#include "router/copy_splitter.h"

namespace foreshard::router {
namespace {

constexpr std::uint64_t kSeeds = 30'000;

// Others with each --gtest_repeat, if --gtest_shuffle is given (`make test-long`).
std::uint64_t FirstSeed() {
  return 1 + kSeeds * static_cast<std::uint64_t>(testing::UnitTest::GetInstance()->random_seed());
}

const model::KeySpace kText{model::Strategy::kHash, model::KeyType::kText};

struct File {
  CopyShape shape;
  std::string bytes;
  std::vector<std::string> keys;
};

std::string AnyText(Random& random) {
  std::string text;
  for (std::uint64_t i = random.Below(8); i > 0; --i)
    text += "ab\t\n\r\\\"',;|.Nx\xc3"[random.Below(15)];
  return text;
}

std::string TextField(Random& random, const std::string& value, char delimiter) {
  std::string field;
  for (const char c : value) {
    if (c == '\n')
      field += random.Chance(0.5) ? "\\n" : "\\012";
    else if (c == '\r')
      field += "\\r";
    else if (c == '\t')
      field += "\\t";
    else if (c == '\\' || c == delimiter)
      field += std::string("\\") + c;
    else
      field += c;
  }
  return field;
}

std::string CsvField(Random& random, const std::string& value, const CopyShape& shape) {
  const bool must =
      value.empty() || value == shape.null_text || value == "\\." ||
      value.find_first_of(std::string("\n\r") + shape.delimiter + shape.quote) != std::string::npos;
  if (!must && random.Chance(0.5)) return value;
  std::string field(1, shape.quote);
  for (const char c : value) {
    if (c == shape.quote || c == shape.escape) field += shape.escape;
    field += c;
  }
  return field + shape.quote;
}

void PutBinary(std::string& out, std::uint32_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
    out += static_cast<char>(value >> shift & 0xff);
}

File Draw(Random& random) {
  File file;
  file.shape.qualified = "public.t";
  file.shape.format = static_cast<CopyShape::Format>(random.Below(3));
  const bool csv = file.shape.format == CopyShape::Format::kCsv;
  const bool binary = file.shape.format == CopyShape::Format::kBinary;
  if (csv) {
    file.shape.null_text = "";
    file.shape.delimiter = random.Chance(0.5) ? ',' : ';';
    file.shape.quote = random.Chance(0.7) ? '"' : '|';
    file.shape.escape = random.Chance(0.7) ? file.shape.quote : '\\';
  }
  file.shape.header = !binary && random.Chance(0.3);
  const std::uint64_t columns = 1 + random.Below(4);
  file.shape.key_column = static_cast<std::uint32_t>(random.Below(columns));
  if (file.shape.header) file.bytes += "head\n";
  if (binary) file.bytes += std::string("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
  for (std::uint64_t rows = random.Below(6); rows > 0; --rows) {
    if (binary) PutBinary(file.bytes, static_cast<std::uint32_t>(columns), 2);
    std::string line;
    for (std::uint64_t column = 0; column < columns; ++column) {
      const std::string value = AnyText(random);
      if (column == file.shape.key_column) file.keys.push_back(value);
      const bool is_null = column != file.shape.key_column && random.Chance(0.2);
      if (binary) {
        PutBinary(file.bytes, is_null ? 0xffffffffU : static_cast<std::uint32_t>(value.size()), 4);
        if (!is_null) file.bytes += value;
        continue;
      }
      if (column > 0) line += file.shape.delimiter;
      if (is_null)
        line += file.shape.null_text;
      else
        line += csv ? CsvField(random, value, file.shape)
                    : TextField(random, value, file.shape.delimiter);
    }
    if (!binary) file.bytes += line + (random.Chance(0.8) ? "\n" : "\r\n");
  }
  if (binary) PutBinary(file.bytes, 0xffff, 2);
  return file;
}

TEST(CopyFuzz, RowsComeOutWholeWithTheirKeys) {
  std::size_t rows = 0;
  for (std::uint64_t seed = FirstSeed(); seed < FirstSeed() + kSeeds; ++seed) {
    Random random(seed);
    const File file = Draw(random);
    CopySplitter splitter(file.shape, {.space = kText, .column = "k"});
    std::string back;
    std::vector<std::string> keys;
    const auto on_row = [&](std::string_view row, const Key& key) {
      back += row;
      keys.push_back(key.text);
    };
    const auto on_all = [&](std::string_view bytes) { back += bytes; };
    Status status = Ok();
    for (std::size_t at = 0; at < file.bytes.size() && status.ok();) {
      const std::size_t size =
          1 + static_cast<std::size_t>(random.Below(random.Chance(0.5) ? 3 : 200));
      status = splitter.Feed(std::string_view(file.bytes).substr(at, size), on_row, on_all);
      at += size;
    }
    if (status) status = splitter.Finish(on_row, on_all);
    ASSERT_TRUE(status.ok()) << "seed " << seed << ": " << status.error().message << "\n"
                             << file.bytes;
    ASSERT_EQ(keys, file.keys) << "seed " << seed << "\n" << file.bytes;
    ASSERT_EQ(back, file.bytes) << "seed " << seed;
    rows += keys.size();
  }
  EXPECT_GT(rows, 50'000U);
}

TEST(CopyFuzz, AnyBytesGiveRowsOrAnError) {
  std::size_t errors = 0;
  for (std::uint64_t seed = FirstSeed(); seed < FirstSeed() + kSeeds; ++seed) {
    Random random(seed);
    File file = Draw(random);
    for (std::uint64_t i = random.Below(5); i > 0 && !file.bytes.empty(); --i) {
      file.bytes[static_cast<std::size_t>(random.Below(file.bytes.size()))] =
          static_cast<char>(random.Below(256));
    }
    CopySplitter splitter(file.shape, {.space = kText, .column = "k"});
    std::size_t given = 0;
    const auto on_row = [&](std::string_view row, const Key&) { given += row.size(); };
    const auto on_all = [&](std::string_view bytes) { given += bytes.size(); };
    Status status = splitter.Feed(file.bytes, on_row, on_all);
    if (status) status = splitter.Finish(on_row, on_all);
    errors += status.ok() ? 0 : 1;
    ASSERT_LE(given, file.bytes.size() + 1) << "seed " << seed;
  }
  EXPECT_GT(errors, 100U);
}

}  // namespace
}  // namespace foreshard::router
