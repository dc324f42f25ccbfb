#pragma once

#include <string>
#include <string_view>

#include "operator/status/page_state.h"

namespace foreshard::op {

struct FanPictureOptions {
  std::string_view shard;
  int target_percent = 70;
  int limit_percent = 80;
};

// Load so far, the fan of what comes (50 % and 90 % of the cases, and the median) and the two lines
// it should stay below, as an SVG that says the same in words. "" when nothing is known.
std::string FanPicture(const ShardPicture& picture, const FanPictureOptions& options);

// At most `rows_max` steps of the fan as rows of a table.
std::string FanTable(const ShardPicture& picture, std::size_t rows_max);

}  // namespace foreshard::op
