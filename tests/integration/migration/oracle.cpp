#include "tests/integration/migration/oracle.h"

#include <fmt/format.h>

#include <algorithm>

#include "migration/mover_work.h"
#include "migration/predicate.h"

namespace foreshard::migration {

using namespace std::chrono_literals;

class Oracle::Client {
 public:
  Client(Oracle& oracle, std::vector<Key>& keys) : oracle_(oracle), keys_(keys) {}

  void Run(const std::stop_token& stop) {
    for (std::size_t i = 0; !stop.stop_requested(); ++i) {
      if (!Increment(keys_[i % keys_.size()], stop)) return;
      Pause(stop, 4ms);
    }
  }

 private:
  // Until acknowledged: what was refused had no effect. False: the client has seen an error.
  bool Increment(Key& key, const std::stop_token& stop) {
    while (true) {
      if (!Ready()) {
        if (stop.stop_requested()) return false;
        Pause(stop, 5ms);
        continue;
      }
      ++key.attempted;
      pg::Connection& session = *sessions_[Index(owner_)];
      const auto done = session.Exec(
          fmt::format("BEGIN ISOLATION LEVEL {0}; UPDATE customers SET v = v + 1 WHERE id = {1}; "
                      "INSERT INTO orders (customer_id, id, pad) VALUES ({1}, {2}, 'x'); "
                      "DO $$BEGIN IF NOT EXISTS (SELECT FROM customers WHERE id = {1}) THEN RAISE "
                      "'row lost' USING ERRCODE = "
                      "'P0002'; END IF; END$$; COMMIT",
                      oracle_.options_.isolation, key.id, key.attempted),
          oracle_.shards_.Soon());
      if (done) {
        ++key.acknowledged;
        ++oracle_.acknowledged_;
        return true;
      }
      if (!Handle(session, done.error())) return false;
      if (!definite_) return true;  // unknown: neither repeated nor acknowledged
      --key.attempted;
      if (stop.stop_requested()) return true;
    }
  }

  // What a router would do. False: the client sees this error.
  bool Handle(pg::Connection& session, const Error& error) {
    definite_ = true;
    if (error.code == "FS001") {
      ++oracle_.fenced_;
      Learn(session.last_error().detail);
    } else if (error.code == "57P01" || !session.alive()) {
      // Ended while idle, or with the statement on its way: nobody knows.
      definite_ = false;
      sessions_[Index(owner_)].reset();
      return true;
    } else if (error.code != "40001") {
      oracle_.Fail(fmt::format("{} {}", error.code, error.message));
      return false;
    }
    if (session.in_transaction()) {
      const auto ended = session.Exec("ROLLBACK", oracle_.shards_.Soon());
      if (!ended) sessions_[Index(owner_)].reset();
    }
    return true;
  }

  // "migration=7 owner=s-bbbb epoch=13"
  void Learn(const std::string& detail) {
    const std::size_t owner = detail.find("owner=");
    const std::size_t epoch = detail.find(" epoch=");
    if (owner == std::string::npos || epoch == std::string::npos) return;
    Believe(detail.substr(owner + 6, epoch - owner - 6), std::stoll(detail.substr(epoch + 7)));
  }

  void Believe(const std::string& owner, std::int64_t epoch) {
    if (epoch < epoch_) return;
    // The refused one named itself or the peer; when both refuse, ask the other one in turn.
    const Side named =
        owner == oracle_.shards_.Spec().source.value ? Side::kSource : Side::kDestination;
    owner_ = epoch == epoch_ ? Peer(owner_) : named;
    epoch_ = epoch;
  }

  // A session with the believed owner; a new one is asked before its first use.
  bool Ready() {
    std::unique_ptr<pg::Connection>& session = sessions_[Index(owner_)];
    if (session && session->alive()) return true;
    session.reset();
    auto made = pg::Connection::Connect({.conninfo = oracle_.shards_.Conninfo(owner_, "app")},
                                        oracle_.shards_.clock(), oracle_.shards_.Soon());
    if (!made) return false;
    const auto known =
        (*made)->Exec("SELECT owner, epoch FROM foreshard.range ORDER BY epoch DESC LIMIT 1",
                      oracle_.shards_.Soon());
    if (!known) return false;
    session = std::move(*made);
    if (!known->empty() && known->Int(0, 1) > epoch_) {
      epoch_ = known->Int(0, 1);
      owner_ = known->Text(0, 0) == oracle_.shards_.Spec().source.value ? Side::kSource
                                                                        : Side::kDestination;
      return sessions_[Index(owner_)] && sessions_[Index(owner_)]->alive();
    }
    return true;
  }

