#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/clock.h"

// Small parts of a page. All of them are HTML; text that came from outside goes through Escape().

namespace foreshard::op {

// For text and for attributes in double quotes. Control characters become spaces.
std::string Escape(std::string_view text);

enum class Tone { kPlain, kGood, kWarning, kBad };
// A word that stands out. Colour is never all it says.
std::string Pill(Tone tone, std::string_view text);

// "3 min", "2 h 5 min", "4 d".
std::string LengthText(std::chrono::seconds length);
// "in 12 min" or "12 min ago" of a time in RFC 3339; the text itself, escaped, if it is none.
std::string FromNow(WallTime now, const std::string& rfc3339);
// "14:05" in UTC.
std::string ClockText(WallTime time);
// "1.2 GiB".
std::string BytesText(std::int64_t bytes);

}  // namespace foreshard::op
