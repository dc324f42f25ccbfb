#include "cli/forecast/trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <fstream>
#include <sstream>

namespace foreshard::cli {

namespace {

constexpr std::int64_t kSecondsMost = 253'402'300'799;
// A slip of the pen would fill the memory with bins.
constexpr std::int64_t kGapMost = 366 * 86'400;
constexpr double kSamplesNeeded = 0.6;  // share of a bin's samples below which it is missing

std::string_view Trim(std::string_view text) {
  const auto is_space = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"')
    text = text.substr(1, text.size() - 2);
  return text;
}

template <typename Number>
bool ParseWhole(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

bool ParseDate(std::string_view text, std::chrono::sys_days& day) {
  int year = 0;
  unsigned month = 0;
  unsigned day_of_month = 0;
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return false;
  if (!ParseWhole(text.substr(0, 4), year) || !ParseWhole(text.substr(5, 2), month) ||
      !ParseWhole(text.substr(8, 2), day_of_month)) {
    return false;
  }
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month),
                                         std::chrono::day(day_of_month)};
  if (!date.ok()) return false;
  day = std::chrono::sys_days(date);
  return true;
}

bool ParseTimeOfDay(std::string_view text, int& seconds) {
  int hour = 0;
  int minute = 0;
  int second = 0;
  if (text.size() != 5 && text.size() != 8) return false;
  if (text[2] != ':' || !ParseWhole(text.substr(0, 2), hour) ||
      !ParseWhole(text.substr(3, 2), minute))
    return false;
  if (text.size() == 8 && (text[5] != ':' || !ParseWhole(text.substr(6, 2), second))) return false;
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60) return false;
  seconds = hour * 3600 + minute * 60 + second;
  return true;
}

Error AtLine(std::size_t line, std::string reason) {
  return Error::GiveUp(fmt::format("line {}: {}", line, reason), "BadInput");
}

Result<TraceSample> ParseRow(std::string_view row, std::size_t line) {
  const std::size_t comma = row.find(',');
  if (comma == std::string_view::npos) return AtLine(line, "expected two fields, timestamp,value");
  if (row.find(',', comma + 1) != std::string_view::npos) {
    return AtLine(line, "expected two fields, timestamp,value, found more");
  }
  const Result<std::int64_t> at = ParseTimestamp(Trim(row.substr(0, comma)));
  if (!at) return AtLine(line, at.error().message);
  const std::string_view text = Trim(row.substr(comma + 1));
  TraceSample sample{.at = *at};
  if (text.empty()) return AtLine(line, "the value is empty");
  if (!ParseWhole(text, sample.value))
    return AtLine(line, fmt::format("'{}' is not a number", text));
  if (!std::isfinite(sample.value))
    return AtLine(line, fmt::format("'{}' is not a finite number", text));
  if (sample.value < 0) return AtLine(line, fmt::format("{} is negative; demand never is", text));
  return sample;
}

// The hour that a clock set back in autumn shows twice, in an hourly trace whose times were local
// after all: on a Sunday before three. Its values share a bin. Any other repetition is refused.
bool IsClockChange(const std::vector<TraceSample>& samples) {
  constexpr std::int64_t kHour = 3600;
  constexpr std::int64_t kThursday = 4;  // 1970-01-01
  if (samples.size() < 2) return false;
  const std::int64_t at = samples.back().at;
  const bool sunday = (at / (24 * kHour) + kThursday) % 7 == 0;
  return at - samples[samples.size() - 2].at == kHour && sunday && at % (24 * kHour) / kHour <= 3;
}

std::int64_t OwnStep(const std::vector<TraceSample>& samples) {
  std::vector<std::int64_t> steps;
  for (std::size_t i = 1; i < samples.size(); ++i)
    steps.push_back(samples[i].at - samples[i - 1].at);
  if (steps.empty()) return 1;
  const auto middle = steps.begin() + static_cast<std::ptrdiff_t>(steps.size() / 2);
  std::nth_element(steps.begin(), middle, steps.end());
  return *middle;
}

}  // namespace

