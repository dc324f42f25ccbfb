#include "router/plan_cache.h"

#include <gtest/gtest.h>

#include "tests/unit/router/brain_world.h"

namespace foreshard::router {
namespace {

struct Cached {
  explicit Cached(std::size_t entries = 64) : cache(entries) {}

  std::shared_ptr<const Statement> Get(const std::string& text) {
    Normalize(text, normalized);
    return cache.Get(text, normalized, PlanContextOf(*catalogue, path));
  }
  // Whether it is known, without a change of anything but the counters.
  const Statement* Known(const std::string& text) {
    PlanCache copy = cache;
    Normalize(text, normalized);
    const auto meaning = copy.Get(text, normalized, PlanContextOf(*catalogue, path));
    return copy.misses() == cache.misses() ? meaning.get() : nullptr;
  }

  std::shared_ptr<const Catalogue> catalogue = TestCatalogue();
  std::vector<std::string> path = {"public"};
  Normalized normalized;
  PlanCache cache;
};

TEST(PlanCache, OneShapeIsClassifiedOnce) {
  Cached cached;
  EXPECT_EQ(cached.Known("SELECT * FROM customers WHERE id = 1"), nullptr);
  const auto first = cached.Get("SELECT * FROM customers WHERE id = 1");
  const auto second = cached.Get("select * from customers where id = 4711 -- c");
  EXPECT_EQ(first, second);
  EXPECT_EQ(cached.Known("SELECT * FROM customers WHERE id = 3"), first.get());
  EXPECT_EQ(cached.cache.misses(), 1U);
  EXPECT_EQ(cached.cache.hits(), 1U);
}

TEST(PlanCache, AValueThatDecidedIsPartOfTheKey) {
  Cached cached;
  const auto by_first = cached.Get("SELECT name, total FROM customers WHERE name = 'a' ORDER BY 1");
  const auto by_second =
      cached.Get("SELECT name, total FROM customers WHERE name = 'a' ORDER BY 2");
  ASSERT_TRUE(by_first->merge && by_second->merge);
  EXPECT_EQ(by_first->merge->sort[0].column, 0U);
  EXPECT_EQ(by_second->merge->sort[0].column, 1U);
  // The other literal did not decide anything.
  EXPECT_EQ(cached.Known("SELECT name, total FROM customers WHERE name = 'zzz' ORDER BY 2"),
            by_second.get());
  EXPECT_EQ(cached.Known("SELECT name, total FROM customers WHERE name = 'zzz' ORDER BY 1"),
            by_first.get());
  EXPECT_EQ(cached.Known("SELECT name, total FROM customers WHERE name = 'zzz' ORDER BY 3"),
            nullptr);
  EXPECT_EQ(cached.Get("SET a.b = 'x'")->session.value, "x");
  EXPECT_EQ(cached.Get("SET a.b = 'y'")->session.value, "y");
}

TEST(PlanCache, AnotherPathOrCatalogueIsAnotherMeaning) {
  Cached cached;
  EXPECT_EQ(cached.Get("SELECT * FROM customers WHERE id = 1")->kind, StatementKind::kRead);
  cached.path = {"elsewhere"};
  EXPECT_EQ(cached.Get("SELECT * FROM customers WHERE id = 1")->kind, StatementKind::kRefused);
  cached.path = {"public"};
  EXPECT_EQ(cached.Get("INSERT INTO customers VALUES (1)")->needs_columns_of, "public.customers");
  cached.catalogue = cached.catalogue->WithColumns("public.customers", {"id"});
  EXPECT_EQ(cached.Get("INSERT INTO customers VALUES (1)")->needs_columns_of, "");
}

TEST(PlanCache, WhatWasSaidTwiceIsRecalledWithoutALexer) {
  Cached cached;
  const PlanContext context = PlanContextOf(*cached.catalogue, cached.path);
  const std::string text = "SELECT * FROM customers WHERE id = 1";
  const auto recall = [&](const std::string& said) {
    return cached.cache.Recall(said, context, cached.normalized);
  };
  const auto meaning = cached.Get(text);
  EXPECT_EQ(recall(text), nullptr);
  cached.Get(text);
  EXPECT_EQ(recall("SELECT * FROM customers WHERE id = 4711"), meaning);
  EXPECT_EQ(cached.cache.hits(), 2U);
  // Its meaning depends on a value: never without looking at that.
  const std::string sorted = "SELECT name, total FROM customers ORDER BY 1";
  cached.Get(sorted);
  cached.Get(sorted);
  EXPECT_EQ(recall(sorted), nullptr);
  cached.cache.Clear();
  EXPECT_EQ(recall(text), nullptr);
}

TEST(PlanCache, IsBoundedAndForgetsTheLeastUsedHalf) {
  Cached cached(16);
  const std::string favourite = "SELECT a0 FROM customers WHERE id = 1";
  const auto kept = cached.Get(favourite);
  for (int i = 1; i < 200; ++i) {
    cached.Get("SELECT a" + std::to_string(i) + " FROM customers WHERE id = 1");
    ASSERT_EQ(cached.Get(favourite), kept) << i;
    ASSERT_LE(cached.cache.size(), 16U);
  }
  EXPECT_EQ(cached.Known("SELECT a1 FROM customers WHERE id = 1"), nullptr);
  cached.cache.Clear();
  EXPECT_EQ(cached.cache.size(), 0U);
  EXPECT_EQ(cached.Known(favourite), nullptr);
}

}  // namespace
}  // namespace foreshard::router
