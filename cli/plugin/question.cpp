#include "cli/plugin/question.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <sstream>

#include "operator/api/duration.h"

namespace foreshard::plugin {

namespace {

using std::chrono::days;
using std::chrono::minutes;
using std::chrono::sys_days;

constexpr const char* kAmounts =
    "x3, 3x, +50%, -20%, '50% more', '20% less', doubles, triples or halves";
constexpr const char* kRest =
    "a day (now, today, tomorrow, Friday, 2026-11-27), hours (from 09:00 to 12:00, 09:00-12:00, at "
    "09:00 for 2h) or shard S";
constexpr double kFactorMost = 100;

Error Bad(const std::string& message) {
  return Error::GiveUp("--what-if: " + message, "BadQuestion");
}

// Lower case; commas are blanks; a number and its "%" are one word.
std::vector<std::string> WordsOf(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) {
    return c == ',' ? ' ' : static_cast<char>(std::tolower(c));
  });
  for (std::size_t at = text.find(" %"); at != std::string::npos; at = text.find(" %"))
    text.erase(at, 1);
  std::istringstream stream(text);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  std::erase_if(words, [](const std::string& word) {
    static constexpr std::array<std::string_view, 8> kSmall = {"on",  "the", "of",   "in",
                                                               "utc", "and", "only", "by"};
    return std::find(kSmall.begin(), kSmall.end(), word) != kSmall.end();
  });
  return words;
}

std::optional<double> NumberOf(std::string_view text) {
  double number = 0;
  const auto [end, failed] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (failed != std::errc() || end != text.data() + text.size() || text.empty())
    return std::nullopt;
  return number;
}

std::optional<minutes> ClockOf(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 || text.size() != colon + 3)
    return std::nullopt;
  const auto hour = NumberOf(text.substr(0, colon));
  const auto minute = NumberOf(text.substr(colon + 1));
  if (!hour || !minute || *hour != static_cast<int>(*hour) || *hour < 0 || *minute < 0 ||
      *minute > 59 || *minute != static_cast<int>(*minute))
    return std::nullopt;
  const minutes time(static_cast<int>(*hour) * 60 + static_cast<int>(*minute));
  return time <= minutes(24 * 60) ? std::optional(time) : std::nullopt;
}

// "2026-11-27".
std::optional<sys_days> DateOf(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  const auto year = NumberOf(text.substr(0, 4));
  const auto month = NumberOf(text.substr(5, 2));
  const auto day = NumberOf(text.substr(8, 2));
  if (!year || !month || !day) return std::nullopt;
  const std::chrono::year_month_day date(std::chrono::year(static_cast<int>(*year)),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day)));
  return date.ok() ? std::optional(sys_days(date)) : std::nullopt;
}

// 0 is Sunday; "fri" and "friday".
std::optional<unsigned> WeekdayOf(const std::string& word) {
  static constexpr std::array<std::string_view, 7> kDays = {
      "sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"};
  for (unsigned i = 0; i < kDays.size(); ++i) {
    if (word == kDays[i] || (word.size() == 3 && kDays[i].starts_with(word))) return i;
  }
  return std::nullopt;
}

class Parser {
 public:
  Parser(const std::string& text, WallTime now, std::chrono::milliseconds horizon)
      : words_(WordsOf(text)), now_(now), horizon_(horizon) {}

  Result<Question> Parse() {
    if (Is("event")) return Event();
    if (Is("traffic") || Is("load") || Is("demand")) ++at_;
    if (const Status amount = Amount(); !amount) return amount.error();
    while (at_ < words_.size()) {
      if (const Status more = More(); !more) return more.error();
    }
    if (const Status when = When(); !when) return when.error();
    return question_;
  }

 private:
  bool Is(std::string_view word) const { return at_ < words_.size() && words_[at_] == word; }
  std::string Word() const { return at_ < words_.size() ? words_[at_] : std::string(); }
  Error Unknown(const std::string& accepted) const {
    if (at_ >= words_.size())
      return Bad(fmt::format("the question ends where {} should stand", accepted));
    return Bad(fmt::format("'{}' is not understood; give {}", words_[at_], accepted));
  }

  Result<Question> Event() {
    if (words_.size() != 2)
      return Bad("'event' is followed by one name, that of a LoadEvent, and nothing else");
    question_.event = words_[1];
    return question_;
  }

  Status Amount() {
    static constexpr std::array<std::pair<std::string_view, double>, 6> kVerbs = {
        {{"doubles", 2},
         {"triples", 3},
         {"quadruples", 4},
         {"halves", 0.5},
         {"doubled", 2},
         {"tripled", 3}}};
    const std::string word = Word();
    std::optional<double> factor;
    for (const auto& [verb, value] : kVerbs) {
      if (word == verb) factor = value;
    }
    if (word.starts_with('x')) factor = NumberOf(std::string_view(word).substr(1));
    if (word.ends_with('x')) factor = NumberOf(std::string_view(word).substr(0, word.size() - 1));
    if (word.ends_with('%')) {
      std::string_view number = std::string_view(word).substr(0, word.size() - 1);
      const bool plus = number.starts_with('+');
      if (plus) number.remove_prefix(1);
      const std::optional<double> percent = NumberOf(number);
      const bool more = at_ + 1 < words_.size() && words_[at_ + 1] == "more";
      const bool less = at_ + 1 < words_.size() && words_[at_ + 1] == "less";
      // "300 %" alone could be three times as much, or four.
      if (percent && (more || less || plus || *percent < 0))
        factor = 1 + (less ? -*percent : *percent) / 100;
      if (more || less) ++at_;
    }
    if (!factor) return Unknown(kAmounts);
    if (*factor < 0 || *factor > kFactorMost)
      return Bad(
          fmt::format("'{}' is {:.4g} times; give 0 to {:.0f} times", word, *factor, kFactorMost));
    question_.factor = *factor;
    ++at_;
    return Ok();
  }

