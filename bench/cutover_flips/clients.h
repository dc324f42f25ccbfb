#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "bench/cutover_flips/entry_ledger.h"
#include "bench/cutover_flips/fleet.h"

// Clients with an oracle: each owns its keys, increments a value and counts what was acknowledged.

namespace foreshard::bench {

struct ClientOptions {
  int movers = 8;  // clients of the range that flips, half of them on each router
  int others = 2;  // writers of other ranges
  std::chrono::microseconds think{5'000};
  bool times = true;  // of each statement are kept: 24 bytes, a hundred times a second a client
};

struct Statement {
  MonotonicTime begin;
  MonotonicTime end;
  bool deaf = false;  // through a router that nobody tells anything
};

struct Verdict {
  std::int64_t acknowledged = 0;
  std::int64_t lost = 0;        // acknowledged, not there
  std::int64_t duplicated = 0;  // there more often than attempted
};

class Clients {
 public:
  Clients(const Fleet& fleet, ClientOptions options);
  ~Clients();

  // Errors: the keys cannot be read.
  Status Start();
  void Stop();

  std::int64_t errors() const { return errors_; }
  std::int64_t serialization_retries() const { return serialization_; }
  std::string first_error();
  // Statements on the moving range; after Stop().
  std::vector<Statement> statements() const;
  // Compares with the rows: `first_owns`: the first shard owns the moving range. After Stop().
  Result<Verdict> Check(bool first_owns) const;

 private:
  struct Key {
    std::int64_t id = 0;
    std::int64_t acknowledged = 0;
    std::int64_t attempted = 0;
    EntryLedger entries{};
  };
  struct Client {
    int number = 0;
    std::size_t place = 0;  // among all
    int router = 1;
    bool moving = true;
    bool first_shard = true;  // of its keys, when they do not move
    std::vector<Key> keys;
    std::vector<Statement> statements;
  };
  class Session;

  Result<std::vector<std::int64_t>> KeysOf(bool first, std::string_view where, int count) const;
  void Work(Client& client, const std::stop_token& stop);
  void Noise(int kind, const std::stop_token& stop);
  // Says once what goes on in the fleet while a statement of a client takes far too long.
  void Watch(const std::stop_token& stop);
  void Fail(const std::string& why);
  void FailNoise(bool first, MonotonicTime begun, const std::string& why);

  const Fleet& fleet_;
  ClientOptions options_;
  std::vector<Client> clients_;
  std::vector<std::atomic<MonotonicTime>> busy_since_;  // by client; the epoch: it rests
  std::atomic<std::int64_t> errors_ = 0;
  std::atomic<std::int64_t> serialization_ = 0;
  std::mutex mutex_;
  std::string first_error_;
  std::vector<std::jthread> threads_;
};

}  // namespace foreshard::bench
