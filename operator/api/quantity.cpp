#include "operator/api/quantity.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <limits>

namespace foreshard::op {
namespace {

struct Suffix {
  std::string_view text;
  long double factor;
};

constexpr std::array<Suffix, 15> kSuffixes = {{{"", 1.0L},
                                               {"n", 1e-9L},
                                               {"u", 1e-6L},
                                               {"m", 1e-3L},
                                               {"k", 1e3L},
                                               {"M", 1e6L},
                                               {"G", 1e9L},
                                               {"T", 1e12L},
                                               {"P", 1e15L},
                                               {"E", 1e18L},
                                               {"Ki", 1024.0L},
                                               {"Mi", 1048576.0L},
                                               {"Gi", 1073741824.0L},
                                               {"Ti", 1099511627776.0L},
                                               {"Pi", 1125899906842624.0L}}};
constexpr long double kExbi = 1152921504606846976.0L;

Error Wrong(std::string_view text) {
  return Error::GiveUp(fmt::format("'{}' is no quantity; write for example 500m, 2 or 20Gi", text));
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// The exponent of "e3", "E-2"; false if it is something else.
bool ReadExponent(std::string_view text, int* exponent) {
  if (text.size() < 2 || (text[0] != 'e' && text[0] != 'E')) return false;
  const bool negative = text[1] == '-';
  const std::size_t start = negative || text[1] == '+' ? 2 : 1;
  if (start >= text.size() || text.size() - start > 2) return false;
  int value = 0;
  for (std::size_t i = start; i < text.size(); ++i) {
    if (!IsDigit(text[i])) return false;
    value = value * 10 + (text[i] - '0');
  }
  *exponent = negative ? -value : value;
  return true;
}

Result<long double> FactorOf(std::string_view suffix, std::string_view text) {
  for (const Suffix& known : kSuffixes) {
    if (known.text == suffix) return known.factor;
  }
  if (suffix == "Ei") return kExbi;
  int exponent = 0;
  if (ReadExponent(suffix, &exponent)) return std::pow(10.0L, static_cast<long double>(exponent));
  return Wrong(text);
}

Result<std::int64_t> Scaled(std::string_view text, long double scale) {
  std::size_t place = 0;
  const bool negative = !text.empty() && text[0] == '-';
  if (negative || (!text.empty() && text[0] == '+')) ++place;
  long double number = 0;
  long double unit = 1;
  bool digits = false;
  bool fraction = false;
  for (; place < text.size() && (IsDigit(text[place]) || (text[place] == '.' && !fraction));
       ++place) {
    if (text[place] == '.') {
      fraction = true;
      continue;
    }
    digits = true;
    number = number * 10 + (text[place] - '0');
    if (fraction) unit *= 10;
  }
  if (!digits) return Wrong(text);
  const Result<long double> factor = FactorOf(text.substr(place), text);
  if (!factor) return factor.error();
  // Rounded up but for the error of the arithmetic itself: 0.1 must stay 100 thousandths.
  const long double exact = number / unit * *factor * scale;
  const long double nearest = std::round(exact);
  const long double whole = std::fabs(exact - nearest) < 1e-9L ? nearest : std::ceil(exact);
  const auto largest = static_cast<long double>(std::numeric_limits<std::int64_t>::max());
  const std::int64_t value = whole >= largest ? std::numeric_limits<std::int64_t>::max()
                                              : static_cast<std::int64_t>(whole);
  return negative ? -value : value;
}

}  // namespace

Result<std::int64_t> ParseQuantity(std::string_view text) { return Scaled(text, 1.0L); }

Result<std::int64_t> ParseMilliQuantity(std::string_view text) { return Scaled(text, 1000.0L); }

}  // namespace foreshard::op
