#include "operator/calendar/cron.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <set>
#include <span>

namespace foreshard::op {

namespace {

struct Field {
  std::string_view name;
  int least;
  int most;
  std::span<const std::string_view> names;  // of `least`, `least` + 1, ...
};

constexpr std::array<std::string_view, 12> kMonths = {"JAN", "FEB", "MAR", "APR", "MAY", "JUN",
                                                      "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"};
constexpr std::array<std::string_view, 7> kDays = {"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"};
constexpr std::array<std::string_view, 7> kRuleDays = {"SU", "MO", "TU", "WE", "TH", "FR", "SA"};

constexpr std::size_t kScheduleBytesMax = 100;  // as the schema says

constexpr Field kMinute = {"minute", 0, 59, {}};
constexpr Field kHour = {"hour", 0, 23, {}};
constexpr Field kDayOfMonth = {"day of month", 1, 31, {}};
constexpr Field kMonth = {"month", 1, 12, kMonths};
constexpr Field kDayOfWeek = {"day of week", 0, 7, kDays};

std::vector<std::string_view> Split(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = text.find(at);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::optional<int> Number(const Field& field, std::string_view text) {
  for (std::size_t i = 0; i < field.names.size(); ++i) {
    if (text.size() == 3 && std::equal(text.begin(), text.end(), field.names[i].begin(),
                                       [](char a, char b) { return (a & ~0x20) == b; }))
      return field.least + static_cast<int>(i);
  }
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (value < field.least || value > field.most) return std::nullopt;
  return value;
}

// One element of a list: `*`, a, a-b, and either of them with a step.
bool AddElement(const Field& field, std::string_view text, std::set<int>& values) {
  int step = 1;
  const std::size_t slash = text.find('/');
  if (slash != std::string_view::npos) {
    const std::string_view steps = text.substr(slash + 1);
    const auto [end, error] = std::from_chars(steps.data(), steps.data() + steps.size(), step);
    if (error != std::errc() || end != steps.data() + steps.size() || step < 1) return false;
    text = text.substr(0, slash);
  }
  int first = field.least;
  int last = field.most;
  if (text != "*") {
    const std::size_t dash = text.find('-');
    const std::optional<int> from = Number(field, text.substr(0, dash));
    if (!from) return false;
    first = last = *from;
    if (dash != std::string_view::npos) {
      const std::optional<int> to = Number(field, text.substr(dash + 1));
      if (!to || *to < *from) return false;
      last = *to;
    } else if (slash != std::string_view::npos) {
      last = field.most;
    }
  }
  for (int value = first; value <= last; value += step) values.insert(value);
  return true;
}

Result<std::set<int>> Values(const Field& field, std::string_view text) {
  std::set<int> values;
  for (const std::string_view element : Split(text, ',')) {
    if (AddElement(field, element, values)) continue;
    return Error::GiveUp(
        fmt::format("{}: '{}' is not one of *, a number from {} to {}, a-b, a list, a step */n",
                    field.name, text, field.least, field.most));
  }
  return values;
}

std::string List(const std::set<int>& values) { return fmt::format("{}", fmt::join(values, ",")); }

std::string Days(const std::set<int>& values) {
  std::set<int> days;
  for (const int value : values) days.insert(value % 7);
  std::vector<std::string_view> names;
  for (const int day : days) names.push_back(kRuleDays[static_cast<std::size_t>(day)]);
  return fmt::format("{}", fmt::join(names, ","));
}

std::vector<std::string_view> FieldsOf(std::string_view schedule) {
  std::vector<std::string_view> fields = Split(schedule, ' ');
  std::erase_if(fields, [](std::string_view field) { return field.empty(); });
  return fields;
}

}  // namespace

Result<std::vector<std::string>> RulesOfCron(std::string_view schedule) {
  if (schedule.size() > kScheduleBytesMax) {
    return Error::GiveUp(fmt::format("'{}' is longer than {} bytes",
                                     schedule.substr(0, kScheduleBytesMax), kScheduleBytesMax));
  }
  const std::vector<std::string_view> fields = FieldsOf(schedule);
  if (fields.size() != 5) {
    return Error::GiveUp(fmt::format(
        "'{}' has {} fields; minute, hour, day of month, month and day of week are expected",
        schedule, fields.size()));
  }
  const Result<std::set<int>> minutes = Values(kMinute, fields[0]);
  const Result<std::set<int>> hours = Values(kHour, fields[1]);
  const Result<std::set<int>> days = Values(kDayOfMonth, fields[2]);
  const Result<std::set<int>> months = Values(kMonth, fields[3]);
  const Result<std::set<int>> weekdays = Values(kDayOfWeek, fields[4]);
  for (const auto* values : {&minutes, &hours, &days, &months, &weekdays}) {
    if (!*values) return values->error();
  }
  std::string common = "FREQ=DAILY";
  if (fields[3] != "*") common += ";BYMONTH=" + List(*months);
  const std::string times =
      fmt::format(";BYHOUR={};BYMINUTE={};BYSECOND=0", List(*hours), List(*minutes));
  std::vector<std::string> rules;
  // A star at the beginning, as in */2, does not count as given: crontab(5).
  const bool by_day = !fields[2].starts_with('*');
  const bool by_weekday = !fields[4].starts_with('*');
  const std::string of_month = ";BYMONTHDAY=" + List(*days);
  const std::string of_week = ";BYDAY=" + Days(*weekdays);
  if (by_day && by_weekday) {
    rules.push_back(common + of_month + times);
    rules.push_back(common + of_week + times);
    return rules;
  }
  if (fields[2] != "*") common += of_month;
  if (fields[4] != "*") common += of_week;
  rules.push_back(common + times);
  return rules;
}

}  // namespace foreshard::op
