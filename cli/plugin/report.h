#pragma once

#include <map>
#include <string>

#include "cli/plugin/view.h"

// What to send along when asking for help: everything of one set that the API knows, and no secret.

namespace foreshard::plugin {

// Texts by file name. What cannot be read (no right to) is told in errors.txt. Secrets are never
// asked for; values of environment variables and annotations that could hold one are taken out.
using Report = std::map<std::string, std::string>;

Report CollectReport(kube::KubeApi& api, const SetView& view, Deadline deadline);

// Takes out what stands between "://user:" and "@", and what follows "password=".
std::string WithoutSecrets(std::string text);

}  // namespace foreshard::plugin
