#include "router/merge_value.h"

#include <fmt/format.h>

#include <bit>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>

namespace foreshard::router {

namespace {

constexpr std::int64_t kMicrosPerDay = 86'400'000'000;

std::uint64_t BigEndian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

Error Unreadable(const char* what) {
  return Error::GiveUp(fmt::format("{} is not written as the router expects", what), "", "0A000");
}

Result<Value> Integer(int format, std::string_view bytes) {
  if (format == 1) {
    const std::uint64_t value = BigEndian(bytes);
    if (bytes.size() == 8) return Value(static_cast<std::int64_t>(value));
    if (bytes.size() == 4)
      return Value(std::int64_t{static_cast<std::int32_t>(static_cast<std::uint32_t>(value))});
    if (bytes.size() == 2)
      return Value(std::int64_t{static_cast<std::int16_t>(static_cast<std::uint16_t>(value))});
    return Unreadable("an integer");
  }
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(bytes.data(), bytes.data() + bytes.size(), number);
  if (error != std::errc() || end != bytes.data() + bytes.size()) return Unreadable("an integer");
  return Value(number);
}

Result<Value> Float(std::uint32_t oid, int format, std::string_view bytes) {
  double number = 0;
  if (format == 1 && oid == kOidFloat4 && bytes.size() == 4) {
    number = std::bit_cast<float>(static_cast<std::uint32_t>(BigEndian(bytes)));
  } else if (format == 1 && oid == kOidFloat8 && bytes.size() == 8) {
    number = std::bit_cast<double>(BigEndian(bytes));
  } else if (format == 0) {
    const std::string text(bytes);
    char* end = nullptr;
    number = std::strtod(text.c_str(), &end);
    if (end == text.c_str() || *end != '\0') return Unreadable("a floating-point number");
  } else {
    return Unreadable("a floating-point number");
  }
  return Value(number == 0 ? 0.0 : number);
}

// Days since 1970-01-01 of the proleptic Gregorian calendar (Howard Hinnant, chrono-compatible date
// algorithms).
std::int64_t DaysFromCivil(std::int64_t year, std::int64_t month, std::int64_t day) {
  year -= month <= 2 ? 1 : 0;
  const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
  const std::int64_t year_of_era = year - era * 400;
  const std::int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146'097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
         719'468;
}

// ISO spelling: "2024-05-01", "10:00:00.25", "2024-05-01 10:00:00+02", "0044-03-15 BC".
class TimeReader {
 public:
  explicit TimeReader(std::string_view text) : text_(text) {}

