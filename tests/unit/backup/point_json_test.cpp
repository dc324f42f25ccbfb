#include "backup/point_json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace foreshard::backup {
namespace {

Point Example() {
  Point point{.number = {7},
              .made_at = *ParseRfc3339("2026-05-01T09:10:00.123456Z"),
              .state = {.set_uid = "uid-1",
                        .shards = {{"s-1"}, {"s-2"}},
                        .epoch = {12},
                        .routing_table = R"({"epoch":12})",
                        .migrations = R"([{"name":"orders-split"}])",
                        .cutovers = {},
                        .number_max = {3},
                        .record_max = 44,
                        .lease_transitions = 5},
              .shards = {}};
  for (const char* shard : {"s-1", "s-2"}) {
    point.shards.push_back({.shard = {shard},
                            .system_identifier = "7389",
                            .timeline = 2,
                            .lsn = "0/16B3748",
                            .wal_file = "000000020000000000000001"});
  }
  return point;
}

TEST(PointJson, IsReadAsItWasWritten) {
  const auto read = PointFromJson(PointToJson(Example()));
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(*read, Example());
}

// A restore from half of a record would be worse than none.
TEST(PointJson, RefusesWhatLacksAField) {
  const auto whole = nlohmann::json::parse(PointToJson(Example()));
  for (const auto& [name, value] : whole.items()) {
    auto without = whole;
    without.erase(name);
    EXPECT_FALSE(PointFromJson(without.dump()).ok()) << name;
  }
  for (const char* inner : {"state", "/shards/0"}) {
    const nlohmann::json::json_pointer at(inner[0] == '/' ? inner : "/" + std::string(inner));
    for (const auto& [name, value] : whole.at(at).items()) {
      auto without = whole;
      without[at].erase(name);
      const auto read = PointFromJson(without.dump());
      ASSERT_FALSE(read.ok()) << name;
      EXPECT_NE(read.error().message.find(name), std::string::npos) << read.error().message;
    }
  }
}

TEST(PointJson, RefusesOtherReleasesAndOtherTexts) {
  auto newer = nlohmann::json::parse(PointToJson(Example()));
  newer["version"] = 2;
  EXPECT_EQ(PointFromJson(newer.dump()).error().message,
            "version: 2 was written by another release; this one reads 1");
  for (const char* text : {"", "[]", "{", "null", R"({"version":"1"})"}) {
    EXPECT_FALSE(PointFromJson(text).ok()) << text;
  }
}

}  // namespace
}  // namespace foreshard::backup
