#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/integration/router/message_proxy.h"
#include "tests/integration/router/router_bed.h"
#include "tests/integration/router/server_states.h"

// A client of the router that is brought into each state of the protocol, with a neighbour that is
// not concerned. What happens there is the test's business.

namespace foreshard::router {

class StateBed : public testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  // The least key whose hash fits, for example "< 0": of the first shard.
  std::int64_t KeyWhere(const char* hash);
  std::unique_ptr<WireClient> Client();
  // The two rows as they were.
  void Refresh();
  // Of sessions of the router's (and the test's own) user on the server.
  std::string App(const std::string& what, const std::string& more);
  // Until as many of them wait for locks.
  testing::AssertionResult WaitsForLock(int sessions = 1);
  // Takes the table's lock on the first shard, not through the router.
  void Lock();
  void Unlock();
  // All that `state` says to be done before.
  void Reach(const ServerState& state);
  // What is left to say, and all that the client hears then, up to the last ReadyForQuery that it
  // waits for; of long answers the beginning.
  Result<std::vector<WireMessage>> Finish(const ServerState& state);

  std::unique_ptr<MessageProxy> proxy_;
  std::unique_ptr<RouterBed> bed_;
  std::unique_ptr<WireClient> client_;
  std::unique_ptr<WireClient> neighbour_;
  std::unique_ptr<WireClient> locker_;  // null: nothing is locked
  StateKeys keys_;
};

}  // namespace foreshard::router
