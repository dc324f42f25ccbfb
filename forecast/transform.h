#pragma once

#include <cmath>
#include <span>

// The space a model works in: T(y), standardised by the training part.
//
//   log1p(y / c) in the product, c = 1 % of the median positive value: zeros stay legal, units do
//   not matter. The reference rule of M4 uses plain log, sqrt or linear by the sign of the minimum.

namespace foreshard::forecast {

enum class Space { kLinear, kSquareRoot, kLog, kLog1p };

struct Transform {
  Space space = Space::kLinear;
  double unit = 1;  // c of log1p
  double mean = 0;
  double deviation = 1;

  double To(double y) const { return (Raw(y) - mean) / deviation; }
  double From(double z) const;
  double Raw(double y) const;
};

// Log where the minimum is positive, square root where it is zero, linear below.
Space ReferenceSpace(std::span<const double> y);
// Standardised over y: population deviation + 1e-12. REQUIRES: y not empty.
Transform FitTransform(std::span<const double> y, Space space);

inline double Transform::Raw(double y) const {
  switch (space) {
    case Space::kLinear:
      return y;
    case Space::kSquareRoot:
      return std::sqrt(y < 0 ? 0 : y);
    case Space::kLog:
      return std::log(y);
    case Space::kLog1p:
      return std::log1p((y < 0 ? 0 : y) / unit);
  }
  return y;
}

inline double Transform::From(double z) const {
  const double raw = z * deviation + mean;
  switch (space) {
    case Space::kLinear:
      return raw;
    case Space::kSquareRoot:
      return raw < 0 ? 0 : raw * raw;
    case Space::kLog:
      return std::exp(raw);
    case Space::kLog1p:
      return unit * std::expm1(raw);
  }
  return raw;
}

}  // namespace foreshard::forecast
