#include "migration/pg_dump.h"

#include <gtest/gtest.h>

namespace foreshard::migration {
namespace {

TEST(PgDump, LosesTheLinesThatAreMeantForPsql) {
  EXPECT_EQ(WithoutMetaCommands("-- head\n\n\\restrict aB3\n\nSELECT 1;\n\n\\unrestrict aB3\n\n"),
            "-- head\n\n\nSELECT 1;\n");
  EXPECT_EQ(WithoutMetaCommands("SELECT 1;\n"), "SELECT 1;\n") << "older versions have none";
}

TEST(PgDump, ALookAlikeInABodyStays) {
  const std::string body = "CREATE FUNCTION f() AS '\n\\unrestrict other\n';\n";
  EXPECT_EQ(WithoutMetaCommands("\n\\restrict aB3\n" + body + "\n\\unrestrict aB3\n"), "\n" + body);
}

TEST(PgDump, AProgramThatIsNotThereIsNamed) {
  const SystemClock clock;
  const auto dump = DumpSchema("/nowhere/pg_dump", "host=127.0.0.1", clock,
                               Deadline::After(clock, std::chrono::seconds(5)));
  ASSERT_FALSE(dump);
  EXPECT_EQ(dump.error().reason, "SchemaDump");
  EXPECT_NE(dump.error().message.find("/nowhere/pg_dump"), std::string::npos);
}

TEST(PgDump, ItsOwnWordsReachTheReaderOfTheFailure) {
  const SystemClock clock;
  const auto dump = DumpSchema("/bin/ls", "host=127.0.0.1 password=secret", clock,
                               Deadline::After(clock, std::chrono::seconds(5)));
  ASSERT_FALSE(dump);
  EXPECT_EQ(dump.error().kind, Error::Kind::kGiveUp);
  EXPECT_NE(dump.error().message.find("--schema-only"), std::string::npos) << dump.error().message;
  EXPECT_EQ(dump.error().message.find("secret"), std::string::npos);
}

}  // namespace
}  // namespace foreshard::migration
