#pragma once

#include <string>
#include <vector>

#include "base/result.h"

// Completion in shells. Each script asks us again with what was typed so far (`__complete`), so
// that it never knows less than the program.

namespace foreshard::plugin {

// bash, zsh, fish; kubectl: the file kubectl_complete-foreshard, by which kubectl itself completes.
// Errors: kGiveUp naming these.
Result<std::string> CompletionScript(const std::string& shell);

// Those of `candidates` that begin with `prefix`, one a line.
std::string Matching(const std::vector<std::string>& candidates, const std::string& prefix);

}  // namespace foreshard::plugin
