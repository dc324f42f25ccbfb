#pragma once

#include <string>
#include <string_view>

#include "backup/point.h"

namespace foreshard::backup {

// One JSON object with `"version":1`, for a file beside the backups.
std::string PointToJson(const Point& point);

// Errors: kGiveUp naming the field that is missing or of another form; a newer version is refused.
Result<Point> PointFromJson(std::string_view text);

}  // namespace foreshard::backup
