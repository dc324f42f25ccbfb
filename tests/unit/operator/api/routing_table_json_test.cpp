#include "operator/api/routing_table_json.h"

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

TEST(RoutingTableJson, RefusesAnObjectWithoutSpec) {
  EXPECT_FALSE(ParseRoutingTable("{}", {}).ok());
  EXPECT_FALSE(ParseRoutingTable("[", {}).ok());
}

}  // namespace
}  // namespace foreshard::op
