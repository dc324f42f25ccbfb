#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "router/limits.h"
#include "router/session_settings.h"
#include "router/worker.h"

// The worker's side of its connections to shards: who gets one, when another is opened, and what
// becomes of one that is lost.

namespace foreshard::router {
namespace {

using namespace std::chrono_literals;

// What no repetition cures: the user, its password or the database is wrong on the shard.
bool IsFinal(std::string_view code) {
  return code.starts_with("28") || code == "3D000" || code == "42501" || code == "08P01";
}

}  // namespace

Upstream* Worker::Acquire(GroupId group, Slot slot) {
  while (true) {
    const Pool::Answer answer = pool_.Acquire(group, slot, Now());
    if (answer.close_first != nullptr) {
      auto& old = static_cast<Upstream&>(*answer.close_first);
      old.Close();
      Bury(old);
    }
    if (answer.connect) OpenConnection(group);
    if (answer.use == nullptr) return nullptr;
    auto& upstream = static_cast<Upstream&>(*answer.use);
    if (!upstream.retired()) return &upstream;
    upstream.Close();
    pool_.Closed(group, upstream);
    Bury(upstream);
  }
}

// The first statement on a table costs a new server process milliseconds: all of them would pay in
// the moment after a cutover. EXPLAIN opens tables and indexes and plans, and changes nothing.
std::string Worker::WarmUpSql() const {
  // What the triggers of a migration call; of a migration that is none, so it refuses.
  std::string sql =
      "DO 'BEGIN PERFORM foreshard.gate_pass(0); EXCEPTION WHEN OTHERS THEN NULL; END'";
  for (const CatalogueTable& table : view_.config->tables.tables) {
    const std::string column = QuoteIdentifier(table.column);
    sql += fmt::format("; EXPLAIN UPDATE {0} SET {1} = {1} WHERE {1} IS NULL", table.name, column);
  }
  return sql;
}

void Worker::OpenConnection(GroupId group, bool warm) {
  const Pool::Group& key = pool_.group(group);
  ShardInfo& shard = shards_[key.shard];
  if (Now() < shard.retry_at) {
    pool_.ConnectFailed(group);
    PlanRetry(key.shard);
    return;
  }
  Upstream::Options options;
  options.group = group;
  options.address = shard.address;
  options.login = {.user = key.user,
                   .database = shard.database.empty() ? key.database : shard.database,
                   .identity = identities_[key.user],
                   .router = state_.options().name,
                   .epoch = view_.table ? view_.table->epoch().value : 0,
                   .nonce = RandomNonce(),
                   .binding_hash = {},
                   .warm_up = warm ? WarmUpSql() : std::string(),
                   .believes = state_.options().believes_shards};
  options.tls_mode = state_.options().shard_tls_mode;
  options.tls = view_.shard_tls;
  auto upstream = std::make_unique<Upstream>(*this, std::move(options));
  Upstream& opened = *upstream;
  upstreams_.emplace(&opened, std::move(upstream));
  opened.Connect();
}

void Worker::OpenWanted(std::uint32_t shard) {
  if (Now() < shards_[shard].retry_at) return;
  while (const std::optional<GroupId> group = pool_.WantsConnection(shard)) OpenConnection(*group);
}

void Worker::UpstreamReady(Upstream& upstream) {
  ShardInfo& shard = shards_[upstream.shard];
  shard.pause = std::chrono::milliseconds(0);
  shard.retry_at = {};
  shard.last_failure.clear();
  pool_.Connected(upstream.group());
  if (!upstream.replica) {
    state_.LearnRanges(upstream.login().ranges(), shard.id);
    state_.LearnCollation(shard.id, upstream.login().text_orders_as_bytes());
  }
  view();
  UpstreamFree(upstream);
}

void Worker::UpstreamFree(Upstream& upstream) {
  if (upstream.retired()) {
    upstream.Close();
    UpstreamGone(upstream, {});
    return;
  }
  const std::optional<WaiterId> waiter = pool_.Free(upstream.group(), upstream, Now());
  if (!waiter) {
    OpenWanted(upstream.shard);
    return;
  }
  Client* client = clients_[*waiter].get();
  client->ServerReady(upstream);
  handoff_.push_back(*waiter);
  HandOff();
}

// Sessions that may go on do so one after another, never inside one another.
void Worker::HandOff() {
  if (std::exchange(handing_off_, true)) return;
  for (std::size_t i = 0; i < handoff_.size(); ++i) {
    if (Client* client = clients_[handoff_[i]].get(); client != nullptr) client->Continue();
  }
  handoff_.clear();
  handing_off_ = false;
}

void Worker::Continue(Client& client) {
  handoff_.push_back(client.slot());
  HandOff();
}

void Worker::UpstreamFailed(Upstream& upstream, const std::string& code,
                            const std::string& reason) {
  const GroupId group = upstream.group();
  const std::uint32_t number = upstream.shard;
  ShardInfo& shard = shards_[number];
  pool_.ConnectFailed(group);
  Bury(upstream);
  if (shard.last_failure != reason) {
    log::Warning("shard_connection_failed",
                 {{"shard", shard.id}, {"code", code}, {"reason", reason}});
    shard.last_failure = reason;
  }
  if (shard.replica_of) {
    ReplicaFailed(number);
    FailWaiters(group, {.sqlstate = code, .message = reason, .hint = {}}, true);
    OpenWanted(number);
    return;
  }
  if (IsFinal(code)) {
    FailWaiters(
        group,
        {.sqlstate = code, .message = fmt::format("shard {}: {}", shard.id, reason), .hint = {}});
    return;
  }
  shard.pause = std::clamp(shard.pause * 2, kReconnectPauseMin, kReconnectPauseMax);
  shard.retry_at = Now() + shard.pause;
  PlanRetry(number);
}

// At the end of the shard's pause, which may have become longer by then.
void Worker::PlanRetry(std::uint32_t number) {
  if (std::exchange(shards_[number].retry_planned, true)) return;
  const auto wait =
      std::chrono::duration_cast<std::chrono::milliseconds>(shards_[number].retry_at - Now());
  loop_.After(std::max(wait, 0ms) + 1ms, [this, number] {
    shards_[number].retry_planned = false;
    Now() < shards_[number].retry_at ? PlanRetry(number) : OpenWanted(number);
  });
}

// Who waits for a connection longer than the configuration allows: all are in use, or none can be
// had.
void Worker::ExpireWaits(MonotonicTime now) {
  const std::chrono::milliseconds limit(view_.config->query_wait_millis);
  for (const Pool::Expired& expired : pool_.Expire(now - limit)) {
    const std::uint32_t number = pool_.group(expired.group).shard;
    const ShardInfo& shard = shards_[number];
    Refusal why{.sqlstate = "57014",
                .message = fmt::format("canceling statement due to query wait timeout: no "
                                       "connection to shard {} was free within {} ms",
                                       shard.id, limit.count()),
                .hint = "Hold transactions shorter, or raise serverConnectionsPerShard."};
    if (!shard.last_failure.empty()) {
      why = {.sqlstate = "57P03",
             .message = fmt::format("no connection to shard {}: {}", shard.id, shard.last_failure),
             .hint = "Retry in a moment."};
    }
    ++query_waits_expired_;
    Client* client = clients_[expired.waiter].get();
    if (client == nullptr) continue;
    client->ServerFailed(number, why, shard.replica_of.has_value());
    Continue(*client);
  }
}

void Worker::FailWaiters(GroupId group, const Refusal& why, bool may_retry) {
  const std::uint32_t shard = pool_.group(group).shard;
  for (const WaiterId waiter : pool_.TakeWaiters(group)) {
    if (Client* client = clients_[waiter].get(); client != nullptr) {
      client->ServerFailed(shard, why, may_retry);
      Continue(*client);
    }
  }
}

void Worker::UpstreamGone(Upstream& upstream, const std::string& reason) {
  if (!reason.empty()) {
    log::Info("shard_connection_closed",
              {{"shard", shards_[upstream.shard].id}, {"reason", reason}});
  }
  const std::uint32_t shard = upstream.shard;
  if (upstream.replica && !reason.empty()) ReplicaFailed(shard);
  pool_.Closed(upstream.group(), upstream);
  Bury(upstream);
  OpenWanted(shard);
}

void Worker::Bury(Upstream& upstream) {
  const auto found = upstreams_.find(&upstream);
  CHECK(found != upstreams_.end(), "a connection that is not ours");
  graveyard_.push_back(std::move(found->second));
  upstreams_.erase(found);
  if (std::exchange(reap_planned_, true)) return;
  loop_.After(std::chrono::milliseconds(0), [this] { Reap(); });
}

}  // namespace foreshard::router
