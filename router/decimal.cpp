#include "router/decimal.h"

#include <algorithm>
#include <vector>

#include "base/check.h"

namespace foreshard::router {

namespace {

constexpr int kMinSignificantDigits = 16;  // of a quotient
constexpr int kMaxDisplayScale = 1000;
constexpr int kDigitsPerGroup = 4;  // PostgreSQL keeps groups of four decimal digits

std::uint16_t Read16(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint16_t>(static_cast<unsigned char>(bytes[at]) << 8 |
                                    static_cast<unsigned char>(bytes[at + 1]));
}

void Write16(std::string& out, int value) {
  out += static_cast<char>(value >> 8 & 0xff);
  out += static_cast<char>(value & 0xff);
}

// The value of the first group of four that is not zero, and its weight: 0 for the group just
// before the point.
struct Leading {
  int weight = 0;
  int value = 0;
};

Leading LeadingGroup(const std::string& digits, int scale) {
  const int whole = static_cast<int>(digits.size()) - scale;
  const std::size_t first = digits.find_first_not_of('0');
  if (first == std::string::npos) return {};
  // Place of the first digit: 0 for ones, 1 for tens, -1 for tenths.
  const int place = whole - 1 - static_cast<int>(first);
  const int weight = place >= 0 ? place / kDigitsPerGroup : -((-place - 1) / kDigitsPerGroup + 1);
  int value = 0;
  for (int at = weight * kDigitsPerGroup + kDigitsPerGroup - 1; at >= weight * kDigitsPerGroup;
       --at) {
    const int index = whole - 1 - at;
    const bool there = index >= 0 && index < static_cast<int>(digits.size());
    value = value * 10 + (there ? digits[static_cast<std::size_t>(index)] - '0' : 0);
  }
  return {weight, value};
}

int QuotientScale(const Leading& dividend, int dividend_scale, const Leading& divisor) {
  int weight = dividend.weight - divisor.weight;
  if (dividend.value <= divisor.value) --weight;
  const int scale = kMinSignificantDigits - weight * kDigitsPerGroup;
  return std::min(std::max({scale, dividend_scale, 0}), kMaxDisplayScale);
}

std::string AddDigits(const std::string& a, const std::string& b) {
  std::string sum;
  int carry = 0;
  for (std::size_t i = 0; i < std::max(a.size(), b.size()) || carry > 0; ++i) {
    const int x = i < a.size() ? a[a.size() - 1 - i] - '0' : 0;
    const int y = i < b.size() ? b[b.size() - 1 - i] - '0' : 0;
    sum += static_cast<char>('0' + (x + y + carry) % 10);
    carry = (x + y + carry) / 10;
  }
  std::reverse(sum.begin(), sum.end());
  return sum;
}

// REQUIRES: a >= b as numbers.
std::string SubtractDigits(const std::string& a, const std::string& b) {
  std::string difference;
  int borrow = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    int digit = a[a.size() - 1 - i] - '0' - borrow - (i < b.size() ? b[b.size() - 1 - i] - '0' : 0);
    borrow = digit < 0 ? 1 : 0;
    difference += static_cast<char>('0' + digit + borrow * 10);
  }
  std::reverse(difference.begin(), difference.end());
  return difference;
}

Error Malformed() { return Error::GiveUp("malformed numeric", "", "22P02"); }

}  // namespace

void Decimal::Trim() {
  const std::size_t keep = static_cast<std::size_t>(scale_) + 1;
  if (digits_.size() < keep) digits_.insert(0, keep - digits_.size(), '0');
  std::size_t zeros = digits_.find_first_not_of('0');
  if (zeros == std::string::npos) {
    zeros = digits_.size();
    negative_ = false;
  }
  digits_.erase(0, std::min(zeros, digits_.size() - keep));
}

Decimal Decimal::FromInteger(std::int64_t number) {
  Decimal decimal;
  decimal.negative_ = number < 0;
  decimal.digits_ = std::to_string(number);
  if (decimal.negative_) decimal.digits_.erase(0, 1);
  return decimal;
}

