#include "router/merge_value.h"

#include <gtest/gtest.h>

namespace foreshard::router {
namespace {

Value Of(std::uint32_t oid, std::string_view text) {
  Result<Value> value = DecodeValue(oid, 0, text);
  EXPECT_TRUE(value.ok()) << text;
  return value.ok() ? *value : Value();
}

void Ascending(std::uint32_t oid, const std::vector<std::string>& values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    for (std::size_t j = 0; j < values.size(); ++j) {
      const int order = CompareValues(Of(oid, values[i]), Of(oid, values[j]));
      EXPECT_EQ(order < 0, i < j) << values[i] << " " << values[j];
      EXPECT_EQ(order == 0, i == j) << values[i] << " " << values[j];
    }
  }
}

TEST(MergeValue, OrdersEachTypeAsPostgresDoes) {
  EXPECT_TRUE(IsComparable(kOidNumeric));
  Ascending(kOidInt4, {"-10", "-9", "0", "2", "10"});
  Ascending(kOidFloat8, {"-Infinity", "-1e300", "-0.5", "0", "1e-9", "2", "10", "Infinity", "NaN"});
  Ascending(kOidNumeric, {"-1.5", "0", "0.01", "9", "10", "NaN"});
  Ascending(kOidBool, {"f", "t"});
  Ascending(kOidText, {"", "A", "Z", "a", "ab", "b", "é"});
  Ascending(kOidBytea, {"\\x", "\\x00", "\\x0001", "\\x01", "\\xff"});
  Ascending(kOidUuid,
            {"00000000-0000-0000-0000-000000000001", "10000000-0000-0000-0000-000000000000"});
  Ascending(kOidDate, {"-infinity", "4713-01-01 BC", "0001-12-31 BC", "0001-01-01", "1999-12-31",
                       "2000-02-29", "2000-03-01", "10000-01-01", "infinity"});
  Ascending(kOidTime, {"00:00:00", "00:00:00.000001", "09:59:59", "10:00:00", "24:00:00"});
  Ascending(kOidTimestamp, {"-infinity", "2024-02-28 23:59:59.9", "2024-02-29 00:00:00",
                            "2024-03-01 00:00:00", "infinity"});
  Ascending(kOidTimestamptz, {"2024-01-01 00:30:00+01", "2024-01-01 00:00:00+00",
                              "2024-01-01 05:31:00+05:30", "2023-12-31 23:00:00-02"});
}

TEST(MergeValue, EqualValuesHaveOneCanonicalForm) {
  const auto canonical = [](std::uint32_t oid, std::string_view text) {
    std::string out;
    AppendCanonical(Of(oid, text), out);
    return out;
  };
  EXPECT_EQ(canonical(kOidNumeric, "1.0"), canonical(kOidNumeric, "1.000"));
  EXPECT_EQ(canonical(kOidFloat8, "0"), canonical(kOidFloat8, "-0"));
  EXPECT_EQ(canonical(kOidBpchar, "a  "), canonical(kOidBpchar, "a"));
  EXPECT_NE(canonical(kOidText, "a "), canonical(kOidText, "a"));
  EXPECT_EQ(canonical(kOidTimestamptz, "2024-01-01 00:00:00+00"),
            canonical(kOidTimestamptz, "2024-01-01 01:00:00+01"));
  std::string null;
  AppendCanonical(Value(), null);
  EXPECT_NE(null, canonical(kOidText, ""));
}

TEST(MergeValue, SpellingsItDoesNotKnowAreRefusedNotGuessed) {
  EXPECT_FALSE(DecodeValue(kOidDate, 0, "01/02/2024").ok());
  EXPECT_FALSE(DecodeValue(kOidTimestamp, 0, "Mon Jan 01 00:00:00 2024").ok());
  EXPECT_FALSE(DecodeValue(kOidTimestamptz, 0, "2024-01-01 00:00:00 CET").ok());
  EXPECT_FALSE(DecodeValue(kOidBytea, 0, "abc\\001").ok());
  EXPECT_FALSE(DecodeValue(kOidInt8, 0, "1.5").ok());
  EXPECT_FALSE(DecodeValue(kOidInt8, 1, "abc").ok());
  EXPECT_FALSE(IsComparable(114));   // json
  EXPECT_FALSE(IsComparable(1186));  // interval: 1 day = 24 hours
}

TEST(MergeValue, BinaryIsReadToo) {
  EXPECT_EQ(
      std::get<std::int64_t>(*DecodeValue(kOidInt4, 1, std::string_view("\xff\xff\xff\xfe", 4))),
      -2);
  EXPECT_EQ(
      std::get<double>(*DecodeValue(kOidFloat8, 1, std::string_view("\x3f\xf8\0\0\0\0\0\0", 8))),
      1.5);
  EXPECT_EQ(std::get<std::int64_t>(*DecodeValue(kOidBool, 1, std::string_view("\1", 1))), 1);
}

}  // namespace
}  // namespace foreshard::router
