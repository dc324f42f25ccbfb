#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "migration/decide.h"
#include "migration/service.h"
#include "migration/shard.h"
#include "operator/controllers/migration_store.h"

// Everything the decision about one migration may look at, read again on every pass.

namespace foreshard::op {

// The leader's own lease, as it knows it.
struct LeaseSeen {
  std::int64_t transitions = 0;
  std::chrono::milliseconds left{0};
};

// Connections to the loser of routers that may have an older table, while they are ended.
struct StaleConnections {
  std::int64_t record = -1;             // record in which that began
  std::vector<std::string> up_to_date;  // routers that keep theirs
  std::string before;                   // EndedConnections::before
  MonotonicTime since{};
};

// What this process remembers of its own deeds. Losing it repeats a step, never skips one.
struct MigrationMemory {
  std::int64_t sequences_record = -1;    // record in which sequences were raised
  std::int64_t connections_record = -1;  // record in which connections with an old table were ended
  StaleConnections stale_connections;
  std::optional<MonotonicTime> slot_advanced;
  // The soak: how the losing shard served before the cutover, since when the gaining one does
  // worse.
  std::int64_t service_record = -1;  // record in which `before` was read
  std::optional<migration::ServiceSeen> before;
  MonotonicTime service_due{};
  std::optional<MonotonicTime> worse_since;
  std::string worse_why;
};

struct MigrationObservation {
  WallTime now{};
  MonotonicTime monotonic{};
  LeaseSeen lease;
  MigrationMemory memory;
  model::ShardMigration migration;
  migration::Phase phase = migration::Phase::kPlanned;
  std::optional<SetView> set;
  JobSeen job;
  std::optional<migration::MigrationSpec> spec;  // from the number on
  std::optional<migration::HighWater> high;      // only while there is no number
  std::optional<migration::ShardSeen> source;    // only where rows may exist
  std::optional<migration::ShardSeen> destination;
  std::optional<Error> shard_error;  // why one of them could not be looked at
  migration::Progress progress;      // of the destination's row

  model::Token token() const {
    return model::MakeToken(migration.status.record, lease.transitions);
  }
};

// Rows of this migration may exist on the shards: Preflight was passed.
bool MayHaveRows(const model::ShardMigration& migration);

// What the mover and the shards are told. Nothing until number and destination are known.
std::optional<migration::MigrationSpec> SpecOf(const model::ShardMigration& migration,
                                               const SetView& set);

// The two shards of a migration, opened once and kept by the controller.
struct ShardPair {
  migration::Shard* source = nullptr;
  migration::Shard* destination = nullptr;
};

// The API's part: object, set, job, high water. Nothing: the object is gone.
Result<std::optional<MigrationObservation>> ObserveApi(const kube::ObjectRef& ref,
                                                       MigrationStore& store,
                                                       migration::ShardDirectory& shards,
                                                       const Clock& clock, Deadline deadline);

// The shards' part, always after the API's: what is published was read before the rows were.
void ObserveShards(MigrationObservation& seen, const ShardPair& shards, Deadline deadline);

}  // namespace foreshard::op
