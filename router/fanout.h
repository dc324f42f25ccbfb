#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "router/copy_splitter.h"
#include "router/merge.h"
#include "router/server_link.h"
#include "router/statement.h"

// One statement (or the end of one transaction) on several servers, in rounds: each server of a
// round is told something, and the round ends when each is ready again. Plain data;
// session_fanout.cpp, session_copy.cpp and session_commit.cpp move it on.
//
//   read             kRun
//   control          kRun (SAVEPOINT, SET, ROLLBACK ... on every server of the transaction)
//   write            BEGIN + kRun, then the end of a transaction
//   end, one writer  kCommit
//   end, several     kPrepare (all writers but the first), kDecide (first: decision row, COMMIT),
//                    kCommitPrepared
//   failure          kRollback (ROLLBACK PREPARED where it was prepared)

namespace foreshard::router {

// UPDATE of a sharding column whose rows go to another shard (session_move.cpp).
struct KeyMove {
  enum class Stage { kMark, kLook, kOpen, kCarry };
  Stage stage = Stage::kMark;
  std::string schema;
  std::string table;
  std::string column;
  std::string new_key;
  std::size_t rows = 0;
  std::string places;  // their ctids, as an array
  std::vector<std::string> looked;
  std::size_t bytes = 0;  // carried
  bool ended = false;     // the destination was told that no more rows come
};

struct Fanout {
  enum class Step { kRun, kCommit, kPrepare, kDecide, kCommitPrepared, kRollback };
  enum class Purpose { kRead, kWrite, kEach, kControl, kEnd };

  struct Part {
    ServerLink* link = nullptr;
    int ready_to_skip = 0;  // ReadyForQuery of what we put before the statement
    bool done = true;       // in this round
    bool prepared = false;  // PREPARE TRANSACTION succeeded, or was said and not answered yet
    bool lost = false;
    bool rolled_back = false;  // it said so as it ended
    std::string error;         // body of its first ErrorResponse
    std::string tag;
  };

  Step step = Step::kRun;
  Purpose purpose = Purpose::kRead;
  bool simple = true;
  std::uint32_t work = ~std::uint32_t{0};  // of the session; none for what controls transactions
  bool own_block = false;                  // BEGIN and its end are ours, not the client's
  bool shown = false;                      // the client has seen something of it
  bool again = false;                      // failed, and is said again
  bool copy_out = false;
  bool alike =
      false;  // each server does the same (reference tables): the first one's answer counts
  std::vector<Part> parts;
  std::unique_ptr<Merger> merger;
  std::unique_ptr<RowInterleaver> in_order;
  std::shared_ptr<const Statement> effect;
  std::string text;   // of a control statement
  std::string tag;    // what the client is told when all is well
  std::string error;  // body of the ErrorResponse that the client is told otherwise
  std::string name;   // of the two-phase transaction
  bool schema_changes = false;

  // Execute with a row limit.
  std::uint32_t rows_max = 0;
  std::string portal;
  std::string kept;  // rows that the client was not given yet

  // COPY FROM STDIN.
  std::unique_ptr<CopySplitter> splitter;  // null with copy: every row goes to every shard
  bool copy = false;
  bool copy_open = false;                   // the client may send rows
  std::vector<std::int32_t> part_of_shard;  // by index of the table's shards
  bool copying_in() const { return copy && copy_open; }

  std::unique_ptr<KeyMove> move;  // parts are source and destination

  bool round_done() const {
    for (const Part& part : parts) {
      if (!part.done) return false;
    }
    return true;
  }
  const Part* FirstError() const {
    for (const Part& part : parts) {
      if (!part.error.empty()) return &part;
    }
    return nullptr;
  }
};

}  // namespace foreshard::router
