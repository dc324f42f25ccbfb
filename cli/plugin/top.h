#pragma once

#include <string>

#include "cli/plugin/view.h"

namespace foreshard::plugin {

struct TopOptions {
  bool colours = false;
  int width = 80;  // signs a line
};

// Load of each shard as bars against the limit, its peak that is expected, and what moves: one
// screen.
std::string TopText(const SetView& view, const TopOptions& options);

}  // namespace foreshard::plugin
