#include "operator/controllers/backup_secrets.h"

#include <fmt/format.h>

#include "kube/kinds.h"
#include "operator/builders/backup.h"
#include "operator/builders/secrets.h"

namespace foreshard::op {

Result<std::map<std::string, std::string>> ReadBackupFiles(kube::KubeApi& kube,
                                                           const std::string& name_space,
                                                           const model::BackupSpec& backup,
                                                           Deadline deadline) {
  const auto read = [&](const std::string& name) -> Result<std::map<std::string, std::string>> {
    const auto secret = kube.Get(kube::kSecrets, {name_space, name}, deadline);
    if (!secret) return secret.error();
    if (!*secret) {
      return Error::Retry(
          fmt::format("there is no Secret {} in namespace {}", name, name_space),
          "BackupSecretMissing");
    }
    const auto json = ParseJson((*secret)->json);
    if (!json) return json.error();
    return SecretData(*json);
  };
  return BackupSecretFiles(backup, read);
}

}  // namespace foreshard::op
