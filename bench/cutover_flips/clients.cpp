#include "bench/cutover_flips/clients.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace foreshard::bench {

namespace {

using namespace std::chrono_literals;

constexpr int kKeysPerClient = 16;
constexpr std::chrono::seconds kFarTooLong{10};  // dead shards are back after two
constexpr const char* kStaysOnFirst = "hashint8extended(id, 0) < '-4611686018427387904'::bigint";
constexpr const char* kStaysOnSecond = "hashint8extended(id, 0) >= 0";

// Ways of writing; client n uses way n modulo 4.
enum class Way { kExtended, kSimple, kTransaction, kRepeatableRead };

}  // namespace

// One client's connection and one write.
class Clients::Session {
 public:
  Session(Clients& clients, Client& client)
      : clients_(clients), client_(client), way_(static_cast<Way>(client.number % 4)) {}

  // A router that was killed comes back.
  bool Connect(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      connected_ = clients_.fleet_.clock().Monotonic();
      auto made = clients_.fleet_.ConnectToRouter(client_.router);
      if (made) {
        connection_ = std::move(*made);
        return true;
      }
      if (!clients_.fleet_.outages().RouterDied(client_.router, connected_)) {
        clients_.Fail("connect: " + made.error().message);
        return false;
      }
      migration::Pause(stop, 20ms);
    }
    return false;
  }

  // False: the client has seen an error.
  bool Increment(Key& key) {
    while (true) {
      ++key.attempted;
      const MonotonicTime begun = clients_.fleet_.clock().Monotonic();
      const Status done = Write(key);
      if (done) {
        ++key.acknowledged;
        return true;
      }
      // 40001 is a promise that nothing happened; the contract allows it to snapshots that are
      // older than the close.
      if (done.error().code == "40001" && connection_->alive()) {
        --key.attempted;
        ++clients_.serialization_;
        if (connection_->in_transaction() && !connection_->Exec("ROLLBACK", clients_.fleet_.Soon()))
          return false;
        continue;
      }
      if (!clients_.fleet_.outages().Explain(client_.router, connection_->alive(),
                                             done.error().code, connected_, begun)) {
        clients_.Fail(fmt::format("client {} through router {}: {} {}", client_.number,
                                  client_.router, done.error().code, done.error().message));
      }
      return false;
    }
  }

 private:
  Status Write(Key& key) {
    switch (way_) {
      case Way::kExtended:
        return Changed(Run("UPDATE accounts SET v = v + 1 WHERE id = $1", {key.id}));
      case Way::kSimple:
        return Changed(Run(fmt::format("UPDATE accounts SET v = v + 1 WHERE id = {}", key.id), {}));
      case Way::kTransaction:
        return Transaction(key, "BEGIN");
      case Way::kRepeatableRead:
        return Transaction(key, "BEGIN ISOLATION LEVEL REPEATABLE READ");
    }
    Unreachable(way_);
  }

  Status Transaction(Key& key, std::string_view begin) {
    if (const auto begun = Run(begin, {}); !begun) return begun.error();
    if (Status updated = Changed(Run("UPDATE accounts SET v = v + 1 WHERE id = $1", {key.id}));
        !updated)
      return updated;
    // An attempt whose fate is unknown may be there: it keeps its number. One that was refused with
    // 40001 is not, and gives it back.
    const auto inserted = Run("INSERT INTO entries (account_id, id, note) VALUES ($1, $2, 'entry')",
                              {key.id, key.attempted});
    if (!inserted) return inserted.error();
    const auto due = key.entries.Due();
    std::int64_t deleted = 0;
    if (due) {
      const auto rows =
          Run("DELETE FROM entries WHERE account_id = $1 AND id <= $2", {key.id, *due});
      if (!rows) return rows.error();
      deleted = static_cast<std::int64_t>(rows->affected());
    }
    const auto committed = Run("COMMIT", {});
    if (!committed && committed.error().code != "40001" && due) key.entries.DeletionInDoubt();
    if (!committed) return committed.error();
    if (due) key.entries.Deleted(deleted);
    key.entries.Inserted(key.attempted);
    return Ok();
  }

  Result<pg::Rows> Run(std::string_view sql, const pg::Parameters& parameters) {
    const MonotonicTime begin = clients_.fleet_.clock().Monotonic();
    const Deadline deadline = Deadline::After(clients_.fleet_.clock(), 30s);
    std::atomic<MonotonicTime>& busy = clients_.busy_since_[client_.place];
    busy = begin;
    auto rows = parameters.empty() ? connection_->Exec(sql, deadline)
                                   : connection_->Exec(sql, parameters, deadline);
    busy = MonotonicTime{};
    if (client_.moving && clients_.options_.times) {
      client_.statements.push_back(
          {begin, clients_.fleet_.clock().Monotonic(), client_.router > 1});
    }
    return rows;
  }

  static Status Changed(const Result<pg::Rows>& rows) {
    if (!rows) return rows.error();
    if (rows->affected() != 1)
      return Error::GiveUp(fmt::format("{} rows changed instead of one", rows->affected()));
    return Ok();
  }

  Clients& clients_;
  Client& client_;
  Way way_;
  std::unique_ptr<pg::Connection> connection_;
  MonotonicTime connected_{};
};