  static std::size_t Index(Side side) { return side == Side::kSource ? 0 : 1; }

  Oracle& oracle_;
  std::vector<Key>& keys_;
  Side owner_ = Side::kSource;
  std::int64_t epoch_ = 0;
  bool definite_ = true;
  std::unique_ptr<pg::Connection> sessions_[2];
};

Oracle::Oracle(const TwoShards& shards, Options options)
    : shards_(shards), options_(std::move(options)) {}

Oracle::~Oracle() { Stop(); }

void Oracle::Load() {
  const std::string k = PredicateSql(shards_.Spec(), "k");
  const int count = options_.clients * options_.keys_per_client;
  const std::string ids = shards_.Sql(
      Side::kSource,
      fmt::format("SELECT k FROM generate_series(1::bigint, 100000) k WHERE {} LIMIT {}", k,
                  count));
  keys_.assign(static_cast<std::size_t>(options_.clients), {});
  std::size_t at = 0;
  for (int i = 0; i < count; ++i) {
    const std::size_t end = ids.find('\n', at);
    keys_[static_cast<std::size_t>(i % options_.clients)].push_back(
        {.id = std::stoll(ids.substr(at, end - at))});
    at = end + 1;
  }
  // All keys of the first hundred thousand that this shard owns; wide rows, some of them toasted.
  shards_.Sql(Side::kSource,
              "INSERT INTO customers (id, name, pad) SELECT k, 'n' || k, repeat(md5(k::text), CASE "
              "WHEN k % 50 = 0 THEN 300 ELSE 4 END) "
              "FROM generate_series(1::bigint, 20000) k WHERE hashint8extended(k, 0) < 0");
  shards_.Sql(Side::kSource,
              "INSERT INTO orders (customer_id, id, price) SELECT id, -1, id / 7.0 FROM customers");
  shards_.Sql(Side::kSource, "ANALYZE");
}

void Oracle::Start() {
  for (std::vector<Key>& keys : keys_) {
    threads_.emplace_back(
        [this, &keys](const std::stop_token& stop) { Client(*this, keys).Run(stop); });
  }
}

void Oracle::Stop() {
  for (std::jthread& thread : threads_) thread.request_stop();
  threads_.clear();
}

void Oracle::Fail(const std::string& why) {
  ++errors_;
  const std::lock_guard lock(mutex_);
  if (first_error_.empty()) first_error_ = why;
}

std::vector<std::string> Oracle::ids() const {
  std::vector<std::string> ids;
  for (const std::vector<Key>& keys : keys_) {
    for (const Key& key : keys) ids.push_back(std::to_string(key.id));
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

std::string Oracle::Check(Side owner) const {
  std::string wrong;
  for (const std::vector<Key>& keys : keys_) {
    for (const Key& key : keys) {
      const std::string text =
          shards_.Sql(owner, fmt::format("SELECT v || '/' || (SELECT count(*) FROM orders WHERE "
                                         "customer_id = {0} AND id > 0) FROM customers "
                                         "WHERE id = {0}",
                                         key.id));
      const std::size_t slash = text.find('/');
      if (slash == std::string::npos) {
        wrong += fmt::format("key {} is gone; ", key.id);
        continue;
      }
      const std::int64_t value = std::stoll(text.substr(0, slash));
      const std::int64_t orders = std::stoll(text.substr(slash + 1));
      if (value < key.acknowledged || value > key.attempted || orders != value) {
        wrong += fmt::format("key {}: acknowledged {}, attempted {}, value {}, orders {}; ", key.id,
                             key.acknowledged, key.attempted, value, orders);
      }
    }
  }
  return wrong;
}

}  // namespace foreshard::migration