  Status More() {
    const std::string word = Word();
    if (word == "shard" || word == "shards") return Shards();
    if (word == "from" || word == "at" || word.find(':') != std::string::npos) return Hours();
    const sys_days today = std::chrono::floor<days>(now_);
    std::optional<sys_days> day;
    if (word == "now") {
      now_word_ = true;
    } else if (word == "today") {
      day = today;
    } else if (word == "tomorrow") {
      day = today + days(1);
    } else if (const auto weekday = WeekdayOf(word)) {
      const unsigned ahead = (*weekday + 7 - std::chrono::weekday(today).c_encoding()) % 7;
      day = today + days(ahead);
      weekday_ = true;
    } else {
      day = DateOf(word);
    }
    if (!day && !now_word_) return Unknown(kRest);
    if (day_ || (day && now_word_)) return Bad(fmt::format("'{}' is a second day; give one", word));
    day_ = day;
    ++at_;
    return Ok();
  }

  Status Shards() {
    ++at_;
    while (at_ < words_.size() && words_[at_].starts_with("s-"))
      question_.shards.push_back({words_[at_++]});
    if (question_.shards.empty()) return Unknown("the id of a shard, for example s-4kq7");
    return Ok();
  }

  Status Hours() {
    if (from_) return Bad(fmt::format("'{}' begins a second time of day; give one", Word()));
    std::string word = Word();
    const bool at = word == "at";
    if (word == "from" || at) {
      ++at_;
      word = Word();
    }
    const std::size_t dash = word.find('-');
    from_ = ClockOf(word.substr(0, dash));
    if (!from_) return Unknown("a time of day from 00:00 to 24:00, for example 09:00");
    ++at_;
    if (dash != std::string::npos) {
      to_ = ClockOf(word.substr(dash + 1));
      if (!to_) return Bad(fmt::format("'{}' is not understood; give 09:00-12:00", word));
    } else if (Is("to") || Is("until") || Is("-")) {
      ++at_;
      to_ = ClockOf(Word());
      if (!to_) return Unknown("a time of day, for example 12:00");
      ++at_;
    } else if (Is("for")) {
      ++at_;
      const auto length = op::ParseDuration(Word());
      if (!length || *length < minutes(1)) return Unknown("a duration, for example 90m or 2h");
      to_ = *from_ + std::chrono::ceil<minutes>(*length);
      ++at_;
      return Ok();
    } else if (at) {
      to_ = *from_ + minutes(60);
    } else {
      return Unknown("'to' and a time of day, or 'for' and a duration");
    }
    if (*to_ <= *from_) *to_ += minutes(24 * 60);  // past midnight
    return Ok();
  }

  Status When() {
    const sys_days today = std::chrono::floor<days>(now_);
    if (!day_ && !from_) {
      question_.from = now_;
      question_.to = now_ + horizon_;
      return Ok();
    }
    const minutes from = from_.value_or(minutes(0));
    const minutes to = to_.value_or(minutes(24 * 60));
    sys_days day = day_.value_or(today);
    // "Friday" on a Friday evening is the next one; so is "from 09:00" without a day.
    if (day == today && day + to <= now_ && (weekday_ || !day_)) day += days(weekday_ ? 7 : 1);
    question_.from = std::max<WallTime>(WallTime(day + from), now_);
    question_.to = WallTime(day + to);
    if (question_.to <= now_)
      return Bad(fmt::format("it would be over at {}; now is {}", FormatRfc3339(question_.to),
                             FormatRfc3339(now_)));
    if (question_.from - now_ > kAheadMost)
      return Bad(fmt::format("it begins at {}; at most {} days ahead can be told",
                             FormatRfc3339(question_.from), kAheadMost.count() / 24));
    if (question_.to - question_.from > kLengthMost)
      return Bad(fmt::format("it lasts longer than {} days", kLengthMost.count() / 24));
    return Ok();
  }

  std::vector<std::string> words_;
  WallTime now_;
  std::chrono::milliseconds horizon_;
  std::size_t at_ = 0;
  Question question_;
  bool now_word_ = false;
  bool weekday_ = false;
  std::optional<sys_days> day_{};
  std::optional<minutes> from_{};  // of the day
  std::optional<minutes> to_{};    // may be past midnight
};

}  // namespace

Result<Question> ParseQuestion(const std::string& text, WallTime now,
                               std::chrono::milliseconds horizon) {
  return Parser(text, now, horizon).Parse();
}

}  // namespace foreshard::plugin