Clients::Clients(const Fleet& fleet, ClientOptions options) : fleet_(fleet), options_(options) {}

Clients::~Clients() { Stop(); }

Result<std::vector<std::int64_t>> Clients::KeysOf(bool first, std::string_view where,
                                                  int count) const {
  auto admin = fleet_.Connect(first, "foreshard");
  if (!admin) return admin.error();
  const auto rows = (*admin)->Exec(
      fmt::format("SELECT id FROM public.accounts WHERE {} ORDER BY id LIMIT {}", where, count),
      fleet_.Soon());
  if (!rows) return rows.error();
  std::vector<std::int64_t> ids;
  for (std::size_t row = 0; row < rows->size(); ++row) ids.push_back(rows->Int(row, 0));
  return ids;
}

Status Clients::Start() {
  const auto moving = KeysOf(true, kMovingKeys, options_.movers * kKeysPerClient);
  if (!moving) return moving.error();
  for (int i = 0; i < options_.movers; ++i) {
    Client client{.number = i, .router = i / 4 % 2 + 1, .keys = {}, .statements = {}};
    for (int k = 0; k < kKeysPerClient; ++k) {
      client.keys.push_back({.id = (*moving)[static_cast<std::size_t>(i * kKeysPerClient + k)]});
    }
    if (options_.times) client.statements.reserve(400'000);
    clients_.push_back(std::move(client));
  }
  for (int i = 0; i < options_.others; ++i) {
    const bool first = i % 2 == 0;
    const auto ids = KeysOf(first, first ? kStaysOnFirst : kStaysOnSecond, kKeysPerClient);
    if (!ids) return ids.error();
    Client client{.number = i,
                  .router = i % 2 + 1,
                  .moving = false,
                  .first_shard = first,
                  .keys = {},
                  .statements = {}};
    for (const std::int64_t id : *ids) client.keys.push_back({.id = id});
    clients_.push_back(std::move(client));
  }
  busy_since_ = std::vector<std::atomic<MonotonicTime>>(clients_.size());
  for (std::size_t place = 0; place < clients_.size(); ++place) {
    Client& client = clients_[place];
    client.place = place;
    threads_.emplace_back([this, &client](const std::stop_token& stop) { Work(client, stop); });
  }
  threads_.emplace_back([this](const std::stop_token& stop) { Watch(stop); });
  for (int kind = 0; kind < 3; ++kind) {
    threads_.emplace_back([this, kind](const std::stop_token& stop) { Noise(kind, stop); });
  }
  return Ok();
}

void Clients::Stop() {
  for (std::jthread& thread : threads_) thread.request_stop();
  threads_.clear();
}

void Clients::Work(Client& client, const std::stop_token& stop) {
  Session session(*this, client);
  if (!session.Connect(stop)) return;
  for (std::size_t i = 0; !stop.stop_requested(); ++i) {
    if (!session.Increment(client.keys[i % client.keys.size()]) && !session.Connect(stop)) return;
    migration::Pause(stop, std::chrono::ceil<std::chrono::milliseconds>(options_.think));
  }
}

void Clients::Watch(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    migration::Pause(stop, 500ms);
    const MonotonicTime now = fleet_.clock().Monotonic();
    for (const Client& client : clients_) {
      const MonotonicTime since = busy_since_[client.place];
      if (since == MonotonicTime{} || now - since < kFarTooLong) continue;
      fmt::print(stderr, "client {} through router {} waits for more than {} s\n{}{}\n",
                 client.number, client.router, kFarTooLong.count(), fleet_.Sessions(),
                 fleet_.RouterLog(client.router));
      return;
    }
  }
}

