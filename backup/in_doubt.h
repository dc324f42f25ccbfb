#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/deadline.h"
#include "base/result.h"
#include "model/ids.h"
#include "pg/connection.h"

// What a restore has to end before clients come: transactions over shards that were prepared when
// the point was made.

namespace foreshard::backup {

struct RestoredShard {
  model::ShardId id;
  pg::Connection& connection;  // as a superuser, in the set's database
};

struct InDoubtEnded {
  std::int64_t committed = 0;
  std::int64_t rolled_back = 0;
  std::vector<std::string> left;  // prepared by others than routers: "s-4kq7: name"
};

// Asks the shard that decides about each, and does what it says. REQUIRES: all shards of the point,
// none of which takes clients yet. A second call changes nothing.
// Errors: kGiveUp where the deciding shard is not among them.
Result<InDoubtEnded> EndInDoubt(const std::vector<RestoredShard>& shards, Deadline deadline);

// The parts of "foreshard:<deciding shard>:<rest>@<shard>", as routers name them.
struct PreparedName {
  std::string transaction;  // without "@<shard>": the name of the decision
  model::ShardId decides;
};

// kGiveUp: not a name of a router for this shard.
Result<PreparedName> ParsePreparedName(std::string_view name, const model::ShardId& shard);

}  // namespace foreshard::backup
