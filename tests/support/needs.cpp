#include "tests/support/needs.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>

namespace foreshard::support {

std::string FindProgram(std::string_view name) {
  static constexpr std::array<std::string_view, 6> kFolders = {"/usr/lib/postgresql/15/bin",
                                                               "/usr/local/sbin",
                                                               "/usr/local/bin",
                                                               "/usr/sbin",
                                                               "/usr/bin",
                                                               "/sbin"};
  for (const std::string_view folder : kFolders) {
    const std::filesystem::path file = std::filesystem::path(folder) / name;
    if (access(file.c_str(), X_OK) == 0) return file.string();
  }
  return {};
}

Needs::Needs(const std::vector<std::string>& programs) {
  for (const std::string& program : programs) {
    if (!FindProgram(program).empty()) continue;
    fmt::print(stderr, "skipped: needs the program '{}'; `make deps` installs it\n", program);
    std::fflush(stderr);
    _exit(77);
  }
}

}  // namespace foreshard::support
