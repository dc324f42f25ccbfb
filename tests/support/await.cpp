#include "tests/support/await.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>

#include "base/deadline.h"

namespace foreshard::support {
namespace {

constexpr int kFirstPauseMillis = 2;
constexpr int kLongestPauseMillis = 50;

}  // namespace

Status Await(std::string_view claim, std::chrono::milliseconds limit,
             const std::function<Seen()>& look) {
  const SystemClock clock;
  const Deadline deadline = Deadline::After(clock, limit);
  int pause = kFirstPauseMillis;
  while (true) {
    const bool last =
        deadline.Passed(clock);  // Asked first, so that there is a look at the very end.
    const Seen seen = look();
    if (seen.done) return Ok();
    if (last) {
      return Error::GiveUp(fmt::format("waited {} ms for: {}; last seen: {}", limit.count(), claim,
                                       seen.what.empty() ? "not yet" : seen.what),
                           "DeadlinePassed");
    }
    poll(nullptr, 0, pause);
    pause = std::min(pause * 2, kLongestPauseMillis);
  }
}

}  // namespace foreshard::support
