#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/migration.h"
#include "operator/api/value.h"

// What is remembered of one migration that is over: how long each phase took, how fast the copy
// went, how clients were served meanwhile and how long they were held. It is for the planner, and
// for people who ask why it expects what it expects.

namespace foreshard::op {

struct MoveRecord {
  std::string migration{};  // name
  std::string uid{};
  std::string type{};  // as in the API: Split
  std::string source{};
  std::string destination{};
  bool new_shard = false;
  bool rehearsal = false;
  std::string outcome{};          // its last phase
  std::string reason{};           // of Failed or Aborted; "": it ended as it was meant to
  std::string start_time{};       // RFC 3339
  std::string cutover_time{};     // "": the keys never changed their owner
  std::string completion_time{};  // RFC 3339
  std::int64_t rows = 0;          // copied
  std::int64_t bytes = 0;
  std::int64_t copy_bytes_per_second = 0;  // over all of Copying; 0: not known
  std::int64_t predicted_seconds = 0;      // what its preflight expected; 0: it did not come so far
  std::int64_t predicted_p80_seconds = 0;
  std::int64_t attempts = 0;
  std::int64_t refused = 0;  // statements that a gate refused
  // p99 of the source's clients while it copied, in percent of what it was before; -1: not known.
  std::int64_t copy_p99_percent = -1;
  std::vector<model::MigrationPhase> phases{};  // in the order in which they were entered first
  bool operator==(const MoveRecord&) const = default;
};

// REQUIRES: it is over.
MoveRecord RecordOf(const model::ShardMigration& migration);

Value MoveRecordJson(const MoveRecord& record);
// Unknown fields are kept out, missing ones keep their default. Errors: kGiveUp without a uid.
Result<MoveRecord> ReadMoveRecord(const Value& json);

}  // namespace foreshard::op
