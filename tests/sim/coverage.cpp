#include "tests/sim/coverage.h"

namespace foreshard::sim {

std::vector<std::string> ExpectedCoverPoints() { return {}; }

}  // namespace foreshard::sim
