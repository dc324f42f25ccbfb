#include <gtest/gtest.h>

#include "tests/unit/router/refusals.h"

// What means one server's state, or another value on each, is said of one shard or refused.

namespace foreshard::router {
namespace {

std::string OneOf(std::int64_t key) { return "one " + std::to_string(World().ShardOf(key)); }

TEST(ClassifyFunctions, AWriteToSeveralShardsHasOneTimeOrNone) {
  const World world;
  ExpectRefused("UPDATE orders SET at = now()", "now() in a write to several shards");
  ExpectRefused("UPDATE orders SET at = CURRENT_TIMESTAMP - interval '1 day'",
                "the current time in a write to several shards");
  ExpectRefused("UPDATE orders SET tx = txid_current() WHERE country = 1", "txid_current()");
  ExpectRefused("INSERT INTO orders (customer_id, at) VALUES (" + std::to_string(world.KeyOn(0)) +
                    ", now()), (" + std::to_string(world.KeyOn(2)) + ", now())",
                "now() in a write to several shards");
  ExpectRefused("INSERT INTO orders (customer_id, at) SELECT id, now() FROM customers", "now()");
  EXPECT_EQ(AnswerTo("UPDATE orders SET at = now() WHERE customer_id = 5"), OneOf(5));
  EXPECT_EQ(AnswerTo("INSERT INTO orders (customer_id, at) VALUES (5, now())"), OneOf(5));
  // What is only compared may be a moment apart, and random values differ from row to row anyway.
  EXPECT_EQ(AnswerTo("DELETE FROM orders WHERE at < now() - interval '30 days'"),
            "several 0,1,2,3");
  EXPECT_EQ(AnswerTo("UPDATE orders SET token = gen_random_uuid()"), "several 0,1,2,3");
}

TEST(ClassifyFunctions, SequencesAndProcessesAreOfOneShard) {
  ExpectRefused("SELECT nextval('s')", "nextval() counts on one shard only");
  ExpectRefused("UPDATE orders SET n = nextval('s')", "nextval() counts on one shard only");
  ExpectRefused("SELECT nextval('s') FROM orders WHERE customer_id IN (1, 2, 3, 4, 5, 6, 7)",
                "nextval() counts on one shard only");
  ExpectRefused("SELECT pg_terminate_backend(5)", "a process number means something on one shard");
  ExpectRefused("SELECT pg_cancel_backend(pid) FROM pg_stat_activity", "pg_cancel_backend()");
  ExpectRefused("SELECT pg_advisory_xact_lock(id) FROM customers WHERE id IN (1, 2, 3, 4, 5, 6)",
                "locks on one shard only");
  EXPECT_EQ(AnswerTo("INSERT INTO orders (customer_id, id) VALUES (5, nextval('s'))"), OneOf(5));
  World world;
  world.facts.shard_key = "5";
  EXPECT_EQ(Where(world.Go("SELECT nextval('s')").decision), OneOf(5));
}

TEST(ClassifyFunctions, SystemColumnsAreOfOneShard) {
  ExpectRefused("SELECT ctid FROM customers", "the system column ctid over several shards");
  ExpectRefused("DELETE FROM customers WHERE ctid = '(0,1)'", "the system column ctid");
  ExpectRefused("UPDATE customers c SET v = 1 WHERE c.xmin = '5'", "the system column xmin");
  EXPECT_EQ(AnswerTo("UPDATE customers SET name = 'x' WHERE id = 5 AND xmin = '7'"), OneOf(5));
}

TEST(ClassifyFunctions, CopiesOfAReferenceTableGetTheSameRows) {
  const std::string choose = "shards may choose differently";
  ExpectRefused("DELETE FROM countries WHERE ctid = '(0,1)'", choose);
  ExpectRefused("INSERT INTO countries SELECT * FROM countries LIMIT 1", choose);
  ExpectRefused(
      "UPDATE countries SET name = x.n FROM (SELECT DISTINCT ON (a) a, n FROM countries) x",
      choose);
  ExpectRefused("INSERT INTO countries SELECT row_number() OVER (), name FROM countries", choose);
  ExpectRefused("UPDATE countries SET name = (SELECT string_agg(name, ',') FROM countries)",
                choose);
  ExpectRefused("INSERT INTO countries SELECT oid, relname FROM pg_class", "reads a system table");
  EXPECT_EQ(AnswerTo("UPDATE countries SET name = (SELECT string_agg(name, ',' ORDER BY id) FROM "
                     "countries)"),
            "all");
}

TEST(ClassifyFunctions, LocksOfReferenceTablesMeetOnOneShard) {
  EXPECT_EQ(AnswerTo("SELECT * FROM countries WHERE id = 1 FOR UPDATE"), "one 0");
  EXPECT_EQ(AnswerTo("SELECT * FROM countries FOR SHARE OF countries"), "one 0");
  EXPECT_EQ(AnswerTo("SELECT * FROM countries"), "any");
  ExpectRefused(
      "SELECT * FROM customers c JOIN countries k ON k.id = c.country WHERE c.id = 5 FOR UPDATE",
      "FOR UPDATE or FOR SHARE of a reference table beside a sharded one");
  EXPECT_EQ(
      AnswerTo("SELECT * FROM customers c JOIN countries k ON k.id = c.country WHERE c.id = 5 "
               "FOR UPDATE OF c"),
      OneOf(5));
  ExpectRefused("SELECT id FROM customers ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED",
                "LIMIT with FOR UPDATE or FOR SHARE over several shards");
  EXPECT_EQ(AnswerTo("SELECT id FROM orders WHERE customer_id = 5 LIMIT 1 FOR UPDATE SKIP LOCKED"),
            OneOf(5));
  EXPECT_EQ(AnswerTo("SELECT id FROM customers FOR UPDATE"), "several 0,1,2,3");
}

TEST(ClassifyFunctions, FunctionsOfUsersAreLearnedOnce) {
  World world;
  EXPECT_EQ(
      world.Meaning("SELECT f(g(5)), count(*), pg_catalog.lower('X'), public.h(1), f(2)").functions,
      (std::vector<std::string>{"f", "g", "h"}));
  const std::uint64_t before = world.catalogue->fingerprint();
  world.catalogue = world.catalogue->WithFunctions({{"f", {.aggregate = false, .unseen = true}},
                                                    {"g", {.aggregate = true, .unseen = false}},
                                                    {"h", {}}});
  EXPECT_NE(world.catalogue->fingerprint(), before);
  EXPECT_TRUE(world.Meaning("SELECT f(g(5)), h(1)").functions.empty());
  // The columns that are learned later do not make them forgotten.
  world.catalogue = world.catalogue->WithColumns("public.customers", {"id"});
  ASSERT_NE(world.catalogue->FindFunction("f"), nullptr);
  const auto answer = [&world](const std::string& text) { return Where(world.Go(text).decision); };
  EXPECT_EQ(answer("SELECT f(5)"), "refused 0A000");
  EXPECT_EQ(answer("SELECT f(id) FROM customers"), "refused 0A000");
  EXPECT_EQ(answer("SELECT f(id) FROM customers WHERE id = 5"), OneOf(5));
  EXPECT_TRUE(world.Meaning("SELECT f(id) FROM customers WHERE id = 5").runs_unseen);
  EXPECT_FALSE(world.Go("SELECT f(id) FROM customers WHERE id = 5").decision.read_only);
  EXPECT_EQ(answer("SELECT g(id) FROM customers"), "refused 0A000");
  EXPECT_EQ(answer("SELECT g(id) FROM customers WHERE id = 5"), OneOf(5));
  EXPECT_EQ(answer("SELECT h(id) FROM customers"), "several 0,1,2,3");
  EXPECT_EQ(answer("SELECT h(5)"), "any");
}

TEST(ClassifyFunctions, RowsOfPgProcAreRead) {
  EXPECT_EQ(FunctionOfRow("a-product"), (std::pair<std::string, FunctionFacts>{
                                            "product", {.aggregate = true, .unseen = false}}));
  EXPECT_EQ(FunctionOfRow("-upeek")->second.unseen, true);
  EXPECT_FALSE(FunctionOfRow("-u").has_value());
}

TEST(ClassifyFunctions, ExplainAnalyzeWritesWhatItExplains) {
  const Statement statement =
      World().Meaning("EXPLAIN ANALYZE UPDATE customers SET name = 'x' WHERE id = 5");
  EXPECT_TRUE(statement.writes);
  EXPECT_FALSE(World().Meaning("EXPLAIN SELECT * FROM customers WHERE id = 5").writes);
  EXPECT_TRUE(World()
                  .Meaning("DECLARE c CURSOR FOR SELECT * FROM customers WHERE id = 5 FOR UPDATE")
                  .locks_rows);
}

}  // namespace
}  // namespace foreshard::router
