#pragma once

#include <string>

#include "operator/status/page_state.h"

namespace foreshard::op {

// The migrations of a set: what runs as steps with its progress, and the last ones that are over.
std::string MigrationPart(const SetState& state, WallTime now);

}  // namespace foreshard::op
