#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backup/point.h"

// Which point a person means. Pure.

namespace foreshard::backup {

// Exactly one way to say it: a number, with the set's uid or without, or a time.
struct PointWish {
  std::string set_uid;  // "": any
  std::optional<PointNumber> number;
  std::optional<WallTime> time;
};

// What ParsePointWish takes, for messages.
inline constexpr const char* kPointForms =
    "a point's name (foreshard/UID/17), its number (17), or a time like 2026-05-01T09:10:00Z";

// Nothing: it is none of kPointForms.
std::optional<PointWish> ParsePointWish(std::string_view text);

// The point of that number, or the newest one that was made at or before that time. Errors: kGiveUp
// "PointNotFound" that says what there is.
Result<Point> ChoosePoint(const std::vector<Point>& points, std::string_view wish);

}  // namespace foreshard::backup