Result<Decimal> Decimal::FromText(std::string_view text) {
  Decimal decimal;
  if (text == "NaN") {
    decimal.kind_ = Kind::kNan;
    return decimal;
  }
  if (text.starts_with('-') || text.starts_with('+')) {
    decimal.negative_ = text.front() == '-';
    text.remove_prefix(1);
  }
  if (text == "Infinity") {
    decimal.kind_ = Kind::kInfinity;
    return decimal;
  }
  decimal.digits_.clear();
  bool point = false;
  for (const char c : text) {
    if (c == '.' && !point) {
      point = true;
    } else if (c >= '0' && c <= '9') {
      decimal.digits_ += c;
      decimal.scale_ += point ? 1 : 0;
    } else {
      return Malformed();
    }
  }
  if (decimal.digits_.empty()) return Malformed();
  decimal.Trim();
  return decimal;
}

Result<Decimal> Decimal::FromBinary(std::string_view bytes) {
  if (bytes.size() < 8) return Malformed();
  const int groups = static_cast<std::int16_t>(Read16(bytes, 0));
  const int weight = static_cast<std::int16_t>(Read16(bytes, 2));
  const int sign = Read16(bytes, 4);
  Decimal decimal;
  decimal.scale_ = Read16(bytes, 6);
  decimal.negative_ = sign == 0x4000 || sign == 0xf000;
  if (sign == 0xc000) decimal.kind_ = Kind::kNan;
  if (sign == 0xd000 || sign == 0xf000) decimal.kind_ = Kind::kInfinity;
  if (decimal.kind_ != Kind::kFinite) {
    decimal.scale_ = 0;
    return decimal;
  }
  if (groups < 0 || bytes.size() != 8 + 2 * static_cast<std::size_t>(groups)) return Malformed();
  decimal.digits_.clear();
  // Groups from the highest down to the last one that the scale shows.
  const int last = -((decimal.scale_ + kDigitsPerGroup - 1) / kDigitsPerGroup);
  for (int at = std::max(weight, 0); at >= last; --at) {
    const int index = weight - at;
    const int value =
        index >= 0 && index < groups ? Read16(bytes, 8 + 2 * static_cast<std::size_t>(index)) : 0;
    std::string group = std::to_string(value);
    decimal.digits_ +=
        std::string(kDigitsPerGroup - std::min<std::size_t>(group.size(), kDigitsPerGroup), '0') +
        group;
  }
  decimal.digits_.resize(decimal.digits_.size() -
                         static_cast<std::size_t>(-last * kDigitsPerGroup - decimal.scale_));
  decimal.Trim();
  return decimal;
}

std::string Decimal::ToText() const {
  if (kind_ == Kind::kNan) return "NaN";
  const std::string sign = negative_ ? "-" : "";
  if (kind_ == Kind::kInfinity) return sign + "Infinity";
  if (scale_ == 0) return sign + digits_;
  const std::size_t whole = digits_.size() - static_cast<std::size_t>(scale_);
  return sign + digits_.substr(0, whole) + "." + digits_.substr(whole);
}

std::string Decimal::ToBinary() const {
  std::string out;
  if (kind_ != Kind::kFinite) {
    Write16(out, 0);
    Write16(out, 0);
    Write16(out, kind_ == Kind::kNan ? 0xc000 : negative_ ? 0xf000 : 0xd000);
    Write16(out, 0);
    return out;
  }
  // Whole groups on both sides of the point.
  std::string padded = digits_;
  const int whole = static_cast<int>(digits_.size()) - scale_;
  const int front = (kDigitsPerGroup - whole % kDigitsPerGroup) % kDigitsPerGroup;
  padded.insert(0, static_cast<std::size_t>(front), '0');
  padded.append(
      static_cast<std::size_t>((kDigitsPerGroup - scale_ % kDigitsPerGroup) % kDigitsPerGroup),
      '0');
  std::vector<int> groups;
  for (std::size_t at = 0; at < padded.size(); at += kDigitsPerGroup) {
    int value = 0;
    for (std::size_t i = 0; i < kDigitsPerGroup; ++i) value = value * 10 + (padded[at + i] - '0');
    groups.push_back(value);
  }
  int weight = (whole + front) / kDigitsPerGroup - 1;
  std::size_t first = 0;
  while (first < groups.size() && groups[first] == 0) ++first;
  std::size_t end = groups.size();
  while (end > first && groups[end - 1] == 0) --end;
  weight = first == end ? 0 : weight - static_cast<int>(first);
  Write16(out, static_cast<int>(end - first));
  Write16(out, weight);
  Write16(out, negative_ ? 0x4000 : 0);
  Write16(out, scale_);
  for (std::size_t i = first; i < end; ++i) Write16(out, groups[i]);
  return out;
}

