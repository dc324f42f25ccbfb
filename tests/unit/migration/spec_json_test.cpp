#include "migration/spec_json.h"

#include <gtest/gtest.h>

namespace foreshard::migration {
namespace {

MigrationSpec Some() {
  MigrationSpec spec;
  spec.name = "orders-split";
  spec.name_space = "shop";
  spec.uid = "8a1b";
  spec.shard_set = "orders";
  spec.number = {7};
  spec.type = MigrationType::kSplit;
  spec.source = {"s-aaaa"};
  spec.destination = {"s-bbbb"};
  spec.new_destination = true;
  spec.key_space = {model::Strategy::kHash, model::KeyType::kBigint};
  spec.range = {"40", "80"};
  spec.excluded_keys = {"4711"};
  spec.tables = {{"public.customers", "id"}, {"public.orders", "customer_id"}};
  spec.reference_tables = {"public.countries"};
  spec.epoch = {12};
  spec.soak = std::chrono::seconds(30);
  return spec;
}

TEST(SpecJson, SurvivesBothWays) {
  const auto read = ParseMigrationSpec(ToJson(Some()));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, Some());
}

TEST(SpecJson, RefusesWhatItDoesNotKnow) {
  std::string json = ToJson(Some());
  EXPECT_FALSE(ParseMigrationSpec("{}"));
  EXPECT_FALSE(ParseMigrationSpec(json.substr(0, json.size() / 2)));
  json.insert(1, R"("colour": "red", )");
  EXPECT_FALSE(ParseMigrationSpec(json));
}

}  // namespace
}  // namespace foreshard::migration
