#include "backup/in_doubt.h"

#include <fmt/format.h>

#include <algorithm>

namespace foreshard::backup {
namespace {

constexpr std::string_view kOurs = "foreshard:";
constexpr const char* kList =
    "SELECT gid, owner FROM pg_prepared_xacts WHERE database = current_database() ORDER BY gid";

// As the transaction's owner, to whom the decision belongs: routers forget it later as that user.
Result<bool> Resolve(pg::Connection& first, const std::string& transaction,
                     const std::string& owner, Deadline deadline) {
  auto began = pg::Transaction::Begin(first, "BEGIN", deadline);
  if (!began) return began.error();
  const auto role = first.Exec(
      fmt::format("SET LOCAL SESSION AUTHORIZATION {}", pg::QuoteIdentifier(owner)), deadline);
  if (!role) return role.error();
  const auto answer = first.Exec("SELECT foreshard.resolve($1)", {transaction}, deadline);
  if (!answer) return answer.error();
  const bool commit = answer->Bool(0, 0);
  if (const Status done = began->Commit(deadline); !done) return done.error();
  return commit;
}

}  // namespace

Result<PreparedName> ParsePreparedName(std::string_view name, const model::ShardId& shard) {
  const std::string end = "@" + shard.value;
  const std::size_t colon = name.find(':', kOurs.size());
  if (!name.starts_with(kOurs) || !name.ends_with(end) || colon == std::string_view::npos) {
    return Error::GiveUp(fmt::format("'{}' was not prepared by a router on {}", name, shard));
  }
  return PreparedName{.transaction = std::string(name.substr(0, name.size() - end.size())),
                      .decides = {std::string(name.substr(kOurs.size(), colon - kOurs.size()))}};
}

Result<InDoubtEnded> EndInDoubt(const std::vector<RestoredShard>& shards, Deadline deadline) {
  InDoubtEnded ended;
  for (const RestoredShard& shard : shards) {
    const auto prepared = shard.connection.Exec(kList, deadline);
    if (!prepared) return prepared.error();
    for (std::size_t row = 0; row < prepared->size(); ++row) {
      const std::string& gid = prepared->Text(row, 0);
      const Result<PreparedName> name = ParsePreparedName(gid, shard.id);
      if (!name) {
        ended.left.push_back(fmt::format("{}: {}", shard.id, gid));
        continue;
      }
      const auto first =
          std::find_if(shards.begin(), shards.end(),
                       [&](const RestoredShard& other) { return other.id == name->decides; });
      if (first == shards.end()) {
        return Error::GiveUp(
            fmt::format("shard {} decides about '{}', and is not restored", name->decides, gid));
      }
      const Result<bool> commit =
          Resolve(first->connection, name->transaction, prepared->Text(row, 1), deadline);
      if (!commit) return commit.error();
      const auto done = shard.connection.Exec(
          fmt::format("{} PREPARED {}", *commit ? "COMMIT" : "ROLLBACK", pg::QuoteLiteral(gid)),
          deadline);
      if (!done) return done.error();
      ++(*commit ? ended.committed : ended.rolled_back);
    }
  }
  return ended;
}

}  // namespace foreshard::backup
