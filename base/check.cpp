#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace foreshard {

void CheckFailed(const char* expression, const char* file, int line, const std::string& details) {
  fmt::print(stderr, "CHECK failed: {} at {}:{} {}\n", expression, file, line, details);
  std::fflush(stderr);
  std::abort();
}

}  // namespace foreshard
