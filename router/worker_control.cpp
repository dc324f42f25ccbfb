#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/log.h"
#include "pg/wire_startup.h"
#include "router/limits.h"
#include "router/session_settings.h"
#include "router/worker.h"

// The worker's side of cancel requests, holds, counters and two-phase names.

namespace foreshard::router {

// Carries one CancelRequest to a shard. The server's connection stays ours until the shard has
// closed this one: only then is it sure that the signal can hit no later statement.
struct Worker::CancelConnection final : StreamEvents {
  Worker& worker;
  Upstream* target;
  Stream* stream = nullptr;
  bool over = false;

  CancelConnection(Worker& owner, Upstream& upstream) : worker(owner), target(&upstream) {}
  ~CancelConnection() override {
    if (stream != nullptr) stream->Close();
  }
  void OnConnected(Stream& connected) override {
    pg::AppendCancelRequest(&connected.out(), target->process_id(), target->secret_key());
  }
  void OnBytes(std::string_view) override {}
  void OnGone(std::string_view) override {
    stream = nullptr;
    End();
  }
  void End() {
    if (std::exchange(over, true)) return;
    target->CancelEnds();
    worker.loop_.After(std::chrono::milliseconds(0), [&cancels = worker.cancels_] {
      std::erase_if(cancels, [](const auto& cancel) { return cancel->over; });
    });
  }
};

void Worker::CancelRequested(const Greeter::CancelTarget& target) {
  if (target.process_id == 0) return;
  const std::uint32_t id = target.process_id - 1;
  const std::size_t index = id >> 20;
  const Slot slot = id & 0xfffff;
  if (index >= peers_.size()) return;
  Worker* owner = peers_[index];
  owner->loop().Post([owner, slot, secret = target.secret_key] {
    if (slot >= owner->clients_.size() || owner->clients_[slot] == nullptr) return;
    Client& client = *owner->clients_[slot];
    if (client.secret() == secret) client.Cancel();
  });
}

void Worker::CancelOn(Upstream& upstream) {
  auto cancel = std::make_shared<CancelConnection>(*this, upstream);
  upstream.CancelBegins();
  cancel->stream = loop_.Connect(upstream.address(), cancel.get());
  cancels_.push_back(std::move(cancel));
}

HoldState Worker::BeginHold(const HoldRequest& request) { return hold_.Begin(request, Now()); }

Result<HoldState> Worker::StateOfHold(model::MigrationNumber number) { return hold_.State(number); }

std::int64_t Worker::ReleaseHold(model::MigrationNumber number) {
  view();
  const std::int64_t released = hold_.Release(number);
  LetGo();
  return released;
}

std::optional<Refusal> Worker::MayAdmitClient() {
  if (state_.draining.load(std::memory_order_relaxed)) {
    return Refusal{
        .sqlstate = "57P01", .message = "the router is shutting down", .hint = "Connect again."};
  }
  const std::uint64_t before = state_.clients.fetch_add(1, std::memory_order_relaxed);
  if (before < view_.config->client_connections_max) return std::nullopt;
  return Refusal{.sqlstate = "53300", .message = "sorry, too many clients already", .hint = {}};
}

const std::map<std::string, std::string>* Worker::WelcomeParameters(
    const std::string& user, const std::string& database) const {
  const auto found = welcome_.find({user, database});
  return found == welcome_.end() ? nullptr : &found->second;
}

void Worker::LearnWelcome(const std::string& user, const std::string& database,
                          std::map<std::string, std::string> parameters) {
  parameters.erase("application_name");
  welcome_[{user, database}] = std::move(parameters);
}

// Logins take longer than a whole cutover: statements that it lets go must not wait for them.
void Worker::WarmUp(const model::ShardId& losing, const model::ShardId& gaining) {
  const std::int64_t from = ShardNumberOf(losing.value);
  const std::int64_t to = ShardNumberOf(gaining.value);
  if (from < 0 || to < 0) return;
  for (GroupId like = 0, known = static_cast<GroupId>(pool_.groups()); like < known; ++like) {
    const Pool::Group group = pool_.group(like);
    if (group.shard != static_cast<std::uint32_t>(from)) continue;
    const GroupId warm = pool_.GroupFor(static_cast<std::uint32_t>(to), group.user, group.database);
    for (std::size_t left = pool_.Warm(warm, like); left > 0; --left) OpenConnection(warm, true);
  }
}

namespace {

// Whether the key moves with a LeasedKeys or a LearnedOwner.
bool Covers(const auto& moving, const model::KeySpace& space, const std::string& key) {
  const auto among = [&key](const std::vector<std::string>& keys) {
    return std::find(keys.begin(), keys.end(), key) != keys.end();
  };
  if (among(moving.keys)) return true;
  return !among(moving.excluded) &&
         std::any_of(moving.ranges.begin(), moving.ranges.end(), [&](const model::KeyRange& range) {
           return model::ContainsKey(space, range, key);
         });
}

}  // namespace

std::vector<Proof> Worker::ProofsFor(bool scatter, const std::vector<Key>& keys) {
  std::vector<Proof> proofs;
  if (view_.table == nullptr) return proofs;
  const model::RoutingTable& table = view_.table->table();
  const auto prove = [&](const auto& moving) {
    if (moving.migration == 0) return;  // It is over.
    const auto add = [&](const model::ShardId& owner) {
      const std::int64_t number = ShardNumberOf(owner.value);
      if (number < 0) return;
      const auto shard = static_cast<std::uint32_t>(number);
      const bool known = std::any_of(proofs.begin(), proofs.end(), [&](const Proof& proof) {
        return proof.shard == shard && proof.migration == moving.migration;
      });
      if (!known) proofs.push_back(MakeProof(shard, owner.value, moving.migration));
    };
    const bool touched =
        scatter || std::any_of(keys.begin(), keys.end(), [&](const Key& key) {
          return Covers(moving, table.key_space, CanonicalText(table.key_space.key_type, key));
        });
    if (!touched) return;
    for (const model::KeyRange& range : moving.ranges) add(model::OwnerOfBound(table, range.from));
    for (const std::string& key : moving.keys) add(model::OwnerOfKey(table, key));
  };
  for (const LeasedKeys& leased : view_.leased) prove(leased);
  for (const LearnedOwner& learned : view_.learned) prove(learned);
  return proofs;
}

void Worker::Record(const StatementRecord& record) {
  WorkerStats::Shard& stats = shards_[record.shard].stats;
  if (const std::optional<std::uint32_t> of = shards_[record.shard].replica_of) {
    ++stats.replica_statements;
    replicas_[*of].book.Answered(record.shard, record.backend);
  }
  ++stats.statements[record.write ? 1 : 0][record.error ? 1 : 0];
  stats.rows += record.rows;
  stats.bytes += record.bytes;
  const double seconds = std::chrono::duration<double>(record.backend).count();
  stats.latency.Add(seconds);
  if (record.sample != nullptr) LogAccess(record);
  if (view_.table == nullptr || !state_.options().heat) return;
  const HeatSample sample{.write = record.write,
                          .insert = record.insert,
                          .error = record.error,
                          .rows = record.rows,
                          .bytes = record.bytes,
                          .backend_nanos = static_cast<std::uint64_t>(record.backend.count())};
  if (record.table == view_.table.get() || record.keys->empty()) {
    heat_->Record(*record.keys, *record.owners, sample, wall_);
    return;
  }
  std::vector<Owner> owners;
  for (const Key& key : *record.keys) owners.push_back(view_.table->Find(key));
  heat_->Record(*record.keys, owners, sample, wall_);
}

void Worker::LogAccess(const StatementRecord& record) const {
  const AccessLogOptions options = view_.config->access_log.value_or(AccessLogOptions{});
  const ScramKey& secret = state_.access_secret;
  const auto name = [&secret](bool allowed, const std::string& text) {
    return allowed ? text : Pseudonym(text, secret);
  };
  std::string key;
  if (record.keys->size() == 1) {
    const model::KeyType type = view_.config->tables.key_space.key_type;
    key = name(options.keys, CanonicalText(type, record.keys->front()));
  }
  const ShardInfo& asked = shards_[record.shard];
  const std::string user = name(options.users, record.sample->user);
  WriteAccess({.sample = *record.sample,
               .user = user,
               .key = key,
               .keys = record.keys->size(),
               .shard = shards_[asked.replica_of.value_or(record.shard)].id,
               .replica = asked.replica_of.has_value(),
               .write = record.write,
               .backend_micros =
                   std::chrono::duration_cast<std::chrono::microseconds>(record.backend).count(),
               .rows = record.rows,
               .bytes = record.bytes});
}

// One piece of work in kPairSampling: which keys are used together, and on how many shards.
void Worker::SamplePairs(Slot slot) {
  if (++finished_ % Heat::kPairSampling != 0 || !state_.options().heat) return;
  const Footprint* touched = hold_.Touched(slot);
  if (touched == nullptr || touched->keys.empty() || view_.table == nullptr) return;
  std::set<std::uint32_t> shards;
  for (const Key& key : touched->keys) shards.insert(view_.table->Find(key).shard);
  heat_->RecordTransaction(touched->keys, shards.size());
}

WorkerStats Worker::Stats() {
  WorkerStats stats;
  for (std::uint32_t number = 0; number < shards_.size(); ++number) {
    stats.shards.push_back(shards_[number].stats);
    stats.shards.back().open = pool_.open(number);
    stats.shards.back().idle = pool_.idle(number);
  }
  if (view_.table != nullptr) {
    const std::vector<model::OwnedRange>& ranges = view_.table->table().ranges;
    for (std::size_t i = 0; i < ranges.size() && i < heat_->reads().size(); ++i) {
      stats.ranges.push_back(
          {ranges[i].range, ranges[i].shard.value, heat_->reads()[i], heat_->writes()[i]});
    }
  }
  stats.scatter_reads = heat_->scatter_reads();
  stats.scatter_writes = heat_->scatter_writes();
  stats.clients = clients_open_;
  stats.waiting = pool_.waiting();
  stats.parked = static_cast<std::uint64_t>(hold_.parked());
  stats.holds_expired = hold_.expired_total();
  stats.parked_for = hold_.parked_for();
  stats.login_failures = login_failures_;
  stats.plan_hits = plans_.hits();
  stats.plan_misses = plans_.misses();
  stats.query_waits_expired = query_waits_expired_;
  stats.access_lines = access_.taken();
  stats.access_lines_dropped = access_.dropped();
  return stats;
}

// "foreshard:<first shard>:<router>:<number>:<random>": whoever finds it prepared knows where the
// decision stands.
std::string Worker::NewTransactionName(std::uint32_t first_shard) {
  const std::uint64_t number = state_.transaction_names.fetch_add(1, std::memory_order_relaxed);
  return fmt::format("foreshard:{}:{}:{}:{:016x}", shards_[first_shard].id, state_.options().name,
                     number, random_.Next());
}

}  // namespace foreshard::router
