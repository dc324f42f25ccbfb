#pragma once

#include <optional>
#include <string>

#include "backup/point.h"
#include "base/result.h"
#include "model/shard_set.h"
#include "operator/api/value.h"
#include "operator/builders/images.h"
#include "operator/builders/names.h"

// The Job that restores the newest backup of a shard into a volume of its own and looks at it
// (docs/adr/0066, verify.py). It reads the repository only, reaches no shard, and has no token.

namespace foreshard::op {

// "volume" | "s3": which of the two may need a network (the chart's NetworkPolicies).
inline constexpr const char* kRepositoryLabel = "foreshard.dev/repository";

std::string VerificationJobName(const SetName& set, const model::ShardId& shard);

// Into the data of the shard's ConfigMap for backups (BuildBackupConfigMap).
void AddVerificationFiles(const SetName& set, const model::ShardId& shard,
                          const model::BackupSpec& backup, Value& data);

struct VerificationJob {
  model::ShardId shard;
  std::string run;                     // of the label
  std::optional<backup::Point> point;  // to recover to; nothing: to where the backup is consistent
};
// REQUIRES: spec.backup; a point of this shard.
Value BuildVerificationJob(const SetName& set, const model::ShardSetSpec& spec,
                           const VerificationJob& job, const Images& images);

// The Job's last message. `time`: RFC 3339. Errors: kGiveUp where it is no such message.
Result<model::ShardVerification> ParseVerificationResult(const model::ShardId& shard,
                                                         const std::string& time,
                                                         const std::string& message);

}  // namespace foreshard::op
