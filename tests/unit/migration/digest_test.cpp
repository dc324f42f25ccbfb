#include "migration/digest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace foreshard::migration {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TableInfo Orders() {
  TableInfo table{.name = "public.orders", .column = "customer_id"};
  table.columns = {{"customer_id", "bigint", false, true}, {"note", "text", false, true}};
  table.primary_key = {"customer_id", "note"};
  return table;
}

TEST(Digest, BucketsThatDifferAreNamedMissingOnesToo) {
  const Buckets left = {{1, {3, 10}}, {2, {1, 5}}, {4, {1, 7}}};
  const Buckets right = {{1, {3, 10}}, {2, {1, 6}}, {9, {1, 1}}};
  EXPECT_THAT(UnequalBuckets(left, right), ElementsAre(2, 4, 9));
  EXPECT_THAT(UnequalBuckets(left, left), IsEmpty());
  EXPECT_THAT(UnequalBuckets({}, {}), IsEmpty());
}

TEST(Digest, PartsOfABucketAddUpInAnyOrder) {
  Buckets whole;
  AddBucket(whole, 7, 3, "-18446744073709551600");
  Buckets parts;
  AddBucket(parts, 7, 1, "18446744073709551616");  // 2^64: nothing
  AddBucket(parts, 7, 1, "-20");
  AddBucket(parts, 7, 1, "36");
  EXPECT_EQ(whole, (Buckets{{7, {3, 16}}}));
  EXPECT_EQ(parts, whole);
  AddBucket(parts, 8, 0, "0");
  EXPECT_THAT(UnequalBuckets(parts, whole), IsEmpty()) << "a bucket without rows is none";
}

TEST(Digest, ARowOfCopyLosesItsEscapes) {
  EXPECT_EQ(ParseRowHash("{1,2}\t-77\n"), (RowHash{"{1,2}", "-77"}));
  EXPECT_EQ(ParseRowHash("{\"a\\\\\\\\b\\tc\\n\"}\t5\n"), (RowHash{"{\"a\\\\b\tc\n\"}", "5"}));
}

TEST(Digest, RowsAreFoundByTypedKeysSoThatTheIndexServes) {
  MigrationSpec spec;
  spec.range = {"40", "80"};
  const std::string sql = RowsByKeySql(spec, Orders(), {"{7,it's}", R"({8,"a,b"})"}, true);
  EXPECT_THAT(sql, HasSubstr("(\"customer_id\", \"note\") IN (('7'::bigint, 'it''s'::text), "
                             "('8'::bigint, 'a,b'::text))"));
  EXPECT_THAT(sql, HasSubstr(" FOR SHARE"));
}

TEST(Digest, TheOrderOfKeysIsThatOfTheirBytes) {
  MigrationSpec spec;
  EXPECT_THAT(RowHashSql(spec, Orders(), {3, 5}, " AND ctid < '(8,0)'::tid", true),
              HasSubstr("COLLATE \"C\""));
  EXPECT_THAT(RowHashSql(spec, Orders(), {3, 5}, " AND ctid < '(8,0)'::tid", true),
              HasSubstr("= ANY ('{3,5}'::bigint[]) ORDER BY 1"));
  EXPECT_THAT(RowHashSql(spec, Orders(), {3}, " AND ctid < '(8,0)'::tid", false),
              HasSubstr(") AND ctid < '(8,0)'::tid AND "));
}

}  // namespace
}  // namespace foreshard::migration