  bool Date(std::int64_t& days) {
    std::int64_t year = 0;
    std::int64_t month = 0;
    std::int64_t day = 0;
    if (text_.ends_with(" BC")) {
      text_.remove_suffix(3);
      before_christ_ = true;
    }
    if (!Number(year, 4, 7) || !Eat('-') || !Number(month, 2, 2) || !Eat('-') || !Number(day, 2, 2))
      return false;
    days = DaysFromCivil(before_christ_ ? 1 - year : year, month, day);
    return true;
  }
  bool Time(std::int64_t& micros) {
    std::int64_t hours = 0;
    std::int64_t minutes = 0;
    std::int64_t seconds = 0;
    if (!Number(hours, 2, 2) || !Eat(':') || !Number(minutes, 2, 2) || !Eat(':') ||
        !Number(seconds, 2, 2))
      return false;
    micros = ((hours * 60 + minutes) * 60 + seconds) * 1'000'000;
    if (!Eat('.')) return true;
    std::int64_t unit = 100'000;
    for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_, unit /= 10) {
      micros += (text_[at_] - '0') * unit;
    }
    return true;
  }
  bool Zone(std::int64_t& micros) {
    const bool west = at_ < text_.size() && text_[at_] == '-';
    if (!Eat('+') && !Eat('-')) return false;
    std::int64_t hours = 0;
    std::int64_t minutes = 0;
    std::int64_t seconds = 0;
    if (!Number(hours, 2, 2)) return false;
    if (Eat(':') && !Number(minutes, 2, 2)) return false;
    if (Eat(':') && !Number(seconds, 2, 2)) return false;
    micros = ((hours * 60 + minutes) * 60 + seconds) * (west ? -1'000'000 : 1'000'000);
    return true;
  }
  bool Eat(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool AtEnd() const { return at_ == text_.size(); }

 private:
  bool Number(std::int64_t& value, std::size_t digits_min, std::size_t digits_max) {
    const std::size_t begin = at_;
    while (at_ < text_.size() && at_ - begin < digits_max && text_[at_] >= '0' &&
           text_[at_] <= '9') {
      value = value * 10 + (text_[at_++] - '0');
    }
    return at_ - begin >= digits_min;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  bool before_christ_ = false;
};

Result<Value> Moment(std::uint32_t oid, int format, std::string_view bytes) {
  if (format == 1) return Integer(1, bytes);
  if (bytes == "infinity") return Value(std::numeric_limits<std::int64_t>::max());
  if (bytes == "-infinity") return Value(std::numeric_limits<std::int64_t>::min());
  TimeReader reader(bytes);
  std::int64_t days = 0;
  std::int64_t micros = 0;
  std::int64_t zone = 0;
  if (oid != kOidTime && !reader.Date(days)) return Unreadable("a date");
  if (oid == kOidDate) return reader.AtEnd() ? Result<Value>(Value(days)) : Unreadable("a date");
  if (oid != kOidTime && !reader.Eat(' ')) return Unreadable("a time");
  if (!reader.Time(micros)) return Unreadable("a time");
  if (oid == kOidTimestamptz && !reader.Zone(zone)) return Unreadable("a time");
  if (!reader.AtEnd()) return Unreadable("a time");
  return Value(days * kMicrosPerDay + micros - zone);
}

Result<Value> Bytes(std::uint32_t oid, int format, std::string_view bytes) {
  if (oid == kOidBpchar) {
    while (bytes.ends_with(' ')) bytes.remove_suffix(1);
  }
  if (oid == kOidBytea && format == 0 && !bytes.starts_with("\\x")) return Unreadable("a bytea");
  return Value(std::string(bytes));
}

}  // namespace

bool IsCollatable(std::uint32_t oid) {
  return oid == kOidText || oid == kOidVarchar || oid == kOidBpchar;
}

bool IsComparable(std::uint32_t oid) {
  switch (oid) {
    case kOidBool:
    case kOidBytea:
    case kOidChar:
    case kOidName:
    case kOidInt8:
    case kOidInt2:
    case kOidInt4:
    case kOidText:
    case kOidOid:
    case kOidFloat4:
    case kOidFloat8:
    case kOidBpchar:
    case kOidVarchar:
    case kOidDate:
    case kOidTime:
    case kOidTimestamp:
    case kOidTimestamptz:
    case kOidNumeric:
    case kOidUuid:
      return true;
    default:
      return false;  // OIDs are an open set: domains, enums, extensions
  }
}

Result<Value> DecodeValue(std::uint32_t oid, int format, std::string_view bytes) {
  if (oid == kOidInt2 || oid == kOidInt4 || oid == kOidInt8) return Integer(format, bytes);
  if (oid == kOidOid) {
    if (format == 1) return Value(static_cast<std::int64_t>(BigEndian(bytes)));
    return Integer(0, bytes);
  }
  if (oid == kOidBool)
    return Value(std::int64_t{format == 1 ? bytes == std::string_view("\x01", 1) : bytes == "t"});
  if (oid == kOidFloat4 || oid == kOidFloat8) return Float(oid, format, bytes);
  if (oid == kOidDate || oid == kOidTime || oid == kOidTimestamp || oid == kOidTimestamptz) {
    return Moment(oid, format, bytes);
  }
  if (oid == kOidNumeric) {
    Result<Decimal> number = format == 1 ? Decimal::FromBinary(bytes) : Decimal::FromText(bytes);
    if (!number) return number.error();
    return Value(std::move(*number));
  }
  return Bytes(oid, format, bytes);
}

int CompareValues(const Value& a, const Value& b) {
  if (const auto* x = std::get_if<std::int64_t>(&a)) {
    const std::int64_t y = std::get<std::int64_t>(b);
    return static_cast<int>(*x > y) - static_cast<int>(*x < y);
  }
  if (const auto* x = std::get_if<double>(&a)) {
    const double y = std::get<double>(b);
    if (std::isnan(*x) || std::isnan(y))
      return static_cast<int>(std::isnan(*x)) - static_cast<int>(std::isnan(y));
    return static_cast<int>(*x > y) - static_cast<int>(*x < y);
  }
  if (const auto* x = std::get_if<Decimal>(&a)) return x->Compare(std::get<Decimal>(b));
  if (const auto* x = std::get_if<std::string>(&a)) return x->compare(std::get<std::string>(b));
  return 0;
}

void AppendCanonical(const Value& value, std::string& out) {
  std::string text;
  if (const auto* number = std::get_if<std::int64_t>(&value)) text = std::to_string(*number);
  if (const auto* number = std::get_if<double>(&value)) {
    text = std::isnan(*number) ? "NaN" : fmt::format("{:a}", *number);
  }
  if (const auto* number = std::get_if<Decimal>(&value)) text = number->Canonical();
  if (const auto* bytes = std::get_if<std::string>(&value)) text = *bytes;
  const bool is_null = std::holds_alternative<std::monostate>(value);
  out += is_null ? 'n' : 'v';
  const auto size = static_cast<std::uint32_t>(text.size());
  out.append(reinterpret_cast<const char*>(&size), sizeof size);
  out += text;
}

}  // namespace foreshard::router
