#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace foreshard::support {

// Compares `text` with the reviewed file tests/golden/`name`. `make golden`
// (FORESHARD_REWRITE_GOLDEN=1) writes the file instead; whoever commits it says why it changed. The
// failure shows the first line that differs.
testing::AssertionResult IsGolden(std::string_view name, std::string_view text);

}  // namespace foreshard::support
