#include "tests/support/linearizability.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <vector>

namespace foreshard::support {
namespace {

// All operations of one value. Between `first_end` and `last_begin`, if they lie in this order, the
// register must have held the value without a break.
struct Zone {
  std::int64_t value = 0;
  bool written = false;
  MonotonicTime written_begin;
  MonotonicTime first_end = MonotonicTime::max();
  MonotonicTime last_begin = MonotonicTime::min();
  MonotonicTime first_read_end = MonotonicTime::max();
  bool read = false;

  bool forward() const { return first_end < last_begin; }
};

std::map<std::int64_t, Zone> ZonesOf(std::int64_t initial,
                                     std::span<const RegisterOperation> operations) {
  std::map<std::int64_t, Zone> zones;
  const auto add = [&zones](const RegisterOperation& operation) {
    Zone& zone = zones[operation.value];
    zone.value = operation.value;
    zone.first_end = std::min(zone.first_end, operation.end);
    zone.last_begin = std::max(zone.last_begin, operation.begin);
    if (operation.write) {
      zone.written = true;
      zone.written_begin = operation.begin;
    } else {
      zone.read = true;
      zone.first_read_end = std::min(zone.first_read_end, operation.end);
    }
  };
  add({.write = true,
       .value = initial,
       .begin = MonotonicTime::min(),
       .end = MonotonicTime::min()});
  for (const RegisterOperation& operation : operations) add(operation);
  return zones;
}

std::string Text(MonotonicTime time) {
  if (time == MonotonicTime::min()) return "the beginning";
  if (time == RegisterOperation::kNeverAnswered) return "never";
  return fmt::format(
      "{:.3f} ms", std::chrono::duration<double, std::milli>(time.time_since_epoch()).count());
}

std::string Between(const Zone& zone) {
  return fmt::format("{} (first end: {}, last begin: {})", zone.value, Text(zone.first_end),
                     Text(zone.last_begin));
}

}  // namespace

std::optional<std::string> NotLinearizable(std::int64_t initial,
                                           std::span<const RegisterOperation> operations) {
  std::vector<Zone> forward;
  std::vector<Zone> backward;
  for (const auto& [value, zone] : ZonesOf(initial, operations)) {
    if (!zone.written) return fmt::format("{} was read and never written", value);
    if (zone.first_read_end < zone.written_begin) {
      return fmt::format("{} was read before it was written", value);
    }
    // Nobody knows that it happened, and nobody saw it: it did not.
    if (!zone.read && zone.first_end == RegisterOperation::kNeverAnswered) continue;
    (zone.forward() ? forward : backward).push_back(zone);
  }
  std::sort(forward.begin(), forward.end(),
            [](const Zone& a, const Zone& b) { return a.first_end < b.first_end; });
  for (std::size_t i = 1; i < forward.size(); ++i) {
    if (forward[i].first_end < forward[i - 1].last_begin) {
      return fmt::format("held at the same time: {} and {}", Between(forward[i - 1]),
                         Between(forward[i]));
    }
  }
  for (const Zone& zone : backward) {
    // The last of the forward zones, which do not overlap, that began before this one.
    auto after = std::lower_bound(
        forward.begin(), forward.end(), zone.last_begin,
        [](const Zone& candidate, MonotonicTime time) { return candidate.first_end < time; });
    if (after == forward.begin()) continue;
    const Zone& held = *std::prev(after);
    if (zone.first_end < held.last_begin) {
      return fmt::format("{} was written and gone while the register held {}", Between(zone),
                         Between(held));
    }
  }
  return std::nullopt;
}

}  // namespace foreshard::support
