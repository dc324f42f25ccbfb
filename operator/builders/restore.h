#pragma once

#include "backup/point.h"
#include "model/shard_set.h"
#include "operator/api/value.h"
#include "operator/builders/names.h"

// How a shard begins where a backup ended (docs/adr/0061): Patroni calls restore.py instead of
// initdb. Its other members copy the first one as always.

namespace foreshard::op {

// Of one shard; the part of its point that the pods have to know.
struct ShardRestore {
  backup::ShardPoint point;
  std::string target;  // of the point in the WAL: "foreshard/<uid>/17"
};

// "copy-restore": the ConfigMap that says which point was chosen, and the Secret with what opens the
// repository.
std::string RestoreName(const SetName& set);
std::string RestoreConfigName(const SetName& set, const model::ShardId& shard);  // a ConfigMap

// The script with its settings. Nothing in it is secret. REQUIRES: spec.restore_from.
Value BuildRestoreConfigMap(const SetName& set, const model::ShardId& shard,
                            const model::ShardSetSpec& spec, const ShardRestore& restore);

// Puts the repository and the script into the pod of a shard. REQUIRES: spec.restore_from.
void AddRestoreToPod(const SetName& set, const model::ShardId& shard,
                     const model::ShardSetSpec& spec, Value& pod);

// Puts the script into Patroni's section `bootstrap`.
void AddRestoreToBootstrap(Value& bootstrap);

}  // namespace foreshard::op
