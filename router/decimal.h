#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

// PostgreSQL's numeric, as far as merging needs it: read, compare, add, divide by a count, write;
// text and binary.
//
// Source: PostgreSQL 15, numeric: scale of a sum is the greatest scale, scale of a quotient by
// select_div_scale (16 significant digits at least), rounding half away from zero.

namespace foreshard::router {

class Decimal {
 public:
  Decimal() = default;  // 0
  static Decimal FromInteger(std::int64_t number);
  // Errors: kGiveUp, code 22P02.
  static Result<Decimal> FromText(std::string_view text);
  static Result<Decimal> FromBinary(std::string_view bytes);

  std::string ToText() const;
  std::string ToBinary() const;
  // Equal numbers give equal texts, whatever their scale.
  std::string Canonical() const;

  Decimal Plus(const Decimal& other) const;
  // REQUIRES: count > 0.
  Decimal DividedBy(std::int64_t count) const;
  int Compare(const Decimal& other) const;  // NaN is equal to NaN and above all

 private:
  enum class Kind { kFinite, kInfinity, kNan };

  static int CompareMagnitude(const Decimal& a, const Decimal& b);
  void Trim();

  Kind kind_ = Kind::kFinite;
  bool negative_ = false;
  std::string digits_ =
      "0";  // of the number without its point; no leading zero but for those before the point
  int scale_ = 0;  // how many of them stand after the point
};

}  // namespace foreshard::router
