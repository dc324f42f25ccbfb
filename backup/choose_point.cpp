#include "backup/choose_point.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace foreshard::backup {
namespace {

constexpr std::string_view kPrefix = "foreshard/";
constexpr std::size_t kDigitsMax = 15;

std::optional<PointNumber> NumberIn(std::string_view text) {
  std::int64_t number = 0;
  if (text.empty() || text.size() > kDigitsMax) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 1) return std::nullopt;
  return PointNumber{number};
}

std::string Said(const Point& point) {
  return fmt::format("{} of {}", PointName(point.state.set_uid, point.number),
                     FormatRfc3339(point.made_at));
}

// A time is mostly said as points are shown, to the second: then one of that second is meant.
bool IsBy(const Point& point, WallTime time) {
  const auto second = std::chrono::floor<std::chrono::seconds>(time);
  return point.made_at <= time ||
         (second == time && std::chrono::floor<std::chrono::seconds>(point.made_at) == second);
}

}  // namespace

std::optional<PointWish> ParsePointWish(std::string_view text) {
  if (const auto number = NumberIn(text))
    return PointWish{.set_uid = {}, .number = number, .time = {}};
  if (text.starts_with(kPrefix)) {
    const std::size_t slash = text.find('/', kPrefix.size());
    if (slash == std::string_view::npos || slash == kPrefix.size()) return std::nullopt;
    const auto number = NumberIn(text.substr(slash + 1));
    if (!number) return std::nullopt;
    return PointWish{.set_uid = std::string(text.substr(kPrefix.size(), slash - kPrefix.size())),
                     .number = number,
                     .time = {}};
  }
  const std::optional<WallTime> time = ParseRfc3339(std::string(text));
  if (!time) return std::nullopt;
  return PointWish{.set_uid = {}, .number = {}, .time = time};
}

Result<Point> ChoosePoint(const std::vector<Point>& points, std::string_view text) {
  const std::optional<PointWish> wish = ParsePointWish(text);
  if (!wish)
    return Error::GiveUp(fmt::format("'{}': expected {}", text, kPointForms), "PointNotFound");
  const Point* best = nullptr;
  for (const Point& point : points) {
    const bool meant =
        wish->time ? IsBy(point, *wish->time)
                   : point.number == *wish->number &&
                         (wish->set_uid.empty() || wish->set_uid == point.state.set_uid);
    if (meant && (best == nullptr || best->made_at < point.made_at)) best = &point;
  }
  if (best != nullptr) return *best;
  if (points.empty())
    return Error::GiveUp(fmt::format("'{}': no point was kept yet", text), "PointNotFound");
  const auto by_time = [](const Point& a, const Point& b) { return a.made_at < b.made_at; };
  const auto [oldest, newest] = std::ranges::minmax_element(points, by_time);
  return Error::GiveUp(fmt::format("'{}': there is no such point; there are {}, from {} to {}",
                                   text, points.size(), Said(*oldest), Said(*newest)),
                       "PointNotFound");
}

}  // namespace foreshard::backup
