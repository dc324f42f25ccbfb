#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "pg/connection.h"
#include "router/merge.h"
#include "router/route.h"
#include "tests/support/postgres_server.h"
#include "tests/unit/router/brain_world.h"

// The same rows twice in one real server: whole in one database, and spread over four as a router
// would have put them. A statement asked of both must have one answer.

namespace foreshard::router {

struct Answer {
  std::optional<Refusal> refused;
  std::vector<std::string> rows;  // cells joined by '|', NULL as ∅
  std::string tag;
};

class ShardedDatabase {
 public:
  // Errors: kGiveUp with PostgreSQL's message.
  static Result<std::unique_ptr<ShardedDatabase>> Create();

  // Copies of the moving range lie on another shard, as they do while a migration copies.
  Status StartMove();

  Result<Answer> AskWhole(const std::string& sql);
  // Through classify, route, rewrite and merge; simple protocol.
  Result<Answer> AskShards(const std::string& sql);

  // Every row of a table, from the shards that own them.
  Result<std::vector<std::string>> OwnedRows(const std::string& table, const std::string& column);

  World world;
  bool text_orders_as_bytes = false;

 private:
  Deadline Soon() const { return Deadline::After(clock_, std::chrono::seconds(20)); }
  Status Fill();
  Result<std::string> DescriptionOf(pg::Connection& shard, const std::string& text,
                                    std::size_t columns);
  Result<Answer> Merge(const World::Routed& routed);
  Result<Answer> Write(const World::Routed& routed);

  SystemClock clock_;
  std::unique_ptr<support::PostgresServer> server_;
  std::unique_ptr<pg::Connection> whole_;
  std::vector<std::unique_ptr<pg::Connection>> shards_;
};

}  // namespace foreshard::router
