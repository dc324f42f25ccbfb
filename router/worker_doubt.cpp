#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "router/limits.h"
#include "router/session_settings.h"
#include "router/worker.h"

// Two-phase transactions that a broken connection left prepared: ask the shard of the decision,
// then do what it says, until it is done.

namespace foreshard::router {
namespace {

constexpr std::chrono::milliseconds kPause{1'000};
constexpr std::chrono::milliseconds kLookPause{15'000};
constexpr const char* kOrphans =
    "SELECT string_agg(gid, ',') FROM pg_prepared_xacts WHERE gid LIKE 'foreshard:%' AND owner = "
    "current_user AND database = current_database() AND prepared < now() - interval '10 seconds'";
constexpr std::string_view kPreparedUnknown = "42704";  // Somebody else has ended it.

// "foreshard:<first shard>:...": see NewTransactionName().
std::string_view FirstShardOf(std::string_view name) {
  const std::size_t begin = name.find(':') + 1;
  return name.substr(begin, name.find(':', begin) - begin);
}

}  // namespace

void Worker::FinishLater(const std::string& user, const std::string& database, std::uint32_t shard,
                         std::string name, std::uint32_t abandoned_process) {
  state_.in_doubt.fetch_add(1, std::memory_order_relaxed);
  log::Warning("transaction_in_doubt", {{"shard", shards_[shard].id}, {"transaction", name}});
  auto doubt = std::make_unique<InDoubt>();
  doubt->user = user;
  doubt->database = database;
  doubt->shard = shard;
  doubt->name = std::move(name);
  doubt->abandoned_process = abandoned_process;
  doubt->since = Now();
  doubts_.push_back(std::move(doubt));
}

ShardCall::Options Worker::CallOptions(const InDoubt& doubt, std::uint32_t shard, std::string sql) {
  const ShardInfo& info = shards_[shard];
  return {.address = info.address,
          .login = {.user = doubt.user,
                    .database = info.database.empty() ? doubt.database : info.database,
                    .identity = identities_[doubt.user],
                    .router = state_.options().name,
                    .epoch = view_.table ? view_.table->epoch().value : 0,
                    .nonce = RandomNonce(),
                    .binding_hash = {},
                    .believes = state_.options().believes_shards},
          .tls_mode = state_.options().shard_tls_mode,
          .tls = view_.shard_tls,
          .sql = std::move(sql)};
}

Worker::InDoubt* Worker::FindDoubt(std::uint32_t shard, const std::string& name) {
  for (const std::unique_ptr<InDoubt>& doubt : doubts_) {
    if (doubt->shard == shard && doubt->name == name) return doubt.get();
  }
  return nullptr;
}

void Worker::ResolveDoubts(MonotonicTime now) {
  for (const std::unique_ptr<InDoubt>& doubt : doubts_) {
    if (doubt->call != nullptr && now >= doubt->give_up_call)
      doubt->call->Fail("no answer in time");
    if (doubt->call == nullptr && now >= doubt->next_try) Resolve(*doubt, now);
  }
}

// What a router that is no more left prepared: looked for on every shard as each user that is known
// here, because only its owner may end it. Every event loop looks, since each knows only the users
// whose clients came to it; that two find the same does no harm, the second is told that it is
// ended. Whoever prepared it may still be alive: then it finds
// the decision made, and does what it says.
void Worker::LookForOrphans(MonotonicTime now) {
  if (now < next_look_ || view_.table == nullptr) return;
  next_look_ = now + kLookPause;
  orphan_calls_.clear();
  for (const auto& [who, parameters] : welcome_) {
    for (const std::uint32_t shard : numbers_) {
      InDoubt asker;
      asker.user = who.first;
      asker.database = who.second;
      orphan_calls_.push_back(
          std::make_unique<ShardCall>(loop_, CallOptions(asker, shard, kOrphans),
                                      [this, who = who, shard](const Result<std::string>& gids) {
                                        if (gids) OrphansFound(who.first, who.second, shard, *gids);
                                      }));
      orphan_calls_.back()->Start();
    }
  }
}

// `gids`: with commas between them.
void Worker::OrphansFound(const std::string& user, const std::string& database, std::uint32_t shard,
                          std::string_view gids) {
  while (!gids.empty()) {
    const std::string_view gid = gids.substr(0, gids.find(','));
    gids.remove_prefix(std::min(gids.size(), gid.size() + 1));
    const std::size_t at = gid.rfind('@');
    if (at == std::string_view::npos || gid.substr(at + 1) != shards_[shard].id) continue;
    const std::string name(gid.substr(0, at));
    if (FindDoubt(shard, name) == nullptr) FinishLater(user, database, shard, name);
  }
}

void Worker::Resolve(InDoubt& doubt, MonotonicTime now) {
  const std::int64_t first = ShardNumberOf(FirstShardOf(doubt.name));
  doubt.next_try = now + kPause;
  doubt.give_up_call = now + kServerLoginTimeout;
  if (doubt.abandoned_process != 0) return EndAbandoned(doubt, now);
  if (first < 0) return;  // The shard is not in the table now; it may come back.
  doubt.call = std::make_unique<ShardCall>(
      loop_,
      CallOptions(doubt, static_cast<std::uint32_t>(first),
                  fmt::format("SELECT foreshard.resolve({})", QuoteLiteral(doubt.name))),
      [this, shard = doubt.shard, name = doubt.name](const Result<std::string>& answer) {
        answer ? FinishPrepared(shard, name, *answer == "t")
               : DoubtFailed(shard, name, answer.error());
      });
  doubt.call->Start();
}

// A server whose connection broke may still be about to prepare, and would do so after it was
// looked for: locks would be held until somebody looks for orphans. The number of its process alone
// may be another one's by now.
void Worker::EndAbandoned(InDoubt& doubt, MonotonicTime now) {
  const auto lost_for = std::chrono::duration_cast<std::chrono::milliseconds>(now - doubt.since);
  const std::string sql = fmt::format(
      "SELECT count(pg_catalog.pg_terminate_backend(pid)) FROM pg_catalog.pg_stat_activity WHERE "
      "pid = {} AND usename = current_user AND datname = current_database() AND backend_start < "
      "pg_catalog.now() - interval '{} milliseconds'",
      doubt.abandoned_process, lost_for.count());
  doubt.call = std::make_unique<ShardCall>(
      loop_, CallOptions(doubt, doubt.shard, sql),
      [this, shard = doubt.shard, name = doubt.name](const Result<std::string>& left) {
        AbandonedEnds(shard, name, left);
      });
  doubt.call->Start();
}

// `left`: how many such processes there were.
void Worker::AbandonedEnds(std::uint32_t shard, const std::string& name,
                           const Result<std::string>& left) {
  if (!left) return DoubtFailed(shard, name, left.error());
  InDoubt* doubt = FindDoubt(shard, name);
  if (doubt == nullptr) return;
  doubt->call.reset();
  doubt->next_try = {};
  if (*left == "0") doubt->abandoned_process = 0;
}

void Worker::FinishPrepared(std::uint32_t shard, const std::string& name, bool commit) {
  InDoubt* doubt = FindDoubt(shard, name);
  if (doubt == nullptr) return;
  doubt->call = std::make_unique<ShardCall>(
      loop_,
      CallOptions(*doubt, doubt->shard,
                  fmt::format("{} PREPARED {}", commit ? "COMMIT" : "ROLLBACK",
                              QuoteLiteral(PreparedName(name, shards_[doubt->shard].id)))),
      [this, shard, name, commit](const Result<std::string>& answer) {
        if (!answer && answer.error().code != kPreparedUnknown) {
          DoubtFailed(shard, name, answer.error());
          return;
        }
        log::Info("transaction_ended", {{"transaction", name}, {"committed", commit}});
        std::erase_if(doubts_,
                      [&](const auto& done) { return done->shard == shard && done->name == name; });
        state_.in_doubt.fetch_sub(1, std::memory_order_relaxed);
      });
  doubt->call->Start();
}

void Worker::DoubtFailed(std::uint32_t shard, const std::string& name, const Error& error) {
  log::Warning("transaction_still_in_doubt", {{"transaction", name}, {"error", error.message}});
  if (InDoubt* doubt = FindDoubt(shard, name)) doubt->call.reset();
}

}  // namespace foreshard::router
