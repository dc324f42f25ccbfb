#include "cli/forecast/events.h"

#include <cmath>

#include "bench/forecast_accuracy/parts.h"
#include "cli/forecast/backtest.h"
#include "cli/forecast/trace.h"

namespace foreshard::bench {

namespace {

// What a person in New York would have announced: the public holidays, and a storm that was warned
// of a day before and stopped the traffic.
constexpr const char* kTaxiEvents = R"([
  {"class": "Holiday", "occurrences": [
    {"start": "2014-07-04T05:00:00Z", "duration": "19h"},
    {"start": "2014-09-01T05:00:00Z", "duration": "19h"},
    {"start": "2014-11-27T05:00:00Z", "duration": "19h"},
    {"start": "2014-12-25T05:00:00Z", "duration": "19h"},
    {"start": "2015-01-01T05:00:00Z", "duration": "19h"}]},
  {"class": "Blizzard", "expectedMultiplierPercent": 20, "occurrences": [
    {"start": "2015-01-26T18:00:00Z", "duration": "36h", "before": "6h", "after": "6h"}]}])";

bool IsInside(const std::vector<forecast::Event>& events, model::BinIndex bin) {
  for (const forecast::Event& event : events) {
    for (const forecast::Occurrence& one : event.occurrences) {
      if (bin >= one.start - one.before && bin < one.start + one.plateau + one.after) return true;
    }
  }
  return false;
}

}  // namespace

EventSummary RunEvents(const std::string& folder, const std::string& horizon) {
  EventSummary summary{.horizon = horizon};
  const auto text = cli::ReadFile(folder + "/nyc-taxi.csv");
  if (!text) return summary;
  const auto samples = cli::ParseTrace(*text);
  if (!samples) return summary;
  const model::DemandSeries series = cli::BinTrace(*samples, std::chrono::minutes(5));
  const auto events = cli::ParseEvents(kTaxiEvents, series.bin);
  CHECK(events.ok(), "the announced events");
  cli::BacktestOptions backtest;
  backtest.horizon = *cli::ParseDuration(horizon);
  const auto without = cli::Backtest(series, backtest);
  backtest.calendar.events = *events;
  const auto with = cli::Backtest(series, backtest);
  if (!without || !with) return summary;
  double errors[2][2] = {};  // [known][inside]
  for (std::size_t i = 0; i < with->rows.size(); ++i) {
    const std::size_t inside = IsInside(*events, with->rows[i].at) ? 1 : 0;
    errors[0][inside] += std::abs(without->rows[i].ensemble - without->rows[i].actual);
    errors[1][inside] += std::abs(with->rows[i].ensemble - with->rows[i].actual);
    summary.bins += static_cast<int>(inside);
  }
  summary.inside = errors[1][1] / errors[0][1];
  summary.outside = errors[1][0] / errors[0][0];
  return summary;
}

}  // namespace foreshard::bench
