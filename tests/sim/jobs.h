#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace foreshard::sim {

// Runs `work(0)` to `work(parts - 1)`, each in a process of its own, and answers what each
// returned; nothing where a process died. One part runs in this process.
std::vector<std::optional<std::string>> InProcesses(int parts,
                                                    const std::function<std::string(int)>& work);

}  // namespace foreshard::sim
