#include "router/decimal.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace foreshard::router {
namespace {

Decimal Of(std::string_view text) {
  Result<Decimal> decimal = Decimal::FromText(text);
  EXPECT_TRUE(decimal.ok()) << text;
  return decimal.ok() ? *decimal : Decimal();
}

TEST(Decimal, KeepsItsText) {
  for (const char* text : {"0", "1", "-1", "0.00", "123.4500", "-0.001",
                           "99999999999999999999999.5", "NaN", "Infinity", "-Infinity"}) {
    EXPECT_EQ(Of(text).ToText(), text);
  }
  EXPECT_EQ(Of("007.50").ToText(), "7.50");
  EXPECT_EQ(Of(".5").ToText(), "0.5");
  EXPECT_EQ(Of("-0").ToText(), "0");
  for (const char* text : {"", "-", "1.2.3", "1e5", "abc", " 1"})
    EXPECT_FALSE(Decimal::FromText(text).ok()) << text;
}

// Quotients as PostgreSQL 15 prints them.
TEST(Decimal, DividesAsPostgresDoes) {
  EXPECT_EQ(Of("10").DividedBy(3).ToText(), "3.3333333333333333");
  EXPECT_EQ(Of("1").DividedBy(3).ToText(), "0.33333333333333333333");
  EXPECT_EQ(Of("2").DividedBy(3).ToText(), "0.66666666666666666667");
  EXPECT_EQ(Of("6").DividedBy(2).ToText(), "3.0000000000000000");
  EXPECT_EQ(Of("0").DividedBy(7).ToText(), "0.00000000000000000000");
  EXPECT_EQ(Of("-7").DividedBy(2).ToText(), "-3.5000000000000000");
  EXPECT_EQ(Of("123456789").DividedBy(7).ToText(), "17636684.142857142857");
  EXPECT_EQ(Of("0.001").DividedBy(3).ToText(), "0.00033333333333333333");
  EXPECT_EQ(Of("NaN").DividedBy(3).ToText(), "NaN");
}

TEST(Decimal, AddsIntegersExactly) {
  Random random(9);
  for (int i = 0; i < 5'000; ++i) {
    const std::int64_t a = static_cast<std::int64_t>(random.Next()) >> (1 + random.Below(62));
    const std::int64_t b = static_cast<std::int64_t>(random.Next()) >> (1 + random.Below(62));
    ASSERT_EQ(Decimal::FromInteger(a).Plus(Decimal::FromInteger(b)).ToText(), std::to_string(a + b))
        << a << " " << b;
    const int order = Decimal::FromInteger(a).Compare(Decimal::FromInteger(b));
    ASSERT_EQ(order < 0, a < b) << a << " " << b;
    ASSERT_EQ(order > 0, a > b) << a << " " << b;
  }
}

TEST(Decimal, KeepsTheGreaterScale) {
  EXPECT_EQ(Of("1.5").Plus(Of("2.25")).ToText(), "3.75");
  EXPECT_EQ(Of("1.50").Plus(Of("-1.5")).ToText(), "0.00");
  EXPECT_EQ(Of("-0.5").Plus(Of("10")).ToText(), "9.5");
  EXPECT_EQ(Of("Infinity").Plus(Of("5")).ToText(), "Infinity");
  EXPECT_EQ(Of("Infinity").Plus(Of("-Infinity")).ToText(), "NaN");
  EXPECT_EQ(Of("NaN").Plus(Of("1")).ToText(), "NaN");
}

TEST(Decimal, OrdersAsPostgresDoes) {
  const std::vector<std::string> ascending = {
      "-Infinity", "-100.5", "-100.4", "-0.01", "0", "0.009", "0.01", "2", "10", "Infinity", "NaN"};
  for (std::size_t i = 0; i < ascending.size(); ++i) {
    for (std::size_t j = 0; j < ascending.size(); ++j) {
      const int order = Of(ascending[i]).Compare(Of(ascending[j]));
      EXPECT_EQ(order < 0, i < j) << ascending[i] << " " << ascending[j];
      EXPECT_EQ(order == 0, i == j);
    }
  }
  EXPECT_EQ(Of("1.0").Compare(Of("1.00")), 0);
  EXPECT_EQ(Of("1.0").Canonical(), Of("1.00").Canonical());
  EXPECT_EQ(Of("100").Canonical(), "100");
}

TEST(Decimal, BinaryAndTextAreTheSameNumber) {
  // 12345.678 as PostgreSQL sends it: groups 1 2345 6780, weight 1, scale 3.
  const std::string wire("\0\3\0\1\0\0\0\3\0\1\x09\x29\x1a\x7c", 14);
  const Result<Decimal> decimal = Decimal::FromBinary(wire);
  ASSERT_TRUE(decimal.ok());
  EXPECT_EQ(decimal->ToText(), "12345.678");
  EXPECT_EQ(decimal->ToBinary(), wire);
  for (const char* text : {"0", "0.00", "1", "-1.5", "10000", "100000000", "0.0001", "0.00001",
                           "9999.9999", "123456789.987654321", "NaN", "Infinity", "-Infinity"}) {
    const Result<Decimal> back = Decimal::FromBinary(Of(text).ToBinary());
    ASSERT_TRUE(back.ok()) << text;
    EXPECT_EQ(back->ToText(), text);
  }
  EXPECT_FALSE(Decimal::FromBinary("abc").ok());
  EXPECT_FALSE(Decimal::FromBinary(std::string_view(wire).substr(0, 12)).ok());
}

}  // namespace
}  // namespace foreshard::router
