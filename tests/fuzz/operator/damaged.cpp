#include "tests/fuzz/operator/damaged.h"

#include <gtest/gtest.h>

#include <array>

namespace foreshard::op {
namespace {

constexpr const char* kOddTexts[] = {"",
                                     "-1",
                                     "9223372036854775808",
                                     "1e400",
                                     "NaN",
                                     "20GiB",
                                     "-80",
                                     "zz",
                                     "\x80\xff",
                                     "a\nb",
                                     "18446744073709551615h",
                                     "999999999999999999999999",
                                     "0",
                                     ".",
                                     "${x}",
                                     "{{",
                                     "public.",
                                     "*"};

Value OddValue(Random& random) {
  switch (random.Below(9)) {
    case 0:
      return {};
    case 1:
      return Value(random.Chance(0.5));
    case 2:
      return Value(static_cast<std::int64_t>(random.Next()));
    case 3:
      return Value(random.Between(-3, 3));
    case 4:
      return Value(random.Chance(0.5) ? 1e308 : -0.5);
    case 5:
      return Value(std::string(random.Below(5'000), 'a'));
    case 6:
      return Value::Array({Value(), Value("x"), Value(Value::List(random.Below(50)))});
    case 7:
      return Value::Object({{"name", "x"}, {"", Value()}, {"spec", Value::Array()}});
    default:
      return Value(kOddTexts[random.Below(std::size(kOddTexts))]);
  }
}

}  // namespace

Value Damaged(Random& random, const Value& value, double likely) {
  if (random.Chance(likely)) return OddValue(random);
  if (value.is_list()) {
    Value::List items;
    for (const Value& item : value.Items()) {
      if (random.Chance(likely)) continue;
      for (int copies = random.Chance(likely) ? 2 : 1; copies > 0; --copies)
        items.push_back(Damaged(random, item, likely));
    }
    return Value(std::move(items));
  }
  if (value.is_object()) {
    Value::Members members;
    for (const auto& [name, item] : value.Fields()) {
      if (random.Chance(likely)) continue;
      members.emplace(random.Chance(likely / 4) ? name + "x" : name, Damaged(random, item, likely));
    }
    return Value(std::move(members));
  }
  return value;
}

std::string DrawDamaged(Random& random, const std::string& good) {
  const double likely = std::array{0.004, 0.03, 0.2}[random.Below(3)];
  std::string text = ToJson(Damaged(random, *ParseJson(good), likely));
  for (std::uint64_t cuts = random.Below(4) == 0 ? 1 + random.Below(4) : 0; cuts > 0; --cuts) {
    if (text.empty()) break;
    const std::size_t at = random.Below(text.size());
    if (random.Chance(0.3)) {
      text.resize(at);
    } else {
      text[at] = static_cast<char>(random.Next());
    }
  }
  return text;
}

void FuzzDamaged(const std::string& good, std::uint64_t seeds,
                 const std::function<bool(const std::string&)>& one) {
  ASSERT_TRUE(one(good));
  std::uint64_t accepted = 0;
  for (std::uint64_t seed = 1; seed <= seeds && !testing::Test::HasFailure(); ++seed) {
    Random random(seed);
    const std::string text = DrawDamaged(random, good);
    SCOPED_TRACE("seed " + std::to_string(seed) + ": " + text.substr(0, 2'000));
    accepted += one(text) ? 1 : 0;
  }
  EXPECT_GT(accepted, seeds / 50) << "a generator whose every object is refused tests one branch";
  EXPECT_LT(accepted, seeds) << "and one whose every object is accepted the other";
}

}  // namespace foreshard::op
