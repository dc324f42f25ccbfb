#include "operator/api/duration.h"

#include <fmt/format.h>

#include <array>

namespace foreshard::op {
namespace {

struct Unit {
  std::string_view text;
  std::int64_t millis;
};

// "ms" stands before "m": the longer one is tried first.
constexpr std::array<Unit, 5> kUnits = {
    {{"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};
constexpr std::int64_t kLongestMillis = std::int64_t{86'400'000} * 36'500;

Error Wrong(std::string_view text) {
  return Error::GiveUp(
      fmt::format("'{}' is no duration; write for example 500ms, 90s, 5m, 2h or 28d", text));
}

}  // namespace

Result<std::chrono::milliseconds> ParseDuration(std::string_view text) {
  std::int64_t total = 0;
  std::size_t place = 0;
  while (place < text.size()) {
    std::int64_t number = 0;
    const std::size_t start = place;
    for (; place < text.size() && text[place] >= '0' && text[place] <= '9'; ++place) {
      number = number * 10 + (text[place] - '0');
      if (number > kLongestMillis) return Wrong(text);
    }
    if (place == start) return Wrong(text);
    const Unit* unit = nullptr;
    for (const Unit& known : kUnits) {
      if (unit == nullptr && text.substr(place).starts_with(known.text)) unit = &known;
    }
    if (unit == nullptr || number > kLongestMillis / unit->millis) return Wrong(text);
    total += number * unit->millis;
    if (total > kLongestMillis) return Wrong(text);
    place += unit->text.size();
  }
  if (text.empty()) return Wrong(text);
  return std::chrono::milliseconds(total);
}

std::string FormatDuration(std::chrono::milliseconds duration) {
  std::int64_t rest = duration.count();
  if (rest <= 0) return "0s";
  std::string text;
  for (const std::size_t i : {std::size_t{3}, std::size_t{2}, std::size_t{1}, std::size_t{0}}) {
    const std::int64_t count = rest / kUnits[i].millis;
    if (count == 0) continue;
    text += fmt::format("{}{}", count, kUnits[i].text);
    rest -= count * kUnits[i].millis;
  }
  return text;
}

}  // namespace foreshard::op
