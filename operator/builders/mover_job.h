#pragma once

#include "migration/spec.h"
#include "model/migration.h"
#include "model/shard_set.h"
#include "operator/api/value.h"
#include "operator/builders/images.h"
#include "operator/builders/names.h"

namespace foreshard::op {

// The Job `<migration>-mover`: an init container that judges (its message is the result of the
// preflight) and a container that works until the migration is over. Owned by the ShardMigration,
// so it goes with it.
Value BuildMoverJob(const SetName& set, const model::ShardMigration& migration,
                    const migration::MigrationSpec& spec, const Images& images);

// What a mover connects to; the password comes from a file.
std::string MoverConninfo(const SetName& set, const model::ShardId& shard,
                          const std::string& database);

}  // namespace foreshard::op
