#include "model/key_space.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "base/random.h"
#include "model/hash.h"

namespace foreshard::model {
namespace {

constexpr KeySpace kHashBigint{Strategy::kHash, KeyType::kBigint};
constexpr KeySpace kRangeBigint{Strategy::kRange, KeyType::kBigint};
constexpr KeySpace kRangeText{Strategy::kRange, KeyType::kText};
constexpr KeySpace kRangeUuid{Strategy::kRange, KeyType::kUuid};

TEST(Position, OrdersAsSignedHashesDo) {
  EXPECT_EQ(PositionOfHash(std::numeric_limits<std::int64_t>::min()), 0U);
  EXPECT_EQ(PositionOfHash(0), Position{1} << 63);
  EXPECT_EQ(PositionOfHash(std::numeric_limits<std::int64_t>::max()),
            std::numeric_limits<Position>::max());
  EXPECT_EQ(HashOfPosition(PositionOfHash(-4711)), -4711);
}

TEST(Position, IsWrittenAsVitessDoes) {
  EXPECT_EQ(FormatPosition(0), "");
  EXPECT_EQ(FormatPosition(Position{1} << 62), "40");
  EXPECT_EQ(FormatPosition(Position{1} << 63), "80");
  EXPECT_EQ(FormatPosition(0xffffffffffffffffULL), "ffffffffffffffff");
  EXPECT_EQ(FormatPosition(0x0100000000000000ULL), "01");
  EXPECT_EQ(FormatPosition(0x1000000000000000ULL), "10");
}

TEST(Position, SurvivesWritingAndReading) {
  Random random(1);
  for (int i = 0; i < 10'000; ++i) {
    const Position position = random.Next() << random.Below(64);
    ASSERT_EQ(*ParsePosition(FormatPosition(position)), position);
  }
}

TEST(Position, RefusesWhatIsNoHex) {
  for (const char* text : {"4", "zz", "4 ", "0x40", "00112233445566778899", "-1"}) {
    EXPECT_FALSE(ParsePosition(text).ok()) << text;
  }
}

TEST(Canonical, KeysHaveOneSpelling) {
  EXPECT_EQ(*CanonicalKey(KeyType::kBigint, "+007"), "7");
  EXPECT_EQ(*CanonicalKey(KeyType::kBigint, "-0"), "0");
  EXPECT_EQ(*CanonicalKey(KeyType::kBigint, " 42\n"), "42");
  EXPECT_EQ(*CanonicalKey(KeyType::kBigint, "-9223372036854775808"), "-9223372036854775808");
  EXPECT_EQ(*CanonicalKey(KeyType::kText, " Ab "), " Ab ");
  const std::string uuid = "01234567-89ab-cdef-0123-456789abcdef";
  EXPECT_EQ(*CanonicalKey(KeyType::kUuid, "0123456789ABCDEF0123456789ABCDEF"), uuid);
  EXPECT_EQ(*CanonicalKey(KeyType::kUuid, "{01234567-89ab-cdef-0123-456789abcdef}"), uuid);
  EXPECT_EQ(*CanonicalKey(KeyType::kUuid, "0123-4567-89ab-cdef-0123-4567-89ab-cdef"), uuid);
}

TEST(Canonical, WrongKeysAreRefusedWithTheirText) {
  for (const char* text : {"", "-", "+-1", "1.0", "9223372036854775808", "1 2", "abc"}) {
    EXPECT_FALSE(CanonicalKey(KeyType::kBigint, text).ok()) << text;
  }
  for (const char* text :
       {"", "012", "01234567-89ab-cdef-0123-456789abcde", "g1234567-89ab-cdef-0123-456789abcdef",
        "{01234567-89ab-cdef-0123-456789abcdef", "01-234567-89ab-cdef-0123-456789abcdef",
        "01234567-89ab-cdef-0123-456789abcdef0"}) {
    EXPECT_FALSE(CanonicalKey(KeyType::kUuid, text).ok()) << text;
  }
  EXPECT_NE(CanonicalKey(KeyType::kBigint, "abc").error().message.find("abc"), std::string::npos);
}

TEST(Canonical, BoundsHaveOneSpelling) {
  EXPECT_EQ(*CanonicalBound(kHashBigint, "4000"), "40");
  EXPECT_EQ(*CanonicalBound(kHashBigint, "AB"), "ab");
  EXPECT_EQ(*CanonicalBound(kHashBigint, ""), "");
  EXPECT_EQ(*CanonicalBound(kRangeBigint, "0100"), "100");
  EXPECT_FALSE(CanonicalBound(kHashBigint, "00")
                   .ok());  // As an upper bound it would turn into "everything".
  EXPECT_FALSE(CanonicalBound(kRangeBigint, "x").ok());
}

// Every pair of bounds of a small domain, against plain integers: kLow for "" as from, kHigh for ""
// as to.
TEST(KeyRange, ArithmeticAgreesWithIntervalsOfIntegers) {
  constexpr int kLow = -100;
  constexpr int kHigh = 100;
  const std::vector<int> values = {-10, -9, 0, 2, 10};
  struct Both {
    KeyRange range;
    int from;
    int to;
  };
  std::vector<Both> all;
  for (int i = -1; i < static_cast<int>(values.size()); ++i) {
    for (int j = -1; j < static_cast<int>(values.size()); ++j) {
      const auto text = [&](int at) {
        return at < 0 ? std::string() : std::to_string(values[static_cast<std::size_t>(at)]);
      };
      all.push_back({{text(i), text(j)},
                     i < 0 ? kLow : values[static_cast<std::size_t>(i)],
                     j < 0 ? kHigh : values[static_cast<std::size_t>(j)]});
    }
  }
  for (const Both& a : all) {
    EXPECT_EQ(IsEmpty(kRangeBigint, a.range), a.from >= a.to) << ToString(a.range);
    for (const Both& b : all) {
      const int from = std::max(a.from, b.from);
      const int to = std::min(a.to, b.to);
      const bool overlap = from < to && a.from < a.to && b.from < b.to;
      EXPECT_EQ(Overlap(kRangeBigint, a.range, b.range), overlap)
          << ToString(a.range) << " " << ToString(b.range);
      EXPECT_EQ(Contains(kRangeBigint, a.range, b.range), a.from <= b.from && b.to <= a.to);
      const auto common = Intersect(kRangeBigint, a.range, b.range);
      ASSERT_EQ(common.has_value(), overlap);
      if (!overlap) continue;
      EXPECT_EQ(common->from, from == kLow ? "" : std::to_string(from));
      EXPECT_EQ(common->to, to == kHigh ? "" : std::to_string(to));
    }
    for (int key = -12; key <= 12; ++key) {
      EXPECT_EQ(ContainsKey(kRangeBigint, a.range, std::to_string(key)),
                a.from <= key && key < a.to)
          << ToString(a.range) << " " << key;
    }
  }
}

TEST(KeyRange, NothingLiesBelowTheLowestKey) {
  EXPECT_TRUE(IsEmpty(kRangeBigint, {"", "-9223372036854775808"}));
  EXPECT_TRUE(IsEmpty(kRangeUuid, {"", "00000000-0000-0000-0000-000000000000"}));
  EXPECT_FALSE(IsEmpty(kRangeText, {"", "a"}));  // The empty text lies there.
}

TEST(KeyRange, TextOrdersByBytes) {
  EXPECT_LT(CompareBounds(kRangeText, "Z", "a"), 0);
  EXPECT_LT(CompareBounds(kRangeText, "z", "é"), 0);
  EXPECT_GT(CompareBounds(kRangeText, "ab", "a"), 0);
  EXPECT_TRUE(ContainsKey(kRangeText, {"", "a"}, ""));
  EXPECT_FALSE(ContainsKey(kRangeText, {"a", ""}, ""));
}

TEST(KeyRange, HexOrdersAsPositionsDo) {
  Random random(7);
  for (int i = 0; i < 10'000; ++i) {
    const Position a = (random.Next() << random.Below(64)) | (Position{1} << 63);
    const Position b = (random.Next() << random.Below(64)) | (Position{1} << 63);
    const int order = CompareBounds(kHashBigint, FormatPosition(a), FormatPosition(b));
    ASSERT_EQ(order, static_cast<int>(a > b) - static_cast<int>(a < b));
  }
}

TEST(KeyRange, AHashKeyLiesWhereItsHashFalls) {
  for (int key = -1'000; key < 1'000; ++key) {
    const bool upper = HashInt8Extended(key, 0) >= 0;
    EXPECT_EQ(ContainsKey(kHashBigint, {"80", ""}, std::to_string(key)), upper);
    EXPECT_EQ(ContainsKey(kHashBigint, {"", "80"}, std::to_string(key)), !upper);
  }
  EXPECT_EQ(BoundOfKey({Strategy::kHash, KeyType::kText}, "a"),
            FormatPosition(PositionOfHash(3591986179850072241)));
  EXPECT_EQ(BoundOfKey({Strategy::kHash, KeyType::kUuid}, "01234567-89ab-cdef-0123-456789abcdef"),
            FormatPosition(PositionOfHash(3667757312932659531)));
}

TEST(KeyRange, IsPrintedForPeople) {
  EXPECT_EQ(ToString(KeyRange{"", "40"}), "-40");
  EXPECT_EQ(ToString(KeyRange{"40", "80"}), "40-80");
  EXPECT_EQ(ToString(KeyRange{"80", ""}), "80-");
  EXPECT_EQ(ToString(KeyRange{}), "-");
}

}  // namespace
}  // namespace foreshard::model
