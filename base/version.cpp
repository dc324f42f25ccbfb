#include "base/version.h"

namespace foreshard {

std::string VersionLine(const char* program) {
  return std::string(program) + " " + FORESHARD_VERSION;
}

}  // namespace foreshard
