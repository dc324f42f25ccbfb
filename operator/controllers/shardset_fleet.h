#pragma once

#include <vector>

#include "operator/builders/images.h"
#include "operator/builders/names.h"
#include "operator/controllers/shardset_observe.h"

// Pure: which shards a set should have, which objects, and how it is.

namespace foreshard::op {

// A shard exists when the table lists it, or when an unfinished migration names it as its
// destination; before there is a table: the shards of the creation, or those of the point that is
// restored. Ordered by id, but those of the creation come in their order.
std::vector<model::ShardId> WantedShards(const ShardSetObservation& seen);
std::vector<model::ShardId> InitialShards(const ShardSetObservation& seen);

// Shards with objects that are not wanted any more.
std::vector<model::ShardId> OrphanedShards(const ShardSetObservation& seen);

// One object that should be there, and how it is kept so. In parts: who finds a difference in the
// first shard need not build the others.
struct WantedObject {
  kube::ResourceKind resource;
  std::string name;
  Value json;
};
std::vector<WantedObject> WantedAccess(const SetName& set);  // of the shards
std::vector<WantedObject> WantedRouterObjects(const SetName& set, const model::ShardSetSpec& spec,
                                              const Images& images);
// `restore`: where its first member begins; nothing: empty.
std::vector<WantedObject> WantedShardObjects(const SetName& set, const model::ShardId& shard,
                                             const model::ShardSetSpec& spec, const Images& images,
                                             const std::optional<ShardRestore>& restore = {});

// The whole status as it should be told.
model::ShardSetStatus StatusOf(const ShardSetObservation& seen);
// The same while nothing is changed: the generation that was acted on stays the older one.
model::ShardSetStatus StatusOfPaused(const ShardSetObservation& seen);
// The same, with Ready False for this reason; Degraded True if it is that a volume cannot grow,
// since all goes on as before.
inline constexpr const char* kStorageCannotGrow = "StorageCannotGrow";
model::ShardSetStatus StatusWithProblem(const ShardSetObservation& seen, const Error& problem);

}  // namespace foreshard::op
