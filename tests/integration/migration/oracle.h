#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/integration/migration/two_shards.h"

namespace foreshard::migration {

// Clients that own keys, increment a value and count what was acknowledged; at the end the value
// must lie between acknowledged and attempted. Each behaves as a router that hears nothing: it goes
// where it believes the owner is, learns from FS001, and reads foreshard.range on each new session.
//
// Threads: one a client; Stop() ends them.
class Oracle {
 public:
  struct Options {
    int clients = 4;
    int keys_per_client = 8;
    std::string isolation = "READ COMMITTED";
  };
  Oracle(const TwoShards& shards, Options options);
  ~Oracle();

  // Rows of all keys in K on the source; before the clients start.
  void Load();
  void Start();
  void Stop();

  std::int64_t acknowledged() const { return acknowledged_; }
  std::int64_t fenced() const { return fenced_; }
  std::int64_t errors() const { return errors_; }
  std::string first_error() const { return first_error_; }
  // All keys of all clients, as text.
  std::vector<std::string> ids() const;
  // Compares with the rows on `owner`: "" or what is wrong.
  std::string Check(Side owner) const;

 private:
  struct Key {
    std::int64_t id = 0;
    std::int64_t acknowledged = 0;
    std::int64_t attempted = 0;
  };
  class Client;

  std::int64_t Load(int client);
  void Fail(const std::string& why);

  const TwoShards& shards_;
  Options options_;
  std::vector<std::vector<Key>> keys_;  // by client
  std::atomic<std::int64_t> acknowledged_ = 0;
  std::atomic<std::int64_t> fenced_ = 0;
  std::atomic<std::int64_t> errors_ = 0;
  std::mutex mutex_;
  std::string first_error_;
  std::vector<std::jthread> threads_;
};

}  // namespace foreshard::migration
