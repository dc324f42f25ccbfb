#include "router/catalogue.h"

#include <gtest/gtest.h>

#include "tests/unit/router/brain_world.h"

namespace foreshard::router {
namespace {

const std::vector<std::string> kPath = {"app", "public"};

TEST(Catalogue, FindsTablesByThePath) {
  const auto catalogue = TestCatalogue();
  const TableInfo orders = catalogue->Find("", "orders", kPath);
  EXPECT_EQ(orders.table_class, TableClass::kSharded);
  EXPECT_EQ(orders.column, "customer_id");
  EXPECT_EQ(orders.qualified(), "public.orders");
  EXPECT_EQ(catalogue->Find("public", "countries", {}).table_class, TableClass::kReference);
  EXPECT_EQ(catalogue->Find("", "orders", {"app"}).table_class, TableClass::kUnknown);
  EXPECT_EQ(catalogue->Find("app", "orders", kPath).table_class, TableClass::kUnknown);
  EXPECT_EQ(catalogue->Find("", "pg_class", kPath).table_class, TableClass::kSystem);
  EXPECT_EQ(catalogue->Find("information_schema", "tables", kPath).table_class,
            TableClass::kSystem);
}

TEST(Catalogue, NamesAreQuotedWhereSqlNeedsIt) {
  CatalogueSpec spec;
  spec.tables = {{"public.\"Odd.Name\"", "id", {}}};
  const auto catalogue = Catalogue::Make(spec);
  ASSERT_TRUE(catalogue.ok());
  const TableInfo info = (*catalogue)->Find("public", "Odd.Name", {});
  EXPECT_EQ(info.table_class, TableClass::kSharded);
  EXPECT_EQ(info.qualified(), "public.\"Odd.Name\"");
}

TEST(Catalogue, WrongSpecsAreRefusedWithTheTable) {
  const auto refused = [](CatalogueSpec spec, const std::string& expected) {
    const auto catalogue = Catalogue::Make(std::move(spec));
    ASSERT_FALSE(catalogue.ok());
    EXPECT_NE(catalogue.error().message.find(expected), std::string::npos)
        << catalogue.error().message;
  };
  refused({.key_space = {}, .tables = {{"orders", "id", {}}}, .reference_tables = {}},
          "'orders': a schema is missing");
  refused({.key_space = {}, .tables = {{"public.orders", "", {}}}, .reference_tables = {}},
          "no sharding column");
  refused({.key_space = {}, .tables = {{"public.a", "id", {}}}, .reference_tables = {"public.a"}},
          "listed twice");
}

TEST(Catalogue, LearnsColumns) {
  const auto before = TestCatalogue();
  const auto after = before->WithColumns("public.orders", {"id", "customer_id"});
  EXPECT_TRUE(before->Find("", "orders", kPath).columns.empty());
  EXPECT_EQ(after->Find("", "orders", kPath).columns.size(), 2U);
  EXPECT_NE(before->fingerprint(), after->fingerprint());
  EXPECT_EQ(before->fingerprint(), TestCatalogue()->fingerprint());
}

TEST(Catalogue, ReadsSearchPaths) {
  EXPECT_EQ(ParseSearchPath("\"$user\", public", "App"),
            (std::vector<std::string>{"App", "public"}));
  EXPECT_EQ(ParseSearchPath("a,\"B c\" , d", "u"), (std::vector<std::string>{"a", "B c", "d"}));
  EXPECT_TRUE(ParseSearchPath("", "u").empty());
  EXPECT_TRUE(ParseSearchPath("\"\"", "u").empty());
}

}  // namespace
}  // namespace foreshard::router
