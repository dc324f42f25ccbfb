#include "operator/forecasts/event_calendar.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "operator/calendar/occurrences.h"

namespace foreshard::op {

namespace {

int BinsUp(std::chrono::milliseconds length, std::chrono::seconds bin) {
  const auto whole = std::chrono::duration_cast<std::chrono::milliseconds>(bin);
  return static_cast<int>((length + whole - std::chrono::milliseconds(1)) / whole);
}

Result<std::vector<forecast::Occurrence>> OccurrencesOf(const model::LoadEvent& event,
                                                        const EventWindow& window) {
  const Status good = CheckEvent(event);
  if (!good) return good.error();
  const WallTime from = WallTime(window.first * window.bin) - event.duration - event.after;
  const WallTime to = WallTime((window.last + 1) * window.bin) + event.before;
  const Result<std::vector<WallTime>> starts = StartsWithin(event, from, to);
  if (!starts) return starts.error();
  std::vector<forecast::Occurrence> occurrences;
  for (const WallTime start : *starts) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(start.time_since_epoch());
    occurrences.push_back({.start = seconds / window.bin,
                           .before = BinsUp(event.before, window.bin),
                           .plateau = std::max(1, BinsUp(event.duration, window.bin)),
                           .after = BinsUp(event.after, window.bin)});
  }
  return occurrences;
}

// Errors: kGiveUp for a key that is none of the set's key type.
Result<std::set<model::ShardId>> ShardsOf(const model::LoadEvent& event,
                                          const model::RoutingTable& table) {
  std::set<model::ShardId> shards(event.shards.begin(), event.shards.end());
  for (const std::string& key : event.keys) {
    const Result<std::string> canonical = model::CanonicalKey(table.key_space.key_type, key);
    if (!canonical)
      return Error::GiveUp(fmt::format("scope.keys: '{}': {}", key, canonical.error().message));
    shards.insert(model::OwnerOfKey(table, *canonical));
  }
  if (event.shards.empty() && event.keys.empty()) {
    for (const model::OwnedRange& range : table.ranges) shards.insert(range.shard);
  }
  return shards;
}

forecast::Event& EventOf(forecast::Calendar& calendar, const std::string& name) {
  for (forecast::Event& event : calendar.events) {
    if (event.name == name) return event;
  }
  calendar.events.push_back({.name = name, .expected_multiplier = 0, .occurrences = {}});
  return calendar.events.back();
}

}  // namespace

EventCalendar MakeEventCalendar(const std::vector<model::LoadEvent>& events,
                                const model::RoutingTable& table, const EventWindow& window) {
  std::vector<const model::LoadEvent*> ordered;
  for (const model::LoadEvent& event : events) ordered.push_back(&event);
  std::sort(ordered.begin(), ordered.end(), [](const auto* a, const auto* b) {
    return std::tie(a->start, a->name) < std::tie(b->start, b->name);
  });
  EventCalendar calendar;
  for (const model::LoadEvent* event : ordered) {
    const Result<std::vector<forecast::Occurrence>> occurrences = OccurrencesOf(*event, window);
    const Result<std::set<model::ShardId>> shards = ShardsOf(*event, table);
    if (!occurrences || !shards) {
      calendar.problems[event->name] =
          !occurrences ? occurrences.error().message : shards.error().message;
      continue;
    }
    for (const model::ShardId& shard : *shards) {
      forecast::Event& known = EventOf(calendar.by_shard[shard], event->event_class);
      if (event->expected_multiplier_percent && event->keys.empty())
        known.expected_multiplier = *event->expected_multiplier_percent / 100.0;
      known.occurrences.insert(known.occurrences.end(), occurrences->begin(), occurrences->end());
    }
  }
  for (auto& [shard, one] : calendar.by_shard) {
    for (forecast::Event& event : one.events) {
      std::sort(event.occurrences.begin(), event.occurrences.end(),
                [](const auto& a, const auto& b) { return a.start < b.start; });
    }
  }
  return calendar;
}

std::string ZoneOfPeople(const std::vector<model::LoadEvent>& events,
                         const std::vector<model::FreezeWindow>& windows) {
  std::map<std::string, int> named;
  for (const model::LoadEvent& event : events) ++named[event.time_zone];
  for (const model::FreezeWindow& window : windows) ++named[window.time_zone];
  std::erase_if(named, [](const auto& zone) {
    return zone.first.empty() || zone.first == "UTC" || zone.first == "Etc/UTC";
  });
  const auto most =
      std::ranges::max_element(named, {}, [](const auto& zone) { return zone.second; });
  return most == named.end() ? "" : most->first;
}

void AddClockChanges(const std::string& time_zone, const model::RoutingTable& table,
                     const EventWindow& window, EventCalendar& calendar) {
  if (time_zone.empty()) return;
  const auto offsets = OffsetsWithin(time_zone, WallTime(window.first * window.bin),
                                     WallTime((window.last + 1) * window.bin));
  if (!offsets || offsets->size() < 2) return;  // a zone nobody knows is told of by its event
  std::vector<forecast::OffsetChange> changes;
  for (const ZoneOffset& one : *offsets) {
    const auto since = std::chrono::floor<std::chrono::seconds>(one.since.time_since_epoch());
    changes.push_back({.since = changes.empty() ? 0 : since / window.bin, .offset = one.offset});
  }
  for (const model::OwnedRange& range : table.ranges)
    calendar.by_shard[range.shard].offsets = changes;
}

}  // namespace foreshard::op
