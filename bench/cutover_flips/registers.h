#pragma once

#include <atomic>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/random.h"
#include "bench/cutover_flips/fleet.h"
#include "tests/support/linearizability.h"

// Clients that read and write the same few keys of the moving range, through both routers: each key
// is a register, and its history must be linearizable. Finds stale reads, which no count of rows
// shows.

namespace foreshard::bench {

class Registers {
 public:
  Registers(const Fleet& fleet, int clients, std::uint64_t seed);
  ~Registers() { Stop(); }

  // Errors: the keys cannot be read.
  Status Start();
  void Stop();

  std::int64_t errors() const { return errors_; }
  std::size_t operations() const;  // after Stop()
  // What is wrong, a line a key. After Stop().
  std::vector<std::string> Violations() const;
  // Every operation on the keys of those, a JSON object a line. After Stop().
  std::string Story() const;

 private:
  struct Entry {
    std::int64_t id = 0;
    support::RegisterOperation operation;
  };
  using History = std::vector<Entry>;
  class Client;

  void Work(int number, Random random, const std::stop_token& stop);
  std::optional<std::string> Violation(std::int64_t id) const;

  const Fleet& fleet_;
  int clients_;
  Random random_;
  std::map<std::int64_t, std::int64_t> initial_;  // by key
  std::vector<History> histories_;                // of each client
  std::atomic<std::int64_t> next_value_ = 1'000'000'000;
  std::atomic<std::int64_t> errors_ = 0;
  std::vector<std::jthread> threads_;
};

}  // namespace foreshard::bench
