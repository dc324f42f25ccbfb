#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pg/wire_writer.h"

// The states of the protocol in which a server may end (killed_test.cpp), as a table: how to get
// there, what the client says then, and what may become of it.

namespace foreshard::router {

// A key of the first shard and one of the second.
using StateKeys = std::pair<std::int64_t, std::int64_t>;

enum class Until { kReady, kMessages, kBlocked };

struct StateTurn {
  std::string bytes;
  Until until = Until::kReady;
  int messages = 0;     // that come, for kMessages
  std::string error{};  // that comes, for kReady
};

enum class Outcome {
  kWorks,   // nobody notices: it was not begun, or is a read that has shown nothing
  kFails,   // something is lost that nobody can bring back, and the client hears of it
  kEither,  // it works, or the client hears of it
};

struct ServerState {
  std::string name;
  std::vector<StateTurn> before;
  std::string after;  // what the client says once the servers are gone
  Outcome outcome = Outcome::kEither;
  std::int64_t sum_if_done = 0;  // of customers.v; 0 if the transaction is not committed
  int readies = 1;               // ReadyForQuery that it hears afterwards
  bool in_part = false;          // several transactions: each for itself
  bool may_close = false;        // half a row was shown: the client's connection must end
};

std::vector<ServerState> ServerStates(const StateKeys& keys);

// What a client may be told of a server that is gone.
bool IsTrueWord(std::string_view sqlstate);
// Whether this error leaves it open what became of the write.
bool MayHaveHappened(std::string_view sqlstate);

}  // namespace foreshard::router
