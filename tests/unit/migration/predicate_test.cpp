#include "migration/predicate.h"

#include <gtest/gtest.h>

namespace foreshard::migration {
namespace {

MigrationSpec Spec(model::Strategy strategy, model::KeyType type, model::KeyRange range) {
  MigrationSpec spec;
  spec.number = {7};
  spec.key_space = {strategy, type};
  spec.range = std::move(range);
  return spec;
}

TEST(Predicate, AHashRangeIsAnIntervalOfSignedHashes) {
  const MigrationSpec spec = Spec(model::Strategy::kHash, model::KeyType::kBigint, {"40", "80"});
  EXPECT_EQ(PredicateSql(spec, "\"id\""),
            "hashint8extended(\"id\", 0) >= '-4611686018427387904'::bigint AND "
            "hashint8extended(\"id\", 0) < '0'::bigint");
}

TEST(Predicate, OpenEndsHaveNoTerm) {
  EXPECT_EQ(PredicateSql(Spec(model::Strategy::kHash, model::KeyType::kUuid, {"80", ""}), "k"),
            "uuid_hash_extended(k, 0) >= '0'::bigint");
  EXPECT_EQ(PredicateSql(Spec(model::Strategy::kHash, model::KeyType::kText, {"", "80"}), "k"),
            "hashtextextended(k, 0) < '0'::bigint");
  EXPECT_EQ(PredicateSql(Spec(model::Strategy::kRange, model::KeyType::kBigint, {"", ""}), "k"),
            "k IS NOT NULL");
}

TEST(Predicate, TextRangesCompareBytes) {
  EXPECT_EQ(PredicateSql(Spec(model::Strategy::kRange, model::KeyType::kText, {"it's", "z"}), "k"),
            "k COLLATE \"C\" >= 'it''s'::text AND k COLLATE \"C\" < 'z'::text");
}

TEST(Predicate, KeysAreListedAndPinnedKeysLeftOut) {
  MigrationSpec spec = Spec(model::Strategy::kRange, model::KeyType::kBigint, {"1", "9"});
  spec.excluded_keys = {"4", "5"};
  EXPECT_EQ(PredicateSql(spec, "k"),
            "k >= '1'::bigint AND k < '9'::bigint AND k NOT IN ('4'::bigint, '5'::bigint)");
  spec.keys = {"7"};
  EXPECT_EQ(PredicateSql(spec, "k"), "k IN ('7'::bigint)");
}

TEST(Predicate, TheRowOfTheRangeSaysTheSame) {
  const MigrationSpec hash = Spec(model::Strategy::kHash, model::KeyType::kBigint, {"40", ""});
  EXPECT_EQ(RangeRowOf(hash).kind, "hash");
  EXPECT_EQ(RangeRowOf(hash).lower_bound, "40");
  EXPECT_EQ(RangeRowOf(hash).upper_bound, std::nullopt);
  MigrationSpec keys = hash;
  keys.keys = {"1", "2"};
  EXPECT_EQ(RangeRowOf(keys).kind, "keys");
  EXPECT_EQ(RangeRowOf(keys).keys, R"({"1","2"})");
}

}  // namespace
}  // namespace foreshard::migration
