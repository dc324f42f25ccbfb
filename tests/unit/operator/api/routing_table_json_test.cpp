#include "operator/api/routing_table_json.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace foreshard::op {
namespace {

TEST(RoutingTableJson, SurvivesBothWays) {
  model::RoutingTable table;
  table.shard_set_name = "orders";
  table.epoch = {12};
  table.ranges = {{.range = {"", "80"}, .shard = {"s-a"}}, {.range = {"80", ""}, .shard = {"s-b"}}};
  table.pins = {{.key = "4711", .shard = {"s-b"}}};
  table.shards = {{.id = {"s-a"}, .primary_service = "a", .replica_service = "ar"},
                  {.id = {"s-b"}, .primary_service = "b", .replica_service = ""}};
  table.moving = {{.migration = "m", .number = {7}, .range = {"40", "80"}, .keys = {}},
                  {.migration = "k", .number = {8}, .range = {}, .keys = {"1", "2"}}};
  const Value object = Value::Object({{"spec", RoutingTableSpec(table)}});
  const Result<model::RoutingTable> read = ParseRoutingTable(ToJson(object), table.key_space);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(*read, table);
}

TEST(RoutingTableJson, KeepsWhoSwitchesInAnAnnotation) {
  model::RoutingTable table;
  EXPECT_TRUE(SwitchingJson(table).is_null());
  table.switching = {.number = {7}, .record = 12};
  EXPECT_EQ(SwitchingJson(table).Text(), "7/12");
  const auto read = [](const char* annotation) {
    return ParseRoutingTable(
        fmt::format(R"({{"metadata": {{"annotations": {{"{}": "{}"}}}}, "spec": {{}}}})",
                    kSwitchingAnnotation, annotation),
        {});
  };
  EXPECT_EQ(read("7/12")->switching, table.switching);
  for (const char* nobody : {"", "7", "7/", "x/12", "7/12 "}) {
    EXPECT_FALSE(read(nobody)->switching) << nobody;
  }
}

TEST(RoutingTableJson, RefusesAnObjectWithoutSpec) {
  EXPECT_FALSE(ParseRoutingTable("{}", {}).ok());
  EXPECT_FALSE(ParseRoutingTable("[", {}).ok());
}

}  // namespace
}  // namespace foreshard::op
