#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

// A log event is a name with fields, not prose: one JSON object a line on standard error.
//
//   log::Info("migration_phase", {{"migration", name}, {"phase", ToString(phase)}, {"token", token}});
//
// Never a secret, a parameter value or a row. Threads: any.

namespace foreshard::log {

enum class Level { kDebug, kInfo, kWarning, kError };

struct Field {
  std::string_view name;
  std::variant<std::string, std::int64_t, double, bool> value;

  Field(std::string_view field, std::string text) : name(field), value(std::move(text)) {}
  Field(std::string_view field, std::string_view text) : name(field), value(std::string(text)) {}
  Field(std::string_view field, const char* text) : name(field), value(std::string(text)) {}
  Field(std::string_view field, bool claim) : name(field), value(claim) {}
  Field(std::string_view field, double number) : name(field), value(number) {}
  template <typename Integer>
    requires std::is_integral_v<Integer>
  Field(std::string_view field, Integer number) : name(field), value(static_cast<std::int64_t>(number)) {}
};

void Debug(std::string_view event, std::initializer_list<Field> fields = {});
void Info(std::string_view event, std::initializer_list<Field> fields = {});
void Warning(std::string_view event, std::initializer_list<Field> fields = {});
void Error(std::string_view event, std::initializer_list<Field> fields = {});

// Events below `level` are dropped. Default kInfo.
void SetLevel(Level level);

// Where lines go; tests capture them. An empty function restores standard error.
void SetSink(std::function<void(std::string_view line)> sink);

// One line without a newline, as it would be written; `time` is RFC 3339.
std::string FormatLine(Level level, std::string_view time, std::string_view event, std::initializer_list<Field> fields);

}  // namespace foreshard::log