std::string Decimal::Canonical() const {
  std::string text = ToText();
  if (kind_ != Kind::kFinite || scale_ == 0) return text;
  while (text.ends_with('0')) text.pop_back();
  if (text.ends_with('.')) text.pop_back();
  return text;
}

Decimal Decimal::Plus(const Decimal& other) const {
  if (kind_ != Kind::kFinite || other.kind_ != Kind::kFinite) {
    const bool opposite =
        kind_ == Kind::kInfinity && other.kind_ == Kind::kInfinity && negative_ != other.negative_;
    Decimal special = kind_ != Kind::kFinite ? *this : other;
    if (kind_ == Kind::kNan || other.kind_ == Kind::kNan || opposite) special.kind_ = Kind::kNan;
    return special;
  }
  Decimal sum;
  sum.scale_ = std::max(scale_, other.scale_);
  const std::string a = digits_ + std::string(static_cast<std::size_t>(sum.scale_ - scale_), '0');
  const std::string b =
      other.digits_ + std::string(static_cast<std::size_t>(sum.scale_ - other.scale_), '0');
  if (negative_ == other.negative_) {
    sum.negative_ = negative_;
    sum.digits_ = AddDigits(a, b);
  } else {
    const bool first_greater = CompareMagnitude(*this, other) >= 0;
    sum.negative_ = first_greater ? negative_ : other.negative_;
    const std::size_t width = std::max(a.size(), b.size());
    const std::string wide_a = std::string(width - a.size(), '0') + a;
    const std::string wide_b = std::string(width - b.size(), '0') + b;
    sum.digits_ = first_greater ? SubtractDigits(wide_a, wide_b) : SubtractDigits(wide_b, wide_a);
  }
  sum.Trim();
  return sum;
}

Decimal Decimal::DividedBy(std::int64_t count) const {
  CHECK(count > 0, "a count", count);
  if (kind_ != Kind::kFinite) return *this;
  Decimal quotient;
  quotient.negative_ = negative_;
  quotient.scale_ =
      QuotientScale(LeadingGroup(digits_, scale_), scale_, LeadingGroup(std::to_string(count), 0));
  // Digits of the dividend, then zeros, one more than shown: it decides the rounding.
  __extension__ using Wide = unsigned __int128;
  Wide remainder = 0;
  quotient.digits_.clear();
  const int steps = static_cast<int>(digits_.size()) + quotient.scale_ - scale_ + 1;
  for (int i = 0; i < steps; ++i) {
    const auto index = static_cast<std::size_t>(i);
    remainder =
        remainder * 10 + static_cast<Wide>(index < digits_.size() ? digits_[index] - '0' : 0);
    quotient.digits_ +=
        static_cast<char>('0' + static_cast<int>(remainder / static_cast<Wide>(count)));
    remainder %= static_cast<Wide>(count);
  }
  const bool up = quotient.digits_.back() >= '5';
  quotient.digits_.pop_back();
  if (quotient.digits_.empty()) quotient.digits_ = "0";
  if (up) quotient.digits_ = AddDigits(quotient.digits_, "1");
  quotient.Trim();
  return quotient;
}

int Decimal::CompareMagnitude(const Decimal& a, const Decimal& b) {
  const int scale = std::max(a.scale_, b.scale_);
  std::string x = a.digits_ + std::string(static_cast<std::size_t>(scale - a.scale_), '0');
  std::string y = b.digits_ + std::string(static_cast<std::size_t>(scale - b.scale_), '0');
  const std::size_t width = std::max(x.size(), y.size());
  x.insert(0, width - x.size(), '0');
  y.insert(0, width - y.size(), '0');
  return x.compare(y);
}

int Decimal::Compare(const Decimal& other) const {
  if (kind_ == Kind::kNan || other.kind_ == Kind::kNan) {
    return static_cast<int>(kind_ == Kind::kNan) - static_cast<int>(other.kind_ == Kind::kNan);
  }
  const auto rank = [](const Decimal& d) {
    return d.kind_ != Kind::kInfinity ? 0 : d.negative_ ? -1 : 1;
  };
  if (rank(*this) != rank(other)) return rank(*this) < rank(other) ? -1 : 1;
  if (rank(*this) != 0) return 0;
  if (negative_ != other.negative_) return negative_ ? -1 : 1;
  const int magnitude = CompareMagnitude(*this, other);
  return negative_ ? -magnitude : magnitude;
}

}  // namespace foreshard::router
