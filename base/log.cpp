#include "base/log.h"

#include <fmt/format.h>

#include <atomic>
#include <cmath>
#include <cstdio>
#include <mutex>

#include "base/clock.h"

namespace foreshard::log {

namespace {

std::atomic<Level> minimum_level{Level::kInfo};
std::mutex sink_mutex;
std::function<void(std::string_view)> sink;  // empty: standard error

const char* ToString(Level level) {
  switch (level) {
    case Level::kDebug: return "debug";
    case Level::kInfo: return "info";
    case Level::kWarning: return "warning";
    case Level::kError: return "error";
  }
  return "unknown";
}

void AppendJsonString(std::string& line, std::string_view text) {
  line += '"';
  for (const char c : text) {
    switch (c) {
      case '"': line += "\\\""; break;
      case '\\': line += "\\\\"; break;
      case '\n': line += "\\n"; break;
      case '\r': line += "\\r"; break;
      case '\t': line += "\\t"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          line += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
        } else {
          line += c;
        }
    }
  }
  line += '"';
}

void AppendValue(std::string& line, const Field& field) {
  if (const auto* text = std::get_if<std::string>(&field.value)) {
    AppendJsonString(line, *text);
  } else if (const auto* integer = std::get_if<std::int64_t>(&field.value)) {
    line += fmt::format("{}", *integer);
  } else if (const auto* number = std::get_if<double>(&field.value)) {
    line += std::isfinite(*number) ? fmt::format("{}", *number) : "null";  // JSON has no NaN
  } else {
    line += std::get<bool>(field.value) ? "true" : "false";
  }
}

void Write(Level level, std::string_view event, std::initializer_list<Field> fields) {
  if (level < minimum_level.load(std::memory_order_relaxed)) return;
  const std::string line = FormatLine(level, FormatRfc3339Micros(SystemClock().Wall()), event, fields);
  const std::lock_guard lock(sink_mutex);
  if (sink) {
    sink(line);
    return;
  }
  fmt::print(stderr, "{}\n", line);
}

}  // namespace

std::string FormatLine(Level level, std::string_view time, std::string_view event, std::initializer_list<Field> fields) {
  std::string line = "{\"time\":";
  AppendJsonString(line, time);
  line += ",\"level\":";
  AppendJsonString(line, ToString(level));
  line += ",\"event\":";
  AppendJsonString(line, event);
  for (const Field& field : fields) {
    line += ',';
    AppendJsonString(line, field.name);
    line += ':';
    AppendValue(line, field);
  }
  line += '}';
  return line;
}

void Debug(std::string_view event, std::initializer_list<Field> fields) { Write(Level::kDebug, event, fields); }
void Info(std::string_view event, std::initializer_list<Field> fields) { Write(Level::kInfo, event, fields); }
void Warning(std::string_view event, std::initializer_list<Field> fields) { Write(Level::kWarning, event, fields); }
void Error(std::string_view event, std::initializer_list<Field> fields) { Write(Level::kError, event, fields); }

void SetLevel(Level level) { minimum_level.store(level, std::memory_order_relaxed); }

void SetSink(std::function<void(std::string_view line)> new_sink) {
  const std::lock_guard lock(sink_mutex);
  sink = std::move(new_sink);
}

}  // namespace foreshard::log