Result<std::int64_t> ParseTimestamp(std::string_view text) {
  std::int64_t seconds = 0;
  if (ParseWhole(text, seconds)) {
    if (seconds >= -kSecondsMost && seconds <= kSecondsMost) return seconds;
    return Error::GiveUp(fmt::format("'{}' is beyond the year 9999; seconds are expected", text),
                         "BadInput");
  }
  std::string_view rest = text;
  if (!rest.empty() && rest.back() == 'Z') rest.remove_suffix(1);
  if (rest.size() > 19 && rest[19] == '.') rest = rest.substr(0, 19);
  std::chrono::sys_days day;
  int of_day = 0;
  const bool has_time = rest.size() > 10;
  const bool good = rest.size() >= 10 && ParseDate(rest.substr(0, 10), day) &&
                    (!has_time || ((rest[10] == 'T' || rest[10] == ' ') &&
                                   ParseTimeOfDay(rest.substr(11), of_day)));
  if (!good) {
    return Error::GiveUp(fmt::format("'{}' is not a time like 2026-05-01T09:10:00Z", text),
                         "BadInput");
  }
  return std::chrono::duration_cast<std::chrono::seconds>(day.time_since_epoch()).count() + of_day;
}

Result<std::vector<TraceSample>> ParseTrace(std::string_view text) {
  std::vector<TraceSample> samples;
  std::size_t line = 0;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view row = Trim(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    ++line;
    if (row.empty()) continue;
    if (line == 1 && row.find_first_of("0123456789") != 0) continue;  // header
    const Result<TraceSample> sample = ParseRow(row, line);
    if (!sample) return sample.error();
    if (!samples.empty() && sample->at == samples.back().at && !IsClockChange(samples)) {
      return AtLine(line, "the same time as the line before");
    }
    if (!samples.empty() && sample->at < samples.back().at)
      return AtLine(line, "earlier than the line before");
    if (!samples.empty() && sample->at - samples.back().at > kGapMost)
      return AtLine(line, "more than a year after the line before");
    samples.push_back(*sample);
  }
  if (samples.empty()) return AtLine(line, "no samples; expected timestamp,value");
  return samples;
}

model::DemandSeries BinTrace(const std::vector<TraceSample>& samples, std::chrono::seconds bin) {
  model::DemandSeries series;
  if (samples.empty()) return series;
  const std::int64_t step = std::max<std::int64_t>(1, OwnStep(samples));
  const std::int64_t width = std::max<std::int64_t>(bin.count(), step);
  series.bin = std::chrono::seconds(width);
  const auto index_of = [width](std::int64_t at) {
    return at >= 0 ? at / width : -((-at + width - 1) / width);
  };
  series.first = index_of(samples.front().at);
  const auto count = static_cast<std::size_t>(index_of(samples.back().at) - series.first + 1);
  std::vector<double> seen(count, 0);
  series.mean.assign(count, 0);
  series.peak.assign(count, 0);
  series.state.assign(count, model::BinState::kMissing);
  for (const TraceSample& sample : samples) {
    const auto i = static_cast<std::size_t>(index_of(sample.at) - series.first);
    series.mean[i] += sample.value;
    series.peak[i] = std::max(series.peak[i], sample.value);
    seen[i] += 1;
  }
  const double wanted = kSamplesNeeded * static_cast<double>(width) / static_cast<double>(step);
  for (std::size_t i = 0; i < count; ++i) {
    if (seen[i] < std::max(1.0, std::floor(wanted))) continue;
    series.mean[i] /= seen[i];
    series.state[i] = model::BinState::kGood;
  }
  return series;
}

Result<std::chrono::seconds> ParseDuration(std::string_view text) {
  std::int64_t number = 0;
  const char unit = text.empty() ? ' ' : text.back();
  const std::int64_t seconds = unit == 's'   ? 1
                               : unit == 'm' ? 60
                               : unit == 'h' ? 3600
                               : unit == 'd' ? 86400
                                             : 0;
  if (seconds == 0 || !ParseWhole(text.substr(0, text.size() - 1), number) || number <= 0 ||
      number > 1'000'000) {
    return Error::GiveUp(fmt::format("'{}' is not a duration like 90s, 5m, 2h or 8d", text),
                         "BadUsage");
  }
  return std::chrono::seconds(number * seconds);
}

Result<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return Error::GiveUp(fmt::format("{}: {}", path, std::strerror(errno)), "BadInput");
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) return Error::GiveUp(fmt::format("{}: cannot be read", path), "BadInput");
  return text.str();
}

}  // namespace foreshard::cli
