#pragma once

#include <cstdint>
#include <vector>

#include "forecast/forecaster.h"
#include "forecast/past.h"

// After a clock change "yesterday at nine" is an hour off for people, and right for machines. For 8
// days (15 where a week is known) every model is asked twice: of the past as it was, and of the
// past moved so that the clocks before the change show what they show now.
//
//   share = E_utc^4 / (E_utc^4 + E_local^4), E the mean |y(t) - y(t - m1)| of the bins since the
//   change (at most a day), once as it was and once moved; half each before an hour is known
//
// Source: our own. Cost: one copy of the past, and only in those days.

namespace foreshard::forecast {

class LocalView {
 public:
  LocalView(const Past& past, const Calendar& calendar, std::chrono::seconds bin);

  // Whether there is a second past to ask.
  bool differs() const { return !y_.empty(); }
  Past past() const;
  double share() const { return share_; }

 private:
  Past original_;
  std::vector<double> y_;
  std::vector<std::uint8_t> usable_;
  double share_ = 0;
};

}  // namespace foreshard::forecast
