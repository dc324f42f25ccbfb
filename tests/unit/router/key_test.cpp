#include "router/key.h"

#include <gtest/gtest.h>

#include <limits>

#include "base/random.h"

namespace foreshard::router {
namespace {

using model::KeyType;
using model::Strategy;

TEST(Key, LiesWhereTheModelSays) {
  Random random(3);
  for (const Strategy strategy : {Strategy::kHash, Strategy::kRange}) {
    const model::KeySpace space{strategy, KeyType::kBigint};
    for (int i = 0; i < 1'000; ++i) {
      const auto number = static_cast<std::int64_t>(random.Next()) >> random.Below(64);
      const std::string text = std::to_string(number);
      const Result<Key> key = ParseKey(space, text);
      ASSERT_TRUE(key.ok());
      ASSERT_EQ(CanonicalText(KeyType::kBigint, *key), text);
      if (strategy == Strategy::kRange) continue;
      ASSERT_EQ(model::FormatPosition(key->position), model::BoundOfKey(space, text));
    }
  }
}

TEST(Key, PlacesOrderAsTheModelOrders) {
  Random random(5);
  for (const KeyType type : {KeyType::kBigint, KeyType::kText, KeyType::kUuid}) {
    const model::KeySpace space{Strategy::kRange, type};
    const auto draw = [&]() -> std::string {
      if (type == KeyType::kBigint)
        return std::to_string(static_cast<std::int64_t>(random.Next()) >> random.Below(64));
      std::string hex;
      for (int i = 0; i < 32; ++i) hex += "0123456789abcdef"[random.Below(i < 20 ? 2 : 16)];
      return type == KeyType::kUuid ? *model::CanonicalKey(KeyType::kUuid, hex)
                                    : hex.substr(0, 1 + random.Below(31));
    };
    for (int i = 0; i < 2'000; ++i) {
      const std::string a = draw();
      const std::string b = draw();
      const int expected = model::CompareBounds(space, a, b);
      const int order = ComparePlaces(space, *ParseKey(space, a), *ParseKey(space, b));
      ASSERT_EQ(order < 0, expected < 0) << a << " " << b;
      ASSERT_EQ(order > 0, expected > 0) << a << " " << b;
    }
  }
}

TEST(Key, ErrorsNameTheCodeAndNeverTheValue) {
  const model::KeySpace bigint{Strategy::kHash, KeyType::kBigint};
  const auto code = [](const Result<Key>& key) {
    return key.ok() ? std::string("ok") : key.error().code;
  };
  EXPECT_EQ(code(ParseKey(bigint, "secret")), "22P02");
  EXPECT_EQ(code(ParseKey(bigint, "99999999999999999999")), "22003");
  EXPECT_EQ(code(ParseKey(bigint, "")), "22P02");
  EXPECT_EQ(code(ParseKey(bigint, " 5 ")), "ok");
  EXPECT_EQ(ParseKey(bigint, "secret").error().message.find("secret"), std::string::npos);
  EXPECT_EQ(code(ParseKey({Strategy::kHash, KeyType::kUuid}, "secret")), "22P02");
}

TEST(Key, OneValueHasOneKeyHoweverItIsSpelled) {
  const model::KeySpace uuid{Strategy::kHash, KeyType::kUuid};
  EXPECT_EQ(*ParseKey(uuid, "01234567-89AB-cdef-0123-456789abcdef"),
            *ParseKey(uuid, "{0123456789abcdef0123456789abcdef}"));
  EXPECT_EQ(CanonicalText(KeyType::kUuid, *ParseKey(uuid, "0123456789ABCDEF0123456789abcdef")),
            "01234567-89ab-cdef-0123-456789abcdef");
  EXPECT_EQ(KeyOfText({Strategy::kHash, KeyType::kText}, "a").text, "a");
}

}  // namespace
}  // namespace foreshard::router
