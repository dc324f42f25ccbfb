#pragma once

#include <string>
#include <vector>

#include "base/result.h"

// How much is asked at each moment of a replayed day.

namespace foreshard::load {

// One level per step, relative to the highest level of the whole series (0..1), evenly spaced.
struct Trace {
  std::vector<double> levels;
  double step_seconds = 60;  // of the original time
};

// `timestamp,value` in UTC with a header line, evenly spaced, as in the public load traces.
// Errors: kGiveUp with the line's number for a missing column, a value that is no number or
// negative, time that goes back.
Result<Trace> ReadTrace(const std::string& path);

// A day with a morning peak, a smaller evening one and a quiet night, `days` long, one level a
// minute; day d differs a little from day d-1 (seeded), as real days do.
Trace GenerateTrace(int days, unsigned seed);

// The part from day `from` to day `to` (1.75: a quarter before the end of the second day), or an
// error that says how long the trace is.
Result<Trace> Days(const Trace& trace, double from, double to);

// Rates of a replayed trace: `seconds_per_day` compresses a day; `peak_rate` is what level 1 means,
// in statements a second.
class RateCurve {
 public:
  RateCurve(Trace trace, double seconds_per_day, double peak_rate);

  double duration_seconds() const;
  // Statements a second at `seconds` from the start; linear between steps.
  double At(double seconds) const;
  // Integral of At from 0 to `seconds`: how many statements are due by then.
  double Due(double seconds) const;

 private:
  std::vector<double> rates_;       // at step boundaries
  std::vector<double> cumulative_;  // statements due at step boundaries
  double step_seconds_;             // compressed
};

}  // namespace foreshard::load
