#pragma once

#include <string>

#include "model/shard_set.h"
#include "operator/api/value.h"
#include "operator/builders/names.h"

// How Patroni and PostgreSQL are set. What may change while a shard runs is Patroni's dynamic
// configuration: it lives in the annotation `config` of the Endpoints `<shard>-config`, where the
// operator keeps it as wanted and Patroni follows it.

namespace foreshard::op {

// Timings, synchronous mode, parameters.
Value DynamicConfig(const model::ShardSetSpec& spec);

// Parameters of PostgreSQL: the operator's own, those that follow from the shard's size, and the
// user's on top.
Value PostgresParameters(const model::ShardSetSpec& spec);

// patroni.yml (JSON is YAML): what does not change while a shard lives. `restored`: its first start
// is that of a backup (builders/restore).
Value PatroniFile(const SetName& set, const model::ShardId& shard, const model::ShardSetSpec& spec,
                  bool restored = false);

// ConfigMap `<shard>-patroni` with the file.
std::string PatroniConfigName(const SetName& set, const model::ShardId& shard);
Value BuildPatroniConfigMap(const SetName& set, const model::ShardId& shard,
                            const model::ShardSetSpec& spec, bool restored = false);

}  // namespace foreshard::op
