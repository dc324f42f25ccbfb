#include <gtest/gtest.h>

#include "base/clock.h"
#include "model/hash.h"
#include "model/key_space.h"
#include "pg/connection.h"
#include "tests/support/needs.h"
#include "tests/support/postgres_server.h"

// Hashes of a million values of each type, from the server itself, in one query a type.

namespace foreshard::model {
namespace {

const support::Needs kNeeds({"postgres", "initdb", "psql"});

constexpr std::size_t kValues = 1'000'000;

class ServerHashes : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    Result<std::unique_ptr<support::PostgresServer>> server = support::PostgresServer::Create();
    ASSERT_TRUE(server.ok()) << server.error().message;
    server_ = std::move(*server);
  }
  static void TearDownTestSuite() { server_.reset(); }

  // `sql` gives pairs of key and hash.
  void ExpectOurHashes(KeyType type, const std::string& sql) {
    const SystemClock clock;
    const Deadline deadline = Deadline::After(clock, std::chrono::seconds(120));
    auto connection = pg::Connection::Connect({.conninfo = server_->Conninfo()}, clock, deadline);
    ASSERT_TRUE(connection.ok()) << connection.error().message;
    const Result<pg::Rows> rows = (*connection)->Exec(sql, deadline);
    ASSERT_TRUE(rows.ok()) << rows.error().message;
    ASSERT_EQ(rows->size(), kValues);
    for (std::size_t i = 0; i < rows->size(); ++i) {
      const std::string& key = rows->Text(i, 0);
      ASSERT_EQ(BoundOfKey({Strategy::kHash, type}, key),
                FormatPosition(PositionOfHash(rows->Int(i, 1))))
          << key;
    }
  }

  static std::unique_ptr<support::PostgresServer> server_;
};

std::unique_ptr<support::PostgresServer> ServerHashes::server_;

TEST_F(ServerHashes, OfBigintsAreOurs) {
  // Small numbers, both signs, and all magnitudes.
  ExpectOurHashes(
      KeyType::kBigint,
      "SELECT k, hashint8extended(k, 0) FROM (SELECT CASE WHEN i % 2 = 0 THEN i - 500000 ELSE "
      "(('x' || substr(md5(i::text), 1, 16))::bit(64)::bigint >> (i % 64)) END AS k FROM "
      "generate_series(1, 1000000) i) s");
}

TEST_F(ServerHashes, OfTextsAreOurs) {
  ExpectOurHashes(KeyType::kText,
                  "SELECT k, hashtextextended(k, 0) FROM (SELECT substr(repeat(md5(i::text), 3) || "
                  "'grüße€', 1 + i % 7, i % 103) "
                  "AS k FROM generate_series(1, 1000000) i) s");
}

TEST_F(ServerHashes, OfUuidsAreOurs) {
  ExpectOurHashes(KeyType::kUuid,
                  "SELECT k, uuid_hash_extended(k, 0) FROM (SELECT md5(i::text)::uuid AS k FROM "
                  "generate_series(1, 1000000) i) s");
}

}  // namespace
}  // namespace foreshard::model
