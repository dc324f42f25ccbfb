#include "router/key_values.h"

#include <gtest/gtest.h>

namespace foreshard::router {
namespace {

TEST(KeyValues, ArraysAreReadAsPostgresWritesThem) {
  const auto read = [](std::string_view text) { return *ParseArray(text); };
  EXPECT_EQ(read("{1,2,3}"), (std::vector<std::string>{"1", "2", "3"}));
  EXPECT_EQ(read(" { 1 , NULL , \"NULL\", \"a,b\" , \"q\\\"\\\\\" , x\\,y } "),
            (std::vector<std::string>{"1", "NULL", "a,b", "q\"\\", "x,y"}));
  EXPECT_TRUE(read("{}").empty());
  EXPECT_TRUE(read("{ }").empty());
  EXPECT_EQ(read("{\"\"}"), (std::vector<std::string>{""}));
  for (const char* text :
       {"", "1", "{1", "1}", "{{1}}", "{1,}", "{,1}", "{\"a}", "{\"a\"b}", "{a\"b}"}) {
    EXPECT_FALSE(ParseArray(text).ok()) << text;
  }
}

TEST(KeyValues, CountsAreWholeNumbers) {
  const std::string text = "LIMIT 5 1.5 'a'";
  Normalized normalized;
  Normalize(text, normalized);
  const model::KeySpace space;
  const std::vector<ParameterValue> parameters = {
      {.is_null = false,
       .binary = true,
       .type_oid = 20,
       .bytes = std::string_view("\0\0\0\0\0\0\0\7", 8)},
      {.is_null = true, .binary = false, .type_oid = 0, .bytes = {}},
      {.is_null = false, .binary = false, .type_oid = 0, .bytes = "x"}};
  const ValueContext context{space, text, normalized, parameters};
  const auto literal = [](std::uint32_t index, bool negative = false) {
    return ValueSource{ValueSource::From::kLiteral, index, negative, ""};
  };
  EXPECT_EQ(**CountValue(literal(0), context), 5);
  EXPECT_EQ(**CountValue(literal(0, true), context), -5);
  EXPECT_FALSE(CountValue(literal(1), context).ok());
  EXPECT_EQ(**CountValue({ValueSource::From::kParameter, 1, false, ""}, context), 7);
  EXPECT_FALSE(CountValue({ValueSource::From::kParameter, 2, false, ""}, context)->has_value());
  EXPECT_FALSE(CountValue({ValueSource::From::kParameter, 3, false, ""}, context).ok());
  EXPECT_FALSE(CountValue({ValueSource::From::kParameter, 4, false, ""}, context).ok());
}

TEST(KeyValues, WhatHasNoKnownValueIsAnError) {
  Normalized normalized;
  const ValueContext context{{}, "", normalized, {}};
  for (const ValueSource::From from : {ValueSource::From::kDefault, ValueSource::From::kUnknown}) {
    std::vector<Key> keys;
    bool is_null = false;
    const Status status = AppendKeys({from, 0, false, ""}, context, keys, &is_null);
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, "22023");
  }
  std::vector<Key> keys;
  bool is_null = false;
  ASSERT_TRUE(AppendKeys({ValueSource::From::kNull, 0, false, ""}, context, keys, &is_null).ok());
  EXPECT_TRUE(is_null);
  EXPECT_TRUE(keys.empty());
}

}  // namespace
}  // namespace foreshard::router
