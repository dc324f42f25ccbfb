#include "operator/routers/heat_json.h"

#include <gtest/gtest.h>

namespace foreshard::op {
namespace {

constexpr model::KeySpace kHash{.strategy = model::Strategy::kHash,
                                .key_type = model::KeyType::kBigint};

// Key 1 lies in the upper half of the hash space, key 4 in the lower.
constexpr const char* kHeat = R"({"ranges":[
  {"from":"","to":"80","shard":"s-a","backendNanos":2000000000,
   "samples":[{"quarter":0,"totalWeight":1.5,"offered":9,"keys":["2","7","9"]},{"quarter":1,
     "totalWeight":0,"offered":0,"keys":[]}]},
  {"from":"80","to":"","shard":"s-b","backendNanos":500000000,"samples":[]}],
  "keys":[{"key":"1","count":900000000,"error":100000000},{"key":"4","count":5,"error":5}],
    "pairs":[]})";

TEST(HeatJson, ReadsSamplesWithTheirWeightAndHotKeysOfTheirRange) {
  const auto heat = ParseHeat(kHeat, kHash);
  ASSERT_TRUE(heat) << heat.error().message;
  ASSERT_EQ(heat->size(), 2u);
  EXPECT_EQ((*heat)[0].backend_seconds, 2);
  ASSERT_EQ((*heat)[0].samples.size(), 3u);
  EXPECT_EQ((*heat)[0].samples[1].key, "7");
  EXPECT_DOUBLE_EQ((*heat)[0].samples[1].weight, 0.5);
  const std::size_t home = model::ContainsKey(kHash, (*heat)[1].range, "1") ? 1 : 0;
  ASSERT_EQ((*heat)[home].hot_keys.size(), 1u) << "a count that may be all error is no hot key";
  EXPECT_DOUBLE_EQ((*heat)[home].hot_keys[0].weight, 0.8);
  EXPECT_TRUE((*heat)[1 - home].hot_keys.empty());
}

TEST(HeatJson, RoutersAddUp) {
  std::vector<RangeHeat> all = *ParseHeat(kHeat, kHash);
  MergeHeat(all, *ParseHeat(kHeat, kHash));
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].backend_seconds, 4);
  EXPECT_EQ(all[0].samples.size(), 6u);
}

// Found by fuzz.operator.objects: a key that is none once ended the operator.
TEST(HeatJson, WhatIsNoKeyOrBoundIsLeftOut) {
  const auto heat = ParseHeat(
      R"({"ranges":[{"from":"zz","to":"","shard":"s-a","backendNanos":1,"samples":[]},
          {"from":"","to":"","shard":"s-b","backendNanos":1,
           "samples":[{"totalWeight":3,"keys":["2","","+7","seven"]}]}],
          "keys":[{"key":"","count":9,"error":0},{"key":"x","count":9,"error":0},
                  {"key":"5","count":9,"error":0}]})",
      kHash);
  ASSERT_TRUE(heat) << heat.error().message;
  ASSERT_EQ(heat->size(), 1u);
  EXPECT_EQ((*heat)[0].shard.value, "s-b");
  ASSERT_EQ((*heat)[0].samples.size(), 1u);
  EXPECT_EQ((*heat)[0].samples[0].key, "2");
  ASSERT_EQ((*heat)[0].hot_keys.size(), 1u);
  EXPECT_EQ((*heat)[0].hot_keys[0].key, "5");
}

TEST(HeatJson, RefusesWhatIsNoHeat) {
  EXPECT_FALSE(ParseHeat("", kHash));
  EXPECT_FALSE(ParseHeat("{}", kHash));
  EXPECT_FALSE(ParseHeat(R"({"ranges":7})", kHash));
}

}  // namespace
}  // namespace foreshard::op
