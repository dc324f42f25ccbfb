#pragma once

#include <map>
#include <string>

#include "kube/kube_api.h"
#include "model/shard_set.h"

namespace foreshard::op {

// The files that pgBackRest gets, from the Secrets that the spec names.
// Errors: those of the API; kRetry "BackupSecretMissing" saying what to make.
Result<std::map<std::string, std::string>> ReadBackupFiles(kube::KubeApi& kube,
                                                           const std::string& name_space,
                                                           const model::BackupSpec& backup,
                                                           Deadline deadline);

}  // namespace foreshard::op
