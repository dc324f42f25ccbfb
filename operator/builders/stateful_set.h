#pragma once

#include "model/shard_set.h"
#include "operator/api/value.h"
#include "operator/builders/images.h"
#include "operator/builders/names.h"

namespace foreshard::op {

// The members of one shard: Patroni with PostgreSQL, and the exporter beside it. `restored`: its
// first start is that of a backup (builders/restore).
Value BuildStatefulSet(const SetName& set, const model::ShardId& shard,
                       const model::ShardSetSpec& spec, const Images& images,
                       bool restored = false);

inline constexpr const char* kDataClaim = "data";  // claims are data-<pod>

}  // namespace foreshard::op
