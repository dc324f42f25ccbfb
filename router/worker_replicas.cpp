#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/log.h"
#include "router/limits.h"
#include "router/worker.h"

// The worker's side of replica reads: where the replicas are, and how far each has replayed.
// replicas.h decides. Nobody is looked at before a session asks for a read that a replica may
// answer, nor a minute after the last one did.

namespace foreshard::router {
namespace {

// "f 4711 zone": is it a replica, the position in the log that is safe there, its zone. What is
// acknowledged lies before the position at which a primary inserts.
constexpr const char* kLookSql =
    "SELECT pg_is_in_recovery()::text || ' ' || (CASE WHEN pg_is_in_recovery() THEN "
    "pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END - '0/0'::pg_lsn)::text || ' ' "
    "|| coalesce(current_setting('foreshard.zone', true), '')";

struct Sight {
  bool replica = false;
  std::uint64_t position = 0;
  std::string zone;
};

std::optional<Sight> ReadSight(std::string_view text) {
  const std::size_t first = text.find(' ');
  if (first == std::string_view::npos) return std::nullopt;
  Sight sight{.replica = text.starts_with('t'), .position = 0, .zone = {}};
  text.remove_prefix(first + 1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), sight.position);
  if (error != std::errc() || end == text.data() + text.size()) return std::nullopt;
  sight.zone = std::string(text.substr(static_cast<std::size_t>(end - text.data()) + 1));
  return sight;
}

}  // namespace

// Another table may mean other owners: what was replayed before it proves nothing.
void Worker::ReadReplicas(std::uint32_t shard, const std::string& service) {
  ReplicaSet& set = replicas_[shard];
  set.book.OwnersChanged(Now());
  set.looks.clear();  // They log in again, and say by which table.
  if (set.service == service) return;
  set.service = service;
  set.next_resolve = {};
  for (const std::uint32_t member : set.book.members()) set.book.Remove(member);
}

std::uint32_t Worker::ReaderOf(std::uint32_t shard, const ReadDemand& demand,
                               const std::string& user, const std::string& database) {
  const MonotonicTime now = Now();
  replicas_wanted_until_ = now + kReplicasWanted;
  reader_ = user;
  reader_database_ = database;
  const auto found = replicas_.find(shard);
  if (found == replicas_.end() || found->second.book.empty()) return shard;
  std::vector<Replicas::Load> load;
  for (const std::uint32_t member : found->second.book.members())
    load.push_back({.number = member, .in_flight = pool_.open(member) - pool_.idle(member)});
  const std::optional<std::uint32_t> chosen = found->second.book.Choose(
      {.demand = demand,
       .bound = std::chrono::milliseconds(view_.config->bounded_staleness_millis),
       .zone = state_.options().zone,
       .load = load},
      now);
  return chosen.value_or(shard);
}

void Worker::LookAtReplicas(MonotonicTime now) {
  for (auto& [shard, set] : replicas_) {
    if (set.service.empty()) continue;
    if (now >= set.next_resolve) {
      set.next_resolve = now + kReplicaResolve;
      ResolveReplicas(shard, set);
    }
    if (set.book.empty() || now < set.next_look) continue;
    set.next_look = now + kReplicaLook;
    LookAt(shard, set, shard, now);
    for (const std::uint32_t member : set.book.members()) LookAt(shard, set, member, now);
  }
}

// "host:port", or without Kubernetes a list of them with commas, each perhaps with "/database".
void Worker::ResolveReplicas(std::uint32_t shard, ReplicaSet& set) {
  std::string_view rest = set.service;
  while (!rest.empty()) {
    const std::string_view one = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), one.size() + 1));
    const std::size_t slash = std::min(one.find('/'), one.size());
    const Result<HostPort> place = ParseHostPort(one.substr(0, slash), 5432);
    if (!place) {
      log::Warning("replica_address_invalid", {{"address", std::string(one)}});
      continue;
    }
    const std::string database(one.substr(std::min(slash + 1, one.size())));
    loop_.Resolve(place->host, [this, shard, place = *place, database,
                                service = set.service](const std::vector<std::string>& addresses) {
      if (replicas_[shard].service == service) ReplicasAre(shard, place, database, addresses);
    });
  }
}

// A name may lead to several members, and to others than before.
void Worker::ReplicasAre(std::uint32_t shard, const HostPort& place, const std::string& database,
                         const std::vector<std::string>& addresses) {
  ReplicaSet& set = replicas_[shard];
  const std::string prefix = fmt::format("{}@{}:{}/", shards_[shard].id, place.host, place.port);
  std::vector<std::uint32_t> there;
  for (const std::string& address : addresses) {
    const std::uint32_t number = NumberFor(prefix + address);
    ShardInfo& member = shards_[number];
    member.address = {.host = address, .port = place.port, .user_timeout = kUserTimeout};
    member.database = database.empty() ? shards_[shard].database : database;
    member.replica_of = shard;
    member.stats.id = shards_[shard].id;
    set.book.Add(number);
    there.push_back(number);
  }
  for (const std::uint32_t member : set.book.members()) {
    const bool of_this_name = shards_[member].id.starts_with(prefix);
    if (!of_this_name || std::find(there.begin(), there.end(), member) != there.end()) continue;
    set.book.Remove(member);
    set.looks.erase(member);
    for (const auto& [key, upstream] : upstreams_) {
      if (upstream->shard == member) upstream->Retire();
    }
  }
}

void Worker::LookAt(std::uint32_t shard, ReplicaSet& set, std::uint32_t number, MonotonicTime now) {
  ReplicaSet::Look& look = set.looks[number];
  if (look.call != nullptr && !look.call->over() && !look.call->idle()) {
    if (now - look.asked > kReplicaSilence) look.call->Fail("no answer in time");
    return;
  }
  const auto seen = [this, shard, number, now](const Result<std::string>& answer) {
    Seen(shard, number, now, answer);
  };
  look.asked = now;
  if (look.call != nullptr && look.call->idle()) {
    look.call->Again(seen);
    return;
  }
  InDoubt asker;
  asker.user = reader_;
  asker.database = reader_database_;
  ShardCall::Options options = CallOptions(asker, number, kLookSql);
  options.stays = true;
  look.call = std::make_unique<ShardCall>(loop_, std::move(options), seen);
  look.call->Start();
}

void Worker::Seen(std::uint32_t shard, std::uint32_t number, MonotonicTime asked,
                  const Result<std::string>& answer) {
  ReplicaSet& set = replicas_[shard];
  const std::optional<Sight> sight = answer ? ReadSight(*answer) : std::nullopt;
  const bool member = number != shard;
  if (!sight || (member && !sight->replica)) {  // One of the members is the primary.
    set.book.Failed(number, Now());
  } else if (member) {
    set.book.MemberAt(number, Now(), sight->position, sight->zone);
  } else if (!sight->replica) {
    set.book.PrimaryAt(asked, sight->position);
  }
}

void Worker::ReplicaFailed(std::uint32_t number) {
  replicas_[*shards_[number].replica_of].book.Failed(number, Now());
}

}  // namespace foreshard::router
