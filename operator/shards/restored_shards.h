#pragma once

#include <vector>

#include "backup/in_doubt.h"
#include "operator/shards/shard_admin.h"

namespace foreshard::op {

// ShardAdmin::EndRestore on sessions: prepared transactions end by their decision; migrations of
// the point's time end as an abort ends them, with nothing of theirs left (their slots were not
// restored); rows that `ending.table` gives to another shard go, where a migration had been working;
// `foreshard.range` says what the table says; and the next migration gets a number above all.
//
// REQUIRES: superuser's sessions in the set's database, `shards` as `ending.shards`, and nobody
// else who writes. A second call changes nothing; one that was interrupted goes on.
// Errors: those of the sessions; kGiveUp "RestoreMismatch" where a server is not the one that was
// backed up.
Result<RestoreEnded> EndRestoredShards(const std::vector<backup::RestoredShard>& shards,
                                       const RestoreEnding& ending, Deadline deadline);

}  // namespace foreshard::op
