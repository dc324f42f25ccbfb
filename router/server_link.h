#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

// One connection to a shard as a session sees it, and what is known of the server behind it. The
// bytes move elsewhere (upstream.cpp; tests: a string).
//
// Owner: the pool, lent to one session at a time. Threads: its event loop's.

namespace foreshard::router {

class ServerLink {
 public:
  virtual ~ServerLink() = default;
  // Bytes appended here are sent at the end of the turn.
  virtual std::string& out() = 0;

  std::uint32_t shard = 0;  // index into the shards of the worker (stable while the link lives)

  bool replica = false;  // `shard` is then the number of the member
  std::uint32_t replica_of = 0;

  // What the server keeps from one use to the next.
  std::shared_ptr<const std::string> settings;  // SETs in force, see session_settings.h; null: none
  std::unordered_set<std::uint64_t> prepared;   // "fs<id>" of PreparedStatement::id
  std::uint64_t unnamed = 0;  // PreparedStatement::id of the unnamed statement; 0: none of ours

  // Of the present use.
  bool began = false;       // BEGIN was sent in this transaction
  bool wrote = false;       // may have written in this transaction
  bool used = false;        // by a statement of the client's, not only by SET and the like
  bool bounded = false;     // its waits for locks end by themselves
  bool unsynced = false;    // extended messages without a Sync yet
  char status = 'I';        // of its last ReadyForQuery
  bool has_schema = false;  // schema foreshard is installed there
  bool forgets = false;     // in a version that forgets decisions
  // Migrations whose cutover waits for this transaction.
  std::vector<std::int64_t> proven{};
  std::shared_ptr<const std::string> settings_at_begin;  // what a rollback brings back
};

}  // namespace foreshard::router
