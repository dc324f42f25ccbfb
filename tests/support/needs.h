#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace foreshard::support {

// The file of a program that a test starts: found under PostgreSQL's own folder, the usual folders
// of programs, and the folder of the local cluster's programs. Empty if there is none.
std::string FindProgram(std::string_view name);

// Declared once at the top of a test program that needs a foreign program:
//
//   const foreshard::support::Needs kNeeds({"postgres", "psql"});
//
// If one is missing the process ends with status 77 before main(), which ctest reports as skipped,
// with the reason in the output. `make test` installs everything, and fails on a skip.
class Needs {
 public:
  explicit Needs(const std::vector<std::string>& programs);
};

}  // namespace foreshard::support
