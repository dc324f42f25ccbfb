#include "router/route_key_change.h"

#include <gtest/gtest.h>

#include "tests/unit/router/brain_world.h"

namespace foreshard::router {
namespace {

TEST(RouteKeyChange, AChangedKeyGoesAlongOrStays) {
  World world;
  const std::string here = std::to_string(world.KeyOn(0));
  const std::string beside = std::to_string(world.KeyOn(0, world.KeyOn(0) + 1));
  const std::string there = std::to_string(world.KeyOn(2));
  const auto go = [&](const std::string& set, const std::string& rest) {
    return world.Go("UPDATE customers SET " + set + " WHERE " + rest);
  };
  EXPECT_EQ(Where(go("id = " + beside + ", name = 'x'", "id = " + here).decision), "one 0");
  EXPECT_EQ(go("id = " + beside, "id = " + here).decision.parts[0].text, "");
  const World::Routed moved = world.Go("UPDATE customers SET id = $2 WHERE id = $1 AND v > $3",
                                       {TextParameter(there), TextParameter(here), {}});
  EXPECT_EQ(Where(moved.decision), "several 2,0");  // source, destination
  EXPECT_TRUE(moved.decision.moves_rows && moved.decision.two_phase);
  EXPECT_EQ(moved.decision.keys.size(), 2U);
  EXPECT_EQ(moved.decision.parts[0].parameters, (std::vector<std::uint32_t>{1, 3}));
  EXPECT_TRUE(moved.decision.parts[1].renumbered);
  EXPECT_EQ(Where(go("id = " + there, "id IS NULL").decision), "refused 0A000");
  EXPECT_EQ(Where(go("id = " + there, "id = NULL").decision), "refused 22004");
  EXPECT_EQ(Where(go("id = NULL", "id = " + here).decision), "refused 22004");
  for (const std::string& refused :
       {there + ", name = 'x' WHERE id = " + here, there + " WHERE id = " + here + " RETURNING id",
        there + " WHERE name = 'x'", there + " WHERE id IN (" + here + "," + there + ")"}) {
    EXPECT_EQ(Where(world.Go("UPDATE customers SET id = " + refused).decision), "refused 0A000")
        << refused;
  }
  world.facts.shard_key = here;
  EXPECT_EQ(Where(world.Go("UPDATE customers SET id = " + there).decision), "refused 0A000");
  model::RoutingTable table = FourQuarters();
  table.moving = {{"m", {7}, {}, {here}}};
  world.table = Compiled(table);
  EXPECT_EQ(Where(go("id = " + beside, "id = " + here).decision), "refused 55006");
  EXPECT_EQ(Where(go("id = " + here, "id = " + there).decision), "refused 55006");
  EXPECT_EQ(Where(go("id = " + there, "id = " + beside).decision), "several 0,2");
}

}  // namespace
}  // namespace foreshard::router
