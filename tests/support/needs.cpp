#include "tests/support/needs.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>

namespace foreshard::support {
namespace {

// Where deploy/local/programs puts what it builds (deploy/local/environment.sh says the same).
std::filesystem::path ClusterPrograms() {
  if (const char* cache = std::getenv("FORESHARD_CACHE"))
    return std::filesystem::path(cache) / "bin";
  const char* home = std::getenv("HOME");
  return std::filesystem::path(home == nullptr ? "/" : home) / ".cache/foreshard/bin";
}

}  // namespace

std::string FindProgram(std::string_view name) {
  const std::vector<std::filesystem::path> folders = {"/usr/lib/postgresql/15/bin",
                                                      ClusterPrograms(),
                                                      "/usr/local/sbin",
                                                      "/usr/local/bin",
                                                      "/usr/sbin",
                                                      "/usr/bin"};
  for (const std::filesystem::path& folder : folders) {
    const std::filesystem::path file = folder / name;
    if (access(file.c_str(), X_OK) == 0) return file.string();
  }
  return {};
}

Needs::Needs(const std::vector<std::string>& programs) {
  for (const std::string& program : programs) {
    if (!FindProgram(program).empty()) continue;
    fmt::print(
        stderr,
        "skipped: needs the program '{}'; `make deps` and `deploy/local/programs` bring it\n",
        program);
    std::fflush(stderr);
    _exit(77);
  }
}

}  // namespace foreshard::support
