#include "migration/shard_objects.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace foreshard::migration {
namespace {

using testing::HasSubstr;
using testing::Not;

MigrationSpec Spec() {
  MigrationSpec spec;
  spec.number = {7};
  spec.source = {"s-4kq7"};
  spec.destination = {"s-9x2d"};
  spec.range = {"40", "80"};
  spec.tables = {{"public.orders", "customer_id"}};
  spec.reference_tables = {"public.countries"};
  return spec;
}

TEST(ShardObjects, AnUpdateAsksTheGateForBothItsRows) {
  const std::vector<std::string> sql = GateTriggerSql(Spec(), Spec().tables[0]);
  ASSERT_EQ(sql.size(), 3U);
  EXPECT_THAT(sql[0], HasSubstr("zzz_foreshard_7_insert BEFORE INSERT ON \"public\".\"orders\""));
  EXPECT_THAT(sql[0], Not(HasSubstr("OLD")));
  EXPECT_THAT(sql[1], HasSubstr("OLD.\"customer_id\""));
  EXPECT_THAT(sql[1], HasSubstr("NEW.\"customer_id\""));
  EXPECT_THAT(sql[2], Not(HasSubstr("NEW")));
}

TEST(ShardObjects, APublicationSendsOnlyItsOwnBarrierRows) {
  EXPECT_THAT(PublicationSql(Spec(), Side::kSource), HasSubstr("source = 's-4kq7'"));
  EXPECT_THAT(PublicationSql(Spec(), Side::kDestination), HasSubstr("source = 's-9x2d'"));
}

TEST(ShardObjects, ReferenceTablesFollowToANewShardOnly) {
  MigrationSpec spec = Spec();
  EXPECT_THAT(PublicationSql(spec, Side::kSource), Not(HasSubstr("countries")));
  spec.new_destination = true;
  EXPECT_THAT(PublicationSql(spec, Side::kSource), HasSubstr("TABLE \"public\".\"countries\""));
  EXPECT_THAT(PublicationSql(spec, Side::kDestination), Not(HasSubstr("countries")));
}

TEST(ShardObjects, AServerReachesItsPeerWithoutFilesOfOurMachine) {
  const Result<std::string> settings = SubscriptionConninfo(
      "host=a port=5433 dbname=app user=foreshard password='p w' sslmode=verify-ca "
      "sslrootcert=/etc/ca.crt application_name=x");
  ASSERT_TRUE(settings);
  EXPECT_THAT(*settings, HasSubstr("password='p w'"));
  EXPECT_THAT(*settings, HasSubstr("sslmode='require'"));
  EXPECT_THAT(*settings, Not(HasSubstr("ca.crt")));
  EXPECT_THAT(*settings, Not(HasSubstr("application_name")));
}

TEST(ShardObjects, TheSweeperSparesOtherMigrations) {
  EXPECT_THAT(LeftoverSql(model::MigrationNumber{7}), HasSubstr("'foreshard\\_7\\_%'"));
  EXPECT_THAT(LeftoverSql(std::nullopt), HasSubstr("'foreshard\\_%'"));
}

}  // namespace
}  // namespace foreshard::migration
