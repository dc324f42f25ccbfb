#pragma once

#include "forecast/past.h"

// The forecasts that cost nothing, and their versions scaled to today's level.
//
//   last        y(u)
//   day-1       y(t - P), P the smallest multiple of m1 >= h
//   week-1      the same with m2; day-1 before a week is known
//   day ratio   y(t - P) clip(A(u) / A(u - P), 1/2, 2), A(u) the mean of the hour that ends at u
//   week ratio  the same with m2
//   day growth  y(t - m1), repeated, clip(mean of the last day / mean of the day before, 1/2, 2)
//
// Source: the ratio is the multiplicative form of P-Store's level correction (SIGMOD 2018). Cost:
// nanoseconds. Errors: none; where the history is too short the value falls back to day-1, then to
// last. REQUIRES: past not empty, step >= 1.

namespace foreshard::forecast {

double LastValue(const Past& past);
double SeasonBack(const Past& past, int season, int step);  // falls back to LastValue
double DayBack(const Past& past, int step);
double WeekBack(const Past& past, int step);
double DayRatio(const Past& past, int step);
double WeekRatio(const Past& past, int step);
double DayGrowth(const Past& past, int step);

// clip(now / before, 1/2, 2); 1 when both are zero.
double LevelRatio(double now, double before);

}  // namespace foreshard::forecast
