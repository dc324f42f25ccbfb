#include "operator/calendar/occurrences.h"

#include <fmt/format.h>
#include <libical/ical.h>

#include <algorithm>
#include <memory>
#include <set>

#include "operator/calendar/cron.h"

namespace foreshard::op {

namespace {

// An hourly event of ten years; a rule that needs more steps to reach the present is refused.
constexpr int kStepsMax = 100'000;
constexpr std::chrono::microseconds kTick{1};
// As the schemas say; who comes past them must not keep libical busy.
constexpr std::size_t kZoneBytesMax = 63;
constexpr std::size_t kRuleBytesMax = 1'024;  // those of a schedule are longer than it

std::time_t Seconds(WallTime time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

WallTime TimeOf(std::time_t seconds) { return WallTime(std::chrono::seconds(seconds)); }

struct EndIterator {
  void operator()(icalrecur_iterator* iterator) const { icalrecur_iterator_free(iterator); }
};

Result<icaltimezone*> ZoneOf(const std::string& name) {
  if (name == "UTC" || name == "Etc/UTC") return icaltimezone_get_utc_timezone();
  icaltimezone* zone =
      name.size() > kZoneBytesMax ? nullptr : icaltimezone_get_builtin_timezone(name.c_str());
  // A place without rules is not in the database: libical hands out an empty zone for it.
  if (zone == nullptr || icaltimezone_get_component(zone) == nullptr) {
    return Error::GiveUp(
        fmt::format("timeZone: '{}' is not in the time zone database; a name as Europe/Berlin is "
                    "expected",
                    name.substr(0, kZoneBytesMax)));
  }
  return zone;
}

// RFC 5545 gives UNTIL in UTC, or as a date that is wholly included. libical compares it as it
// stands with local times.
void SetUntil(icaltimetype& until, icaltimezone* zone) {
  if (icaltime_is_null_time(until)) return;
  if (until.is_date != 0) {
    until.is_date = 0;
    until.hour = 23;
    until.minute = until.second = 59;
  } else if (icaltime_is_utc(until) != 0) {
    until = icaltime_convert_to_zone(until, zone);
  }
  until.zone = nullptr;
}

using Iterator = std::unique_ptr<icalrecur_iterator, EndIterator>;

// Null: it never happens. `first`: where a rule that counts begins to count.
Result<Iterator> Iterate(const std::string& text, WallTime first, icaltimezone* zone, int* count) {
  icalrecurrencetype rule = text.size() > kRuleBytesMax
                                ? icalrecurrencetype_from_string("")
                                : icalrecurrencetype_from_string(text.c_str());
  if (rule.freq == ICAL_NO_RECURRENCE) {
    return Error::GiveUp(
        fmt::format("recurrence: '{}' is no rule of RFC 5545; FREQ=WEEKLY;BYDAY=MO is one",
                    text.substr(0, kRuleBytesMax)));
  }
  SetUntil(rule.until, zone);
  *count = rule.count;
  return Iterator(
      icalrecur_iterator_new(rule, icaltime_from_timet_with_zone(Seconds(first), 0, zone)));
}

// That there is a first time. Errors: as Iterate().
Result<bool> Happens(const std::string& text, WallTime first, icaltimezone* zone) {
  int count = 0;
  const Result<Iterator> iterator = Iterate(text, first, zone, &count);
  if (!iterator) return iterator.error();
  return *iterator != nullptr && !icaltime_is_null_time(icalrecur_iterator_next(iterator->get()));
}

// Starts of one rule in [from, to). `first`: where a rule that counts begins to count.
Result<std::vector<WallTime>> StartsOfRule(const std::string& text, WallTime first,
                                           icaltimezone* zone, WallTime from, WallTime to) {
  int count = 0;
  const Result<Iterator> begun = Iterate(text, first, zone, &count);
  if (!begun) return begun.error();
  icalrecur_iterator* const iterator = begun->get();
  std::vector<WallTime> starts;
  if (iterator == nullptr) return starts;
  // Only a rule that counts must be followed from its beginning.
  if (count == 0 && from > first)
    icalrecur_iterator_set_start(iterator, icaltime_from_timet_with_zone(Seconds(from), 0, zone));
  for (int step = 0; step < kStepsMax; ++step) {
    const icaltimetype next = icalrecur_iterator_next(iterator);
    if (icaltime_is_null_time(next)) return starts;
    const WallTime time = TimeOf(icaltime_as_timet_with_zone(next, zone));
    if (time >= to) return starts;
    if (time >= from) starts.push_back(time);
  }
  return Error::GiveUp(
      fmt::format("recurrence: '{}' happened over {} times since start; a later "
                  "start is expected",
                  text, kStepsMax));
}

// Where the occurrences of an event are counted from.
struct Start {
  WallTime at;
  icaltimezone* zone = nullptr;
};

Result<Start> StartOf(const model::LoadEvent& event) {
  const std::optional<WallTime> start = ParseRfc3339(event.start);
  if (!start) {
    return Error::GiveUp(
        fmt::format("start: '{}' is no time; 2026-11-27T06:00:00Z is one", event.start));
  }
  const Result<icaltimezone*> zone = ZoneOf(event.time_zone);
  if (!zone) return zone.error();
  return Start{*start, *zone};
}

}  // namespace

Result<std::vector<WallTime>> StartsWithin(const model::LoadEvent& event, WallTime from,
                                           WallTime to) {
  const Result<Start> start = StartOf(event);
  if (!start) return start.error();
  if (!event.recurrence.empty())
    return StartsOfRule(event.recurrence, start->at, start->zone, from, to);
  if (start->at >= from && start->at < to) return std::vector<WallTime>{start->at};
  return std::vector<WallTime>();
}

Result<std::vector<WallTime>> StartsWithin(const model::FreezeWindow& window, WallTime from,
                                           WallTime to) {
  const Result<icaltimezone*> zone = ZoneOf(window.time_zone);
  if (!zone) return zone.error();
  const Result<std::vector<std::string>> rules = RulesOfCron(window.schedule);
  if (!rules) return Error::GiveUp("schedule: " + rules.error().message);
  std::set<WallTime> starts;
  for (const std::string& rule : *rules) {
    // From the midnight before, wherever that is: an iteration begins with a whole day.
    const auto of_rule = StartsOfRule(rule, from - std::chrono::hours(48), *zone, from, to);
    if (!of_rule) return of_rule.error();
    starts.insert(of_rule->begin(), of_rule->end());
  }
  return std::vector<WallTime>(starts.begin(), starts.end());
}

Result<std::vector<ZoneOffset>> OffsetsWithin(const std::string& time_zone, WallTime from,
                                              WallTime to) {
  const Result<icaltimezone*> zone = ZoneOf(time_zone);
  if (!zone) return zone.error();
  const auto offset_at = [&zone](std::time_t at) {
    icaltimetype time = icaltime_from_timet_with_zone(at, 0, icaltimezone_get_utc_timezone());
    int summer = 0;
    return icaltimezone_get_utc_offset_of_utc_time(*zone, &time, &summer);
  };
  constexpr std::time_t kDay = 86'400;
  constexpr std::time_t kMinute = 60;
  std::vector<ZoneOffset> offsets = {
      {.since = from, .offset = std::chrono::seconds(offset_at(Seconds(from)))}};
  for (std::time_t low = Seconds(from); low < Seconds(to); low += kDay) {
    std::time_t before = low;
    std::time_t after = std::min(low + kDay, Seconds(to));
    const int changed = offset_at(after);
    if (changed == offset_at(before)) continue;
    while (after - before > kMinute) {
      const std::time_t middle = before + (after - before) / 2;
      (offset_at(middle) == changed ? after : before) = middle;
    }
    // Clocks change on the full minute.
    offsets.push_back(
        {.since = TimeOf(after / kMinute * kMinute), .offset = std::chrono::seconds(changed)});
  }
  return offsets;
}

Status CheckWindow(const model::FreezeWindow& window) {
  const Result<icaltimezone*> zone = ZoneOf(window.time_zone);
  if (!zone) return zone.error();
  const Result<std::vector<std::string>> rules = RulesOfCron(window.schedule);
  if (!rules) return Error::GiveUp("schedule: " + rules.error().message);
  for (const std::string& text : *rules) {
    // Fields of cron repeat after a leap year; without an end libical searches for centuries.
    const Result<bool> happens = Happens(text + ";UNTIL=19800101T000000Z", WallTime(), *zone);
    if (!happens) return happens.error();
    if (*happens) return Ok();
  }
  return Error::GiveUp(
      fmt::format("schedule: '{}' never happens; a day that exists is expected", window.schedule));
}

Status CheckEvent(const model::LoadEvent& event) {
  if (event.duration <= std::chrono::milliseconds(0))
    return Error::GiveUp("duration: 0s; more than nothing is expected");
  const Result<Start> start = StartOf(event);
  if (!start) return start.error();
  if (event.recurrence.empty()) return Ok();
  const Result<bool> happens = Happens(event.recurrence, start->at, start->zone);
  if (!happens) return happens.error();
  if (*happens) return Ok();
  return Error::GiveUp(fmt::format(
      "recurrence: '{}' never happens from {} on; a day that exists, and before UNTIL, is expected",
      event.recurrence, event.start));
}

bool IsFrozen(const std::vector<model::FreezeWindow>& windows, WallTime now) {
  return std::any_of(windows.begin(), windows.end(), [now](const model::FreezeWindow& window) {
    const auto starts = StartsWithin(window, now - window.duration + kTick, now + kTick);
    return !starts || !starts->empty();
  });
}

}  // namespace foreshard::op