// 0: VACUUM without an end, 1 and 2: a snapshot of a second on each shard.
void Clients::Noise(int kind, const std::stop_token& stop) {
  for (int i = 0; !stop.stop_requested(); ++i) {
    const MonotonicTime begun = fleet_.clock().Monotonic();
    const bool first = kind == 0 ? i % 2 == 0 : kind == 1;
    const auto fail = [&](const std::string& why) { FailNoise(first, begun, why); };
    auto admin = fleet_.Connect(first, "foreshard");
    if (!admin) {
      fail("noise: " + admin.error().message);
      migration::Pause(stop, 50ms);
      continue;
    }
    if (kind == 0) {
      const auto vacuumed = (*admin)->Exec(
          i % 4 < 2 ? "VACUUM public.accounts" : "VACUUM public.entries", fleet_.Soon());
      if (!vacuumed) fail("VACUUM: " + vacuumed.error().message);
      migration::Pause(stop, 50ms);
      continue;
    }
    const auto read = (*admin)->Exec(
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT count(*) FROM public.accounts",
        fleet_.Soon());
    if (!read) fail("long reader: " + read.error().message);
    migration::Pause(stop, 1s);
    const auto ended = (*admin)->Exec("SELECT count(*) FROM public.entries; COMMIT", fleet_.Soon());
    if (!ended) fail("long reader: " + ended.error().message);
  }
}

// It is connected to the shard itself, so a kill of the shard is all that explains an error.
void Clients::FailNoise(bool first, MonotonicTime begun, const std::string& why) {
  if (!fleet_.outages().ShardDied(first, begun)) Fail(why);
}

void Clients::Fail(const std::string& why) {
  ++errors_;
  const std::lock_guard lock(mutex_);
  if (first_error_.empty()) first_error_ = why;
  fmt::print(stderr, "error: {}\n", why);
}

std::string Clients::first_error() {
  const std::lock_guard lock(mutex_);
  return first_error_;
}

std::vector<Statement> Clients::statements() const {
  std::vector<Statement> all;
  for (const Client& client : clients_)
    all.insert(all.end(), client.statements.begin(), client.statements.end());
  return all;
}

Result<Verdict> Clients::Check(bool first_owns) const {
  Verdict verdict;
  for (const Client& client : clients_) {
    auto admin = fleet_.Connect(client.moving ? first_owns : client.first_shard, "foreshard");
    if (!admin) return admin.error();
    for (const Key& key : client.keys) {
      const auto standing = key.entries.Standing();
      const auto row = (*admin)->Exec(
          fmt::format(
              "SELECT v, count(*) FILTER (WHERE e.id = ANY ('{{{}}}')), count(*) FILTER (WHERE "
              "e.id <= {}) FROM public.accounts a LEFT JOIN public.entries e "
              "ON e.account_id = a.id WHERE a.id = $1 GROUP BY v",
              fmt::join(standing, ","), key.entries.deleted_to()),
          {key.id}, fleet_.Soon());
      if (!row) return row.error();
      const std::int64_t value = row->empty() ? 0 : row->Int(0, 0);
      const std::int64_t there = row->empty() ? 0 : row->Int(0, 1);
      const std::int64_t back = row->empty() ? 0 : row->Int(0, 2);  // were deleted
      const std::int64_t gone =
          static_cast<std::int64_t>(standing.size()) - there + key.entries.lost();
      if (value < key.acknowledged || value > key.attempted || gone > 0 || back > 0) {
        fmt::print(stderr,
                   "client {} through router {}, key {}: acknowledged {}, attempted {}, value {}, "
                   "entries gone {}, deleted ones back {}\n",
                   client.number, client.router, key.id, key.acknowledged, key.attempted, value,
                   gone, back);
      }
      verdict.acknowledged += key.acknowledged;
      verdict.lost += std::max<std::int64_t>(0, key.acknowledged - value) + gone;
      verdict.duplicated += std::max<std::int64_t>(0, value - key.attempted) + back;
    }
  }
  return verdict;
}

}  // namespace foreshard::bench
