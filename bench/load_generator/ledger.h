#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

// The oracle of a load run: every key has one owner among the clients, who counts what it asked and
// what was acknowledged. At any later time the row's value must satisfy acknowledged <= value -
// initial <= attempted.

namespace foreshard::load {

struct KeyAccount {
  std::uint32_t attempted = 0;
  std::uint32_t acknowledged = 0;
};

// Index is the key (1-based; entry 0 unused).
using Ledger = std::vector<KeyAccount>;

// Text, one `key,attempted,acknowledged` line for each key that was ever written. Written to a
// temporary name, then renamed.
Status SaveLedger(const Ledger& ledger, const std::string& path);
Result<Ledger> LoadLedger(const std::string& path);

// A row as found on a shard.
struct FoundRow {
  std::int64_t key = 0;
  std::int64_t value = 0;
};

struct Verdict {
  std::int64_t rows = 0;               // found, over all shards
  std::int64_t missing_rows = 0;       // keys that no shard holds
  std::int64_t duplicated_rows = 0;    // keys that more than one shard holds
  std::int64_t lost_writes = 0;        // sum of acknowledged - value where value is too low
  std::int64_t duplicated_writes = 0;  // sum of value - attempted where value is too high
  std::int64_t acknowledged_writes = 0;
};

// `rows` of all shards together, in any order; keys 1..key_count must exist exactly once.
Verdict Judge(const Ledger& ledger, const std::vector<FoundRow>& rows, std::int64_t key_count);

}  // namespace foreshard::load
