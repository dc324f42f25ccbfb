#include "router/route.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "router/plan_cache.h"
#include "tests/unit/router/brain_world.h"

namespace foreshard::router {
namespace {

// Every edge of every range and every pin: the shard of the decision is the model's owner.
TEST(Route, FindsTheOwnerOfEveryKey) {
  Random random(4);
  World world;
  model::RoutingTable table = FourQuarters();
  for (std::int64_t key = 0; key < 40; ++key)
    table.pins.push_back({std::to_string(key * 3), table.shards[random.Below(4)].id});
  std::sort(table.pins.begin(), table.pins.end(),
            [](const model::Pin& a, const model::Pin& b) { return a.key < b.key; });
  world.table = Compiled(table);
  for (std::int64_t key = -200; key < 400; ++key) {
    const std::string text = std::to_string(key);
    const World::Routed routed = world.Go("SELECT * FROM customers WHERE id = " + text);
    ASSERT_EQ(routed.decision.kind, RouteKind::kOneShard);
    const std::uint32_t shard = routed.decision.parts[0].shard;
    ASSERT_EQ(world.table->table().shards[shard].id, model::OwnerOfKey(table, text)) << key;
    ASSERT_EQ(routed.decision.keys.size(), 1U);
    ASSERT_EQ(routed.decision.keys[0].number, key);
    ASSERT_EQ(routed.decision.owners[0].pinned, key >= 0 && key < 120 && key % 3 == 0);
    ASSERT_TRUE(routed.decision.read_only);
    ASSERT_EQ(routed.decision.parts[0].text, "");
  }
}

TEST(Route, ParametersComeInTextAndBinary) {
  const World world;
  const std::string one = "one " + std::to_string(world.ShardOf(258));
  const auto go = [&](const ParameterValue& value) {
    return Where(world.Go("SELECT * FROM customers WHERE id = $1", {value}).decision);
  };
  EXPECT_EQ(go(TextParameter("258")), one);
  EXPECT_EQ(go(TextParameter("258", 20)), one);
  EXPECT_EQ(go(BinaryParameter(std::string_view("\0\0\0\0\0\0\1\2", 8), 20)), one);
  EXPECT_EQ(go(BinaryParameter(std::string_view("\0\0\1\2", 4), 23)), one);
  EXPECT_EQ(go(BinaryParameter(std::string_view("\1\2", 2), 21)), one);
  EXPECT_EQ(go(BinaryParameter(std::string_view("\1\2", 2))), one);
  EXPECT_EQ(go(NullParameter()), "any");
  EXPECT_EQ(go(BinaryParameter("abc")), "refused 22P03");
  EXPECT_EQ(go(TextParameter("abc")), "refused 22P02");
  EXPECT_EQ(go(TextParameter("5", 1700)), "refused 22023");  // numeric
  EXPECT_EQ(Where(world.Go("SELECT * FROM customers WHERE id = $2", {TextParameter("1")}).decision),
            "refused 42P02");
  EXPECT_EQ(
      Where(world.Go("UPDATE customers SET name = 'x' WHERE id = $1", {NullParameter()}).decision),
      "refused 22004");
}

TEST(Route, ArraysGiveAllTheirKeys) {
  const World world;
  const std::int64_t a = world.KeyOn(1);
  const std::int64_t b = world.KeyOn(3);
  const auto go = [&](const ParameterValue& value) {
    return Where(world.Go("SELECT * FROM customers WHERE id = ANY($1)", {value}).decision);
  };
  EXPECT_EQ(go(TextParameter("{" + std::to_string(a) + "}")), "one 1");
  EXPECT_EQ(go(TextParameter("{" + std::to_string(a) + ",NULL," + std::to_string(b) + "}")),
            "several 1,3");
  EXPECT_EQ(go(TextParameter("{}")), "any");
  EXPECT_EQ(go(TextParameter("{{1}}")), "refused 22P02");
  std::string binary("\0\0\0\1\0\0\0\0\0\0\0\x14\0\0\0\1\0\0\0\1\0\0\0\x08", 24);
  for (int shift = 56; shift >= 0; shift -= 8) binary += static_cast<char>(a >> shift & 0xff);
  EXPECT_EQ(go(BinaryParameter(binary)), "one 1");
  EXPECT_EQ(go(BinaryParameter(std::string_view(binary).substr(0, 20))), "refused 22P03");
}

TEST(Route, TheHintSpeaksOnlyWhereTheStatementIsSilent) {
  World world;
  const std::int64_t here = world.KeyOn(2);
  world.facts.shard_key = std::to_string(here);
  EXPECT_EQ(Where(world.Go("SELECT * FROM customers").decision), "one 2");
  EXPECT_EQ(Where(world.Go("UPDATE customers SET name = 'x'").decision), "one 2");
  EXPECT_EQ(Where(world.Go("SELECT f(1)").decision), "one 2");
  const std::int64_t there = world.KeyOn(1);
  EXPECT_EQ(Where(world.Go("SELECT * FROM customers WHERE id = " + std::to_string(there)).decision),
            "one 1");
  EXPECT_EQ(Where(world.Go("INSERT INTO customers (id) VALUES (f(1))").decision), "refused 22023");
  EXPECT_EQ(Where(world.Go("UPDATE countries SET name = 'x'").decision), "all");
  EXPECT_EQ(Where(world
                      .Go("SELECT * FROM customers /* foreshard.shard_key = '" +
                          std::to_string(there) + "' */")
                      .decision),
            "one 1");
  EXPECT_EQ(Where(world.Go("SELECT * FROM customers /* foreshard.shard_key = 'abc' */").decision),
            "refused 22P02");
}

TEST(Route, LocalMattersStayLocal) {
  for (const char* text :
       {"BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT a", "SET x.y = 1", "RESET ALL", "SHOW x.y",
        "DISCARD ALL", "PREPARE p AS SELECT 1", "EXECUTE p", "DEALLOCATE p", "FETCH 1 FROM c",
        "CLOSE c", "UNLISTEN *", "SET CONSTRAINTS ALL DEFERRED", ""}) {
    EXPECT_EQ(Where(World().Go(text).decision), "local") << text;
  }
}

TEST(Route, OneShardNeedsNoMergeAndNoTwoPhase) {
  World world;
  model::RoutingTable table = FourQuarters();
  table.ranges = {{{"", ""}, table.shards[0].id}};
  table.shards.resize(1);
  world.table = Compiled(table);
  EXPECT_EQ(Where(world.Go("SELECT string_agg(name, ',') FROM customers, orders").decision),
            "one 0");
  // A new shard owns nothing yet: nothing is read or written there, but it takes part in schema
  // changes.
  table.shards.push_back({{"s-new"}, "x", ""});
  world.table = Compiled(table);
  EXPECT_EQ(Where(world.Go("UPDATE customers SET name = 'x'").decision), "one 0");
  EXPECT_EQ(world.Go("ALTER TABLE customers ADD x int").decision.parts.size(), 2U);
  table.shards.pop_back();
  world.table = Compiled(table);
  EXPECT_EQ(Where(world.Go("SELECT count(*) FROM customers").decision), "one 0");
  EXPECT_FALSE(world.Go("UPDATE customers SET name = 'x'").decision.two_phase);
  EXPECT_FALSE(world.Go("DELETE FROM countries").decision.two_phase);
}

TEST(Route, WhileKeysMoveCopiesAreHidden) {
  World world;
  model::RoutingTable table = FourQuarters();
  table.moving = {{"m", {7}, {"40", "80"}, {}}};
  world.table = Compiled(table);
  const auto text = [&](const std::string& sql, std::size_t part) {
    return world.Go(sql).decision.parts[part].text;
  };
  EXPECT_NE(text("SELECT count(*) FROM orders", 0).find("(SELECT * FROM public.orders WHERE NOT ("),
            std::string::npos);
  EXPECT_NE(text("SELECT count(*) FROM orders", 0).find("AS \"orders\""), std::string::npos);
  EXPECT_EQ(text("SELECT count(*) FROM orders", 1), "");  // owns what moves
  const std::string join =
      text("SELECT * FROM ONLY public.customers c JOIN orders AS o ON o.customer_id = c.id", 2);
  EXPECT_NE(join.find("(SELECT * FROM ONLY public.customers WHERE NOT ("), std::string::npos)
      << join;
  EXPECT_EQ(join.find("ONLY  ("), std::string::npos) << join;
  EXPECT_NE(join.find("(SELECT * FROM public.orders WHERE NOT ("), std::string::npos) << join;
  const std::string update = text("UPDATE orders SET x = 1 WHERE a OR b RETURNING *", 0);
  EXPECT_NE(update.find("WHERE  ( a OR b  ) AND NOT "
                        "((pg_catalog.hashint8extended(\"orders\".\"customer_id\", 0)"),
            std::string::npos)
      << update;
  EXPECT_NE(update.find("RETURNING *"), std::string::npos);
  const std::string erase = text("DELETE FROM orders o", 0);
  EXPECT_NE(erase.find("DELETE FROM orders o WHERE NOT ("), std::string::npos) << erase;
  // One key has one owner: nothing to hide.
  EXPECT_EQ(world.Go("SELECT * FROM orders WHERE customer_id = 5").decision.parts[0].text, "");
  EXPECT_EQ(Where(world.Go("COPY orders TO STDOUT").decision), "refused 55006");
}

TEST(Route, ADecisionIsReusedWithoutTraces) {
  const World world;
  World::Routed routed = world.Go("SELECT name FROM customers ORDER BY at LIMIT 3 OFFSET 2");
  ASSERT_EQ(routed.decision.kind, RouteKind::kSeveralShards);
  const World::Routed fresh = world.Go("SELECT * FROM customers WHERE id = 5");
  Route({*fresh.statement,
         fresh.text,
         fresh.normalized,
         {},
         *world.catalogue,
         *world.table,
         world.facts},
        routed.decision);
  EXPECT_EQ(Where(routed.decision), Where(fresh.decision));
  EXPECT_EQ(routed.decision.merge, nullptr);
  EXPECT_FALSE(routed.decision.limit.has_value());
  EXPECT_EQ(routed.decision.offset, 0);
  EXPECT_FALSE(routed.decision.scatter);
  EXPECT_EQ(routed.decision.parts[0].text, "");
}

}  // namespace
}  // namespace foreshard::router
