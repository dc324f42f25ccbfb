#include "migration/crash_points.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>

namespace foreshard::migration {

namespace {

std::string NameOf(Edge edge, std::string_view effect) {
  const std::size_t dot = effect.rfind('.');
  return fmt::format("{}.{}.{}", effect.substr(0, dot), edge == Edge::kBefore ? "before" : "after",
                     effect.substr(dot + 1));
}

#ifdef FORESHARD_CRASH_POINTS
struct Armed {
  std::string name;
  std::atomic<int> left = 0;
};

// The one process-wide state of a test build: where it ends.
Armed& TheArmed() {
  static Armed armed;
  return armed;
}
#endif

}  // namespace

#ifdef FORESHARD_CRASH_POINTS
void CrashPoint(Edge edge, std::string_view effect) {
  CHECK(std::find(kCrashEffects.begin(), kCrashEffects.end(), effect) != kCrashEffects.end(),
        "undeclared crash point", effect);
  Armed& armed = TheArmed();
  if (armed.name.empty() || armed.name != NameOf(edge, effect)) return;
  if (armed.left.fetch_sub(1) == 1) _exit(137);
}
#endif

Status ArmCrashPoint([[maybe_unused]] std::string_view argument) {
#ifdef FORESHARD_CRASH_POINTS
  const std::size_t colon = argument.find(':');
  const std::string name(argument.substr(0, colon));
  int nth = 1;
  if (colon != std::string_view::npos) {
    const std::string_view number = argument.substr(colon + 1);
    const auto parsed = std::from_chars(number.data(), number.data() + number.size(), nth);
    if (parsed.ec != std::errc() || nth < 1)
      return Error::GiveUp(fmt::format("--crash-at: '{}' is not a count", number));
  }
  const std::vector<std::string> names = CrashPointNames();
  if (std::find(names.begin(), names.end(), name) == names.end()) {
    return Error::GiveUp(fmt::format("--crash-at: no crash point is named '{}'", name));
  }
  TheArmed().name = name;
  TheArmed().left = nth;
  return Ok();
#else
  return Error::GiveUp("--crash-at: this build has no crash points");
#endif
}

std::vector<std::string> CrashPointNames() {
  std::vector<std::string> names;
  for (const std::string_view effect : kCrashEffects) {
    names.push_back(NameOf(Edge::kBefore, effect));
    names.push_back(NameOf(Edge::kAfter, effect));
  }
  return names;
}

}  // namespace foreshard::migration
