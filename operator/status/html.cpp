#include "operator/status/html.h"

#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <optional>

namespace foreshard::op {
namespace {

const char* ClassOf(Tone tone) {
  switch (tone) {
    case Tone::kPlain:
      return "pill";
    case Tone::kGood:
      return "pill good";
    case Tone::kWarning:
      return "pill warning";
    case Tone::kBad:
      return "pill bad";
  }
  return "pill";
}

}  // namespace

std::string Escape(std::string_view text) {
  std::string safe;
  safe.reserve(text.size());
  for (const char sign : text) {
    if (sign == '&') {
      safe += "&amp;";
    } else if (sign == '<') {
      safe += "&lt;";
    } else if (sign == '>') {
      safe += "&gt;";
    } else if (sign == '"') {
      safe += "&quot;";
    } else if (sign == '\'') {
      safe += "&#39;";
    } else {
      const bool control = (sign >= 0 && sign < ' ') || sign == '\x7f';
      safe += control ? ' ' : sign;
    }
  }
  return safe;
}

std::string Pill(Tone tone, std::string_view text) {
  return fmt::format("<span class=\"{}\">{}</span>", ClassOf(tone), Escape(text));
}

std::string LengthText(std::chrono::seconds length) {
  const std::int64_t seconds = std::abs(length.count());
  if (seconds < 90) return fmt::format("{} s", seconds);
  const std::int64_t minutes = (seconds + 30) / 60;
  if (minutes < 60) return fmt::format("{} min", minutes);
  if (minutes < 48 * 60) {
    return minutes % 60 == 0 ? fmt::format("{} h", minutes / 60)
                             : fmt::format("{} h {} min", minutes / 60, minutes % 60);
  }
  return fmt::format("{} d", (minutes + 12 * 60) / (24 * 60));
}

std::string FromNow(WallTime now, const std::string& rfc3339) {
  const std::optional<WallTime> time = ParseRfc3339(rfc3339);
  if (!time) return Escape(rfc3339);
  const auto ahead = std::chrono::duration_cast<std::chrono::seconds>(*time - now);
  const std::string text = ahead.count() >= 0 ? fmt::format("in {}", LengthText(ahead))
                                              : fmt::format("{} ago", LengthText(ahead));
  return fmt::format("<time datetime=\"{0}\" title=\"{0}\">{1}</time>", Escape(rfc3339), text);
}

std::string ClockText(WallTime time) { return FormatRfc3339(time).substr(11, 5); }

std::string BytesText(std::int64_t bytes) {
  constexpr std::array<const char*, 5> kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return unit == 0 || value >= 100 ? fmt::format("{:.0f} {}", value, kUnits[unit])
                                   : fmt::format("{:.1f} {}", value, kUnits[unit]);
}

}  // namespace foreshard::op
