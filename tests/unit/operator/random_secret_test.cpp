#include "operator/random_secret.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

namespace foreshard::op {
namespace {

TEST(RandomSecret, IsLongPlainAndNeverTheSame) {
  std::set<std::string> secrets;
  for (int i = 0; i < 100; ++i) {
    const Result<std::string> secret = RandomSecret(32);
    ASSERT_TRUE(secret.ok());
    ASSERT_EQ(secret->size(), 32U);
    for (const char c : *secret) EXPECT_TRUE(std::isalnum(static_cast<unsigned char>(c))) << c;
    secrets.insert(*secret);
  }
  EXPECT_EQ(secrets.size(), 100U);
}

TEST(RandomSecret, UsesAllCharactersAboutEqually) {
  std::map<char, int> counts;
  const Result<std::string> secret = RandomSecret(62'000);
  ASSERT_TRUE(secret.ok());
  for (const char c : *secret) ++counts[c];
  EXPECT_EQ(counts.size(), 62U);
  for (const auto& [c, count] : counts) {
    EXPECT_GT(count, 800) << c;
    EXPECT_LT(count, 1200) << c;
  }
}

}  // namespace
}  // namespace foreshard::op
