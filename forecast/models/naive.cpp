#include "forecast/models/naive.h"

namespace foreshard::forecast {

namespace {

constexpr double kRatioLeast = 0.5;
constexpr double kRatioMost = 2.0;

// The smallest multiple of the season that reaches back to a known bin.
int Period(int season, int step) { return season * ((step + season - 1) / season); }

bool Knows(const Past& past, int season, int step) {
  return season > 0 && past.size() - 1 + step - Period(season, step) >= 0;
}

double RatioToSeason(const Past& past, int season, int step) {
  const int before = past.size() - 1 - Period(season, step);
  if (before < past.hour() - 1) return SeasonBack(past, season, step);
  const double now = MeanEndingAt(past, past.size() - 1, past.hour());
  return SeasonBack(past, season, step) * LevelRatio(now, MeanEndingAt(past, before, past.hour()));
}

}  // namespace

double LevelRatio(double now, double before) {
  if (before <= 0) return now > 0 ? kRatioMost : 1.0;
  return std::clamp(now / before, kRatioLeast, kRatioMost);
}

double LastValue(const Past& past) { return past.y.back(); }

double SeasonBack(const Past& past, int season, int step) {
  if (!Knows(past, season, step)) return LastValue(past);
  return past[past.size() - 1 + step - Period(season, step)];
}

double DayBack(const Past& past, int step) { return SeasonBack(past, past.day, step); }

double WeekBack(const Past& past, int step) {
  return Knows(past, past.week, step) ? SeasonBack(past, past.week, step) : DayBack(past, step);
}

double DayRatio(const Past& past, int step) { return RatioToSeason(past, past.day, step); }

double WeekRatio(const Past& past, int step) {
  return Knows(past, past.week, step) ? RatioToSeason(past, past.week, step) : DayRatio(past, step);
}

double DayGrowth(const Past& past, int step) {
  if (past.size() < 2 * past.day) return DayBack(past, step);
  const int end = past.size() - 1;
  const double ratio =
      LevelRatio(MeanEndingAt(past, end, past.day), MeanEndingAt(past, end - past.day, past.day));
  return DayBack(past, step) * ratio;
}

}  // namespace foreshard::forecast
