#pragma once

#include <string>

namespace foreshard {

// What --version prints: "foreshard-router 0.1.0". The number is that of charts/foreshard/Chart.yaml, read when CMake configures.
std::string VersionLine(const char* program);

}  // namespace foreshard
