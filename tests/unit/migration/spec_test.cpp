#include "migration/spec.h"

#include <gtest/gtest.h>

namespace foreshard::migration {
namespace {

TEST(Spec, NamesOfSideObjectsFitIntoPostgreSql) {
  EXPECT_EQ(PublicationName({7}), "foreshard_7");
  EXPECT_EQ(StreamName({7}, {"s-4kq7"}), "foreshard_7_s_4kq7");
  EXPECT_EQ(RangeId({7}), "migration-7");
  EXPECT_EQ(TriggerName({7}, "insert"), "zzz_foreshard_7_insert");
  EXPECT_LE(StreamName({2'147'483'647}, {std::string(40, 'x')}).size(), 63u);
}

TEST(Spec, ARollbackSwapsDeedsNotNames) {
  MigrationSpec spec;
  spec.source = {"s-a"};
  spec.destination = {"s-b"};
  EXPECT_EQ(ShardOf(spec, Side::kSource).value, "s-a");
  EXPECT_EQ(PeerOf(spec, Side::kSource).value, "s-b");
  EXPECT_EQ(ShardOf(spec, Side::kDestination).value, "s-b");
  EXPECT_EQ(PeerOf(spec, Side::kDestination).value, "s-a");
}

}  // namespace
}  // namespace foreshard::migration
