#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "forecast/forecaster.h"
#include "forecast/past.h"

// One series as the models see it: every bin has a number, and a flag says whether it may be a
// target of training.
//
//   gap up to a 96th of a day (15 minutes)   a line between its ends, once the end is known
//   longer gap, outage                       day-1 x level ratio; never a target
//   zeros before the first sign of life      dropped: a series that comes alive is new
//
// Nothing is ever filled from the future of an origin that was forecast: a filled value changes
// only when the gap has ended.

namespace foreshard::forecast {

class Series {
 public:
  // Errors: kGiveUp naming the bin, for lengths that differ, a value that is not finite, or a
  // negative one.
  static Result<Series> FromHistory(const History& history, const Options& options);

  // The next bin. Errors: kGiveUp when it is not the one after last(), not finite or negative. No
  // allocation.
  Status Append(const Bin& bin);

  // No bins yet; the first Append() must be `next`.
  static Series Empty(const Options& options, model::BinIndex next);
  // Replaces the value of a kept bin; `usable`: whether it may still be a target of training.
  void Rewrite(model::BinIndex at, double value, bool usable);

  Past View() const;  // from the first living bin on
  model::BinIndex last() const { return last_; }
  int gap_bins() const { return gap_; }    // bins without information at the end
  double least() const { return least_; }  // over everything known
  double most() const { return most_; }
  double typical() const {
    return typical_;
  }                                  // median of the positive values at the last Remeasure()
  double GoodShare(int bins) const;  // of the last bins
  void Remeasure();                  // after fits: typical()
  void SetTypical(double typical) { typical_ = typical; }  // from saved state

  const std::vector<double>& values() const { return y_; }

 private:
  Series() = default;
  void Push(double value, model::BinState state);
  double Imputed() const;
  void CloseGap(double next);
  void Trim();

  int day_ = 288;
  int week_ = 0;
  std::size_t kept_ = 0;  // at most this many bins, then a day of the oldest goes
  model::BinIndex last_ = -1;
  std::vector<double> y_;
  std::vector<std::uint8_t> usable_;
  std::vector<std::uint8_t> good_;
  std::size_t alive_from_ = 0;
  int zeros_ = 0;  // run of zeros at the end
  int gap_ = 0;
  double least_ = 0;
  double most_ = 0;
  double typical_ = 0;
  bool any_ = false;
};

}  // namespace foreshard::forecast
