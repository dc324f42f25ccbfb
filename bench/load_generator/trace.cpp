#include "bench/load_generator/trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <ctime>
#include <fstream>
#include <numbers>
#include <optional>

#include "base/random.h"

namespace foreshard::load {

namespace {

constexpr double kDaySeconds = 86'400;

// Seconds since the epoch of "2018-04-25T00:00:00Z" or "2018-04-25 00:00:00".
std::optional<double> ParseTime(const std::string& text) {
  std::tm parts{};
  const char* rest = strptime(text.c_str(), "%Y-%m-%d", &parts);
  if (rest == nullptr || (*rest != 'T' && *rest != ' ')) return std::nullopt;
  rest = strptime(rest + 1, "%H:%M:%S", &parts);
  if (rest == nullptr) return std::nullopt;
  return static_cast<double>(timegm(&parts));
}

Error AtLine(const std::string& path, int line, const std::string& what) {
  return Error::GiveUp(fmt::format("{}: line {}: {}", path, line, what));
}

}  // namespace

Result<Trace> ReadTrace(const std::string& path) {
  std::ifstream file(path);
  if (!file) return Error::GiveUp(fmt::format("{}: cannot be read", path));
  Trace trace;
  std::string text;
  double previous_time = 0;
  for (int line = 1; std::getline(file, text); ++line) {
    if (line == 1 || text.empty()) continue;
    const std::size_t comma = text.find(',');
    if (comma == std::string::npos) return AtLine(path, line, "expected timestamp,value");
    const std::optional<double> time = ParseTime(text.substr(0, comma));
    if (!time) return AtLine(path, line, "timestamp is not like 2018-04-25T00:00:00Z");
    double value = 0;
    const auto parsed = std::from_chars(text.data() + comma + 1, text.data() + text.size(), value);
    if (parsed.ec != std::errc() || !std::isfinite(value) || value < 0) {
      return AtLine(path, line, "value must be a number that is not negative");
    }
    if (trace.levels.size() == 1) trace.step_seconds = *time - previous_time;
    if (!trace.levels.empty() && *time <= previous_time)
      return AtLine(path, line, "time does not go forward");
    previous_time = *time;
    trace.levels.push_back(value);
  }
  if (trace.levels.size() < 2)
    return Error::GiveUp(fmt::format("{}: fewer than two samples", path));
  const double highest = *std::max_element(trace.levels.begin(), trace.levels.end());
  if (highest <= 0) return Error::GiveUp(fmt::format("{}: every value is 0", path));
  for (double& level : trace.levels) level /= highest;
  return trace;
}

Trace GenerateTrace(int days, unsigned seed) {
  constexpr int kMinutes = 1'440;
  Random random(seed);
  Trace trace;
  for (int day = 0; day < days; ++day) {
    const double height = 1 + 0.03 * random.Normal();
    for (int minute = 0; minute < kMinutes; ++minute) {
      const double morning = std::exp(-std::pow((minute - 490) / 110.0, 2));
      const double evening = 0.55 * std::exp(-std::pow((minute - 1'170) / 130.0, 2));
      const double noise = 1 + 0.02 * random.Normal();
      trace.levels.push_back(std::max(0.02, (0.18 + 0.80 * height * (morning + evening)) * noise));
    }
  }
  const double highest = *std::max_element(trace.levels.begin(), trace.levels.end());
  for (double& level : trace.levels) level /= highest;
  return trace;
}

Result<Trace> Days(const Trace& trace, double from, double to) {
  const double per_day = kDaySeconds / trace.step_seconds;
  const auto begin = static_cast<std::int64_t>(std::llround(from * per_day));
  const auto end = static_cast<std::int64_t>(std::llround(to * per_day));
  if (begin < 0 || end <= begin || end > static_cast<std::int64_t>(trace.levels.size())) {
    return Error::GiveUp(fmt::format("days {} to {} were asked of a trace of {:.2f} days", from, to,
                                     static_cast<double>(trace.levels.size()) / per_day));
  }
  Trace days{.levels = {}, .step_seconds = trace.step_seconds};
  days.levels.assign(trace.levels.begin() + begin, trace.levels.begin() + end);
  return days;
}

RateCurve::RateCurve(Trace trace, double seconds_per_day, double peak_rate)
    : rates_(std::move(trace.levels)),
      step_seconds_(trace.step_seconds * seconds_per_day / kDaySeconds) {
  CHECK(!rates_.empty() && step_seconds_ > 0, "empty trace");
  rates_.push_back(rates_.back());
  for (double& rate : rates_) rate *= peak_rate;
  cumulative_.push_back(0);
  for (std::size_t i = 1; i < rates_.size(); ++i) {
    cumulative_.push_back(cumulative_.back() + (rates_[i - 1] + rates_[i]) / 2 * step_seconds_);
  }
}

double RateCurve::duration_seconds() const {
  return step_seconds_ * static_cast<double>(rates_.size() - 1);
}

double RateCurve::At(double seconds) const {
  const double position = std::clamp(seconds, 0.0, duration_seconds()) / step_seconds_;
  const auto index = std::min(static_cast<std::size_t>(position), rates_.size() - 2);
  const double share = position - static_cast<double>(index);
  return rates_[index] * (1 - share) + rates_[index + 1] * share;
}

double RateCurve::Due(double seconds) const {
  const double bounded = std::clamp(seconds, 0.0, duration_seconds());
  const auto index = std::min(static_cast<std::size_t>(bounded / step_seconds_), rates_.size() - 2);
  const double into = bounded - static_cast<double>(index) * step_seconds_;
  return cumulative_[index] + (rates_[index] + At(bounded)) / 2 * into;
}

}  // namespace foreshard::load
