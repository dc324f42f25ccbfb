#pragma once

#include <fmt/format.h>

#include <string>

// CHECK: a broken promise of ours stops the process; restart is safe because every step is recorded before it acts.
// What the world or a user did wrong is a Result, never a CHECK. On in every build.
//
//   CHECK(range.from < at, "split point outside the range", range.from, at);

namespace foreshard {

// Prints one line to standard error and aborts. Never returns.
[[noreturn]] void CheckFailed(const char* expression, const char* file, int line, const std::string& details);

namespace check_detail {

template <typename... Values>
std::string Describe(const char* message, const Values&... values) {
  std::string text = message;
  ((text += fmt::format(" [{}]", values)), ...);
  return text;
}

inline std::string Describe() { return {}; }

}  // namespace check_detail

// The end of an exhaustive switch over an enum of ours.
template <typename Enum>
[[noreturn]] void Unreachable(Enum value) {
  CheckFailed("unreachable", __FILE__, __LINE__, fmt::format("enum value {}", static_cast<long long>(value)));
}

}  // namespace foreshard

#define CHECK(condition, ...)                                                                   \
  (static_cast<bool>(condition) ? static_cast<void>(0)                                          \
                                : ::foreshard::CheckFailed(#condition, __FILE__, __LINE__,      \
                                      ::foreshard::check_detail::Describe(__VA_ARGS__)))
