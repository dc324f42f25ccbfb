#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "operator/shards/shard_admin.h"

// Shards as their superuser sees them, in memory. Known by the host of their login.
//
// It does NOT imitate: roles, passwords (any login is good), a server that is no primary, SQL.
// Threads: one.

namespace foreshard::fakes {

class FakeShardAdmin final : public op::ShardAdmin {
 public:
  struct Database {
    std::string fingerprint;
    std::int64_t size_bytes = 8'000'000;
    bool has_rows = false;
    bool down = false;
    int set_ups = 0;
  };

  Result<op::ShardDatabaseSeen> Inspect(const op::ShardLogin& login, const op::ShardSetup& setup,
                                        const std::vector<std::string>& tables, Deadline) override {
    ++inspections;
    const Database& database = databases[login.host];
    if (database.down) return Error::Retry(login.host + " does not answer");
    return op::ShardDatabaseSeen{.set_up = database.fingerprint == Print(setup),
                                 .size_bytes = database.size_bytes,
                                 .has_rows = !tables.empty() && database.has_rows};
  }

  Status SetUp(const op::ShardLogin& login, const op::ShardSetup& setup, Deadline) override {
    Database& database = databases[login.host];
    if (database.down) return Error::Retry(login.host + " does not answer");
    ++database.set_ups;
    database.fingerprint = Print(setup);
    return Ok();
  }

  Result<op::RestoreEnded> EndRestore(const op::RestoreEnding& ending, Deadline) override {
    if (ending_fails) return *ending_fails;
    for (const op::RestoreEnding::Shard& shard : ending.shards) {
      if (databases[shard.login.host].down)
        return Error::Retry(shard.login.host + " does not answer");
    }
    endings.push_back(ending);
    if (std::exchange(lose_ending, false)) return Error::Reobserve("the answer was lost");
    return op::RestoreEnded{.committed = 1, .rolled_back = 2, .left = {}};
  }

  Status Reload(const op::ShardLogin&, Deadline) override { return Ok(); }

  std::map<std::string, Database> databases;
  int inspections = 0;
  std::vector<op::RestoreEnding> endings;  // that went well
  std::optional<Error> ending_fails;
  bool lose_ending = false;  // once: it was done, and nobody heard of it

 private:
  static std::string Print(const op::ShardSetup& setup) {
    return setup.database + "|" + setup.app_verifier + "|" + setup.foreshard_password + "|" +
           setup.exporter_password;
  }
};

}  // namespace foreshard::fakes
