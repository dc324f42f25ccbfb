#include "cli/simulate/hours.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace foreshard::simulate {

namespace {

double Whole(double shards) { return std::max(1.0, std::ceil(shards - 1e-9)); }

void Add(const Hours& hours, Hours& sum) {
  sum.shards += hours.shards;
  sum.load += hours.load;
  sum.target += hours.target;
  sum.ahead += hours.ahead;
  sum.behind += hours.behind;
  sum.uneven += hours.uneven;
  sum.idle += hours.idle;
  sum.over += hours.over;
  sum.over_moving += hours.over_moving;
  sum.over_copies += hours.over_copies;
}

}  // namespace

Hours HoursOf(const Course& course, const Options& options) {
  const double limit = options.limit_percent / 100.0;
  const double to_target = limit / (options.target_percent / 100.0);
  const double bin = static_cast<double>(options.bin.count()) / 3'600;
  const auto hour = static_cast<std::ptrdiff_t>(std::chrono::hours(1) / options.bin);
  const auto length = static_cast<std::ptrdiff_t>(course.total.size());
  const auto most = [&](std::ptrdiff_t from, std::ptrdiff_t to) {
    return *std::max_element(course.total.begin() + std::max<std::ptrdiff_t>(0, from),
                             course.total.begin() + std::min(length, to));
  };
  Hours hours;
  for (std::ptrdiff_t at = options.DayBins(); at < length; ++at) {
    const auto index = static_cast<std::size_t>(at);
    const double shards = course.shards[index];
    const double load = Whole(course.total[index]);
    const double target = Whole(course.total[index] * to_target);
    const double ahead = Whole(most(at, at + hour + 1) * to_target);
    const double behind = std::max(ahead, Whole(most(at - hour, at + 1) * to_target));
    const double even = course.worst[index] > 0 ? course.mean[index] / course.worst[index] : 1;
    const double uneven = std::clamp(shards * (1 - even), 0.0, std::max(0.0, shards - behind));
    Add({.shards = bin * shards,
         .load = bin * load,
         .target = bin * (target - load),
         .ahead = bin * (ahead - target),
         .behind = bin * (behind - ahead),
         .uneven = bin * uneven,
         .idle = bin * (shards - behind - uneven),
         .over = course.worst[index] > limit ? 1 : 0,
         .over_moving = course.worst[index] > limit && course.running[index] > 0 ? 1 : 0,
         .over_copies =
             course.worst[index] > limit && course.worst_clients[index] <= limit ? 1 : 0},
        hours);
  }
  return hours;
}

std::string HoursToTable(const Options& options, const std::vector<RunResult>& runs) {
  std::string text =
      fmt::format("{:<40} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8}  {}\n", "member-hours", "all",
                  "load", "+target", "+ahead", "+behind", "+uneven", "+idle",
                  "overloaded slots, of them while copying, because of copies");
  for (const std::string& strategy : options.strategies) {
    Hours sum;
    int count = 0;
    for (const RunResult& run : runs) {
      if (run.strategy != strategy) continue;
      Add(HoursOf(run.course, options), sum);
      ++count;
    }
    if (count == 0) continue;
    const double runs_of = count;
    text += fmt::format(
        "{:<40} {:>8.1f} {:>8.1f} {:>8.1f} {:>8.1f} {:>8.1f} {:>8.1f} {:>8.1f}  {}, {}, {}\n",
        strategy, sum.shards / runs_of, sum.load / runs_of, sum.target / runs_of,
        sum.ahead / runs_of, sum.behind / runs_of, sum.uneven / runs_of, sum.idle / runs_of,
        sum.over, sum.over_moving, sum.over_copies);
  }
  return text;
}

}  // namespace foreshard::simulate
