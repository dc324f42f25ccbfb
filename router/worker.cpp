#include "router/worker.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "pg/wire_startup.h"
#include "pg/wire_writer.h"
#include "router/limits.h"

namespace foreshard::router {
namespace {

constexpr std::chrono::milliseconds kTick{20};
constexpr std::size_t kSpareMax = 256;

HoldLimits LimitsOf(const RouterConfig& config) {
  return {.park_max = std::chrono::milliseconds(config.park_max_millis), .released_at_once = 64};
}

}  // namespace

Worker::Worker(RouterState& state, const Clock& clock, Options options)
    : state_(state),
      clock_(clock),
      options_(options),
      access_(options.seed),
      hold_(state.Current().config->tables.key_space, LimitsOf(*state.Current().config)),
      heat_(std::make_unique<Heat>(state.Current().config->tables.key_space, options.seed)),
      mock_secret_(RandomScramKey()),
      random_(options.seed),
      wall_(clock.Wall()) {
  Refresh();
  loop_.Every(kTick, [this] { Tick(); });
}

Worker::~Worker() {
  loop_.StopListening();
  for (std::unique_ptr<Client>& client : clients_) {
    if (client) client->Leave();
  }
  clients_.clear();
  doubts_.clear();
  orphan_calls_.clear();
  forgetting_.clear();
  forget_calls_.clear();
  replicas_.clear();
  upstreams_.clear();
  graveyard_.clear();
}

Result<std::uint16_t> Worker::Listen(const std::string& host, std::uint16_t port) {
  return loop_.Listen(host, port, [this](Stream& stream) { return Accept(stream); });
}

StreamEvents* Worker::Accept(Stream& stream) {
  Slot slot = static_cast<Slot>(clients_.size());
  if (free_slots_.empty()) {
    clients_.emplace_back();
  } else {
    slot = free_slots_.back();
    free_slots_.pop_back();
  }
  const ScramKey random = RandomScramKey();
  const std::uint32_t secret = pg::LoadUint32(reinterpret_cast<const char*>(random.data()));
  view();
  clients_[slot] = std::make_unique<Client>(*this, stream, slot, secret);
  ++clients_open_;
  return clients_[slot].get();
}

void Worker::Refresh() {
  seen_version_ = state_.version();
  RouterState::View next = state_.Current();
  const bool table_changed = next.table != view_.table;
  view_ = std::move(next);
  access_.Configure(view_.config->access_log.value_or(AccessLogOptions{}));
  const auto workers = static_cast<std::size_t>(options_.workers);
  pool_.SetLimit(std::max<std::size_t>(
      1, (view_.config->server_connections_per_shard + workers - 1) / workers));
  if (!table_changed || view_.table == nullptr) return;
  ReadShards();
  heat_->TableChanged(*view_.table);
  hold_.TableChanged(view_.table->epoch());
}

std::uint32_t Worker::NumberFor(const std::string& id) {
  for (std::uint32_t number = 0; number < shards_.size(); ++number) {
    if (shards_[number].id == id) return number;
  }
  shards_.push_back({});
  shards_.back().id = id;
  shards_.back().stats.id = id;
  return static_cast<std::uint32_t>(shards_.size() - 1);
}

void Worker::ReadShards() {
  numbers_.clear();
  for (const model::ShardAddress& shard : view_.table->table().shards) {
    const std::uint32_t number = NumberFor(shard.id.value);
    numbers_.push_back(number);
    ConnectOptions address;
    const std::size_t slash = shard.primary_service.find('/');
    const Result<HostPort> place = ParseHostPort(shard.primary_service.substr(0, slash), 5432);
    if (!place) {
      log::Warning("shard_address_invalid",
                   {{"shard", shard.id.value}, {"address", shard.primary_service}});
      continue;
    }
    address.host = place->host;
    address.port = place->port;
    address.user_timeout = kUserTimeout;
    ShardInfo& info = shards_[number];
    const bool moved = !info.address.host.empty() &&
                       (info.address.host != address.host || info.address.port != address.port);
    info.address = address;
    info.database =
        slash == std::string::npos ? std::string() : shard.primary_service.substr(slash + 1);
    ReadReplicas(number, shard.replica_service);
    if (moved) Leave(number);
  }
}

// The shard is elsewhere now: nobody gets a connection to where it was, and who waits for one there
// need not.
void Worker::Leave(std::uint32_t shard) {
  std::vector<Upstream*> knocking;
  for (const auto& [key, upstream] : upstreams_) {
    if (upstream->shard != shard) continue;
    upstream->Retire();
    if (!upstream->ready()) knocking.push_back(upstream.get());
  }
  for (Upstream* upstream : knocking) upstream->FailLogin("08006", "the shard has moved");
}

std::int64_t Worker::ShardNumberOf(std::string_view id) const {
  for (std::size_t number = 0; number < shards_.size(); ++number) {
    if (shards_[number].id == id) return static_cast<std::int64_t>(number);
  }
  return -1;
}

void Worker::LearnOwner(const StaleOwner& stale) {
  state_.LearnOwner(stale);
  view();
}

void Worker::ClientGone(Client& client) {
  leaving_.push_back(client.slot());
  if (std::exchange(reap_planned_, true)) return;
  loop_.After(std::chrono::milliseconds(0), [this] { Reap(); });
}

void Worker::Reap() {
  reap_planned_ = false;
  graveyard_.clear();
  std::vector<Slot> leaving;
  leaving.swap(leaving_);
  for (const Slot slot : leaving) {
    const std::unique_ptr<Client> client = std::move(clients_[slot]);
    client->Leave();
    free_slots_.push_back(slot);
    --clients_open_;
    state_.clients.fetch_sub(client->admitted() ? 1 : 0, std::memory_order_relaxed);
  }
}

void Worker::Finish(Slot slot) {
  SamplePairs(slot);
  hold_.Finish(slot);
  if (!hold_.idle()) LetGo();
}

// What was parked and may go now.
void Worker::LetGo() {
  while (const std::optional<Slot> slot = hold_.Next(Now())) {
    if (Client* client = clients_[*slot].get(); client != nullptr) {
      client->Unparked(true);
      handoff_.push_back(*slot);
    }
  }
  HandOff();
}

void Worker::Tick() {
  wall_ = clock_.Wall();
  access_.Refill();
  view();
  const MonotonicTime now = Now();
  if (!hold_.idle()) {
    for (const Slot slot : hold_.Expire(now)) {
      if (Client* client = clients_[slot].get(); client != nullptr) {
        client->Unparked(false);
        handoff_.push_back(slot);
      }
    }
    LetGo();
  }
  ExpireWaits(now);
  for (const auto& [group, link] : pool_.TakeIdle(now - kServerIdleTimeout)) {
    auto& upstream = static_cast<Upstream&>(*link);
    upstream.Close();
    Bury(upstream);
  }
  LookForOrphans(now);
  ForgetDecisions(now);
  if (now < replicas_wanted_until_) LookAtReplicas(now);
  if (!doubts_.empty()) ResolveDoubts(now);
  std::vector<Upstream*> overdue;
  for (const auto& [key, upstream] : upstreams_) {
    if (upstream->LoginOverdue(now)) overdue.push_back(upstream.get());
  }
  for (Upstream* upstream : overdue) upstream->FailLogin("08006", "the login took too long");
  for (const std::unique_ptr<Client>& client : clients_) {
    if (client == nullptr) continue;
    if (client->greeting_overdue(now)) client->CloseClient();
    if (draining_) client->EndIfAtRest();
  }
}

void Worker::StartDraining() {
  draining_ = true;
  loop_.StopListening();
  Tick();
}

void Worker::StopNow() {
  for (const std::unique_ptr<Client>& client : clients_) {
    if (client) client->End("57P01", "terminating connection due to administrator command");
  }
  Reap();
  loop_.Stop();
}

std::string Worker::TakeBuffer() {
  if (spare_buffers_.empty()) return {};
  std::string buffer = std::move(spare_buffers_.back());
  spare_buffers_.pop_back();
  return buffer;
}

void Worker::GiveBuffer(std::string buffer) {
  if (spare_buffers_.size() >= kSpareMax || buffer.capacity() < 64 || buffer.capacity() > 64 * 1024)
    return;
  buffer.clear();
  spare_buffers_.push_back(std::move(buffer));
}

}  // namespace foreshard::router
