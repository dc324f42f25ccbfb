#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "router/config.h"
#include "router/server_login.h"
#include "router/session_host.h"
#include "router/table_feed.h"
#include "router/tls.h"
#include "router/users.h"

// What all event loops of the process share: immutable snapshots that are swapped as a whole, and
// counters.
//
// Owner:   main(). Lives as long as the process.
// Threads: any. A loop compares version() (one atomic load) and takes a new View only when
// something changed.

namespace foreshard::router {

// A change of ownership that a shard told us (FS001, foreshard.range) before the routing table did.
// The loser tells it before the owner has opened, so whoever goes there proves that it has.
struct LearnedOwner {
  std::int64_t migration = 0;
  std::vector<model::KeyRange> ranges;
  std::vector<std::string> keys;
  std::vector<std::string> excluded;  // as in LeasedKeys
  std::string owner;
  std::int64_t epoch = 0;
};

// While a cutover is near, a Strong read of these keys must prove on its shard that the shard still
// owns them (migration.md 8).
struct LeasedKeys {
  std::int64_t migration = 0;
  std::vector<model::KeyRange> ranges;
  std::vector<std::string> keys;
  std::vector<std::string> excluded;  // pinned keys in the ranges: they stay where they are
  bool listed = false;                // a routing table has said that the migration is under way
};

class RouterState {
 public:
  struct View {
    std::shared_ptr<const RouterConfig> config;
    std::shared_ptr<const Catalogue> catalogue;
    std::shared_ptr<const Users> users;
    std::shared_ptr<const TlsContext> client_tls;  // null: no TLS for clients
    std::shared_ptr<const TlsContext> shard_tls;
    std::vector<LeasedKeys> leased;
    std::vector<LearnedOwner> learned;  // by epoch, newer than the feed's table
    std::shared_ptr<const CompiledTable>
        table;  // null until the first one came; with what was learned
  };
  struct Options {
    std::string name;  // of this router
    TlsMode shard_tls_mode = TlsMode::kPrefer;
    bool heat = true;              // count and sample keys
    bool believes_shards = false;  // that ask for no password
    std::string zone{};            // where this router runs; empty: not known
  };

  RouterState(Options options, TableFeed& feed) : options_(std::move(options)), feed_(feed) {}

  std::uint64_t version() const { return version_.load(std::memory_order_acquire); }
  View Current() const;

  void SetConfig(RouterConfig config);  // REQUIRES: of ParseRouterConfig
  void SetUsers(std::shared_ptr<const Users> users);
  void SetTls(std::shared_ptr<const TlsContext> client, std::shared_ptr<const TlsContext> shard);
  void LearnColumns(const std::string& table, std::vector<std::string> columns);
  void LearnFunctions(const Functions& functions);
  void ForgetColumns();  // and functions
  void LearnCollation(const std::string& shard, bool as_bytes);

  // The feed may have a new table. Any thread; cheap if it has not.
  void TableChanged();
  // True: the view changed.
  bool LearnOwner(const StaleOwner& stale);
  // `teller`: the shard whose foreshard.range it is.
  bool LearnRanges(const std::vector<KnownRange>& ranges, std::string_view teller);
  void Lease(LeasedKeys leased);
  void EndLease(std::int64_t migration);

  const Options& options() const { return options_; }
  TableFeed& feed() { return feed_; }

  // Ownership is one fact for the process, so these counters are too.
  std::atomic<std::uint64_t> stale_owner_total{0};
  std::atomic<std::uint64_t> stale_owner_given_up_total{0};
  std::atomic<std::uint64_t> hold_expired_total{0};
  std::atomic<std::uint64_t> lease_lapsed_total{0};
  std::atomic<std::uint64_t> in_doubt{0};
  std::atomic<bool> text_orders_as_bytes{false};  // on every shard that was heard of
  // Of names in the access log: the same in all event loops, another one in each process.
  const ScramKey access_secret = RandomScramKey();
  std::atomic<std::uint64_t> transaction_names{0};
  std::atomic<std::uint64_t> clients{0};
  std::atomic<bool> draining{false};
  std::atomic<bool> ready{false};

 private:
  bool Learn(LearnedOwner learned);
  void LeaseLocked(LeasedKeys leased);                  // REQUIRES: mutex_ is held
  void Rebuild();                                       // REQUIRES: mutex_ is held
  void EndOldLeases(const model::RoutingTable& table);  // REQUIRES: mutex_ is held

  Options options_;
  TableFeed& feed_;
  mutable std::mutex mutex_;  // guards view_, orders_as_bytes_
  View view_;
  std::uint64_t feed_version_ = 0;
  std::map<std::string, bool> orders_as_bytes_;  // by shard
  std::atomic<std::uint64_t> version_{1};
};

}  // namespace foreshard::router
