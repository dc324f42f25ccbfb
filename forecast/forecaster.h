#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "model/load.h"

// The door of forecasting: the past of one demand series in, a fan of quantiles for every bin ahead
// out.
//
//   Fitted fitted = *Fit(history, calendar, options, shared, random);   // once, and after a
//   restart without state fitted = *Update(std::move(fitted), bin);                           //
//   every bin, under a millisecond Fan fan = Forecast(fitted, {.bins = 24}); // what will be asked,
//   with honest width Trust trust = Score(fitted);                                        // how
//   far to believe it if (RefitDue(fitted)) fitted = *Refit(std::move(fitted), random);   // once a
//   season, and at once on drift
//
// Pure: no clock ("now" is the newest bin), no I/O, no threads, no randomness but the one passed
// in. Different series may be worked on by different threads; the results do not depend on their
// number. Nothing throws.

namespace foreshard::forecast {

using History = model::DemandSeries;

// One new bin: the one after the newest, or a gap with no information (state kMissing).
struct Bin {
  model::BinIndex at = 0;
  double mean = 0;
  double peak = 0;
  model::BinState state = model::BinState::kGood;
};

// Which models compete: kFine for bins of minutes and a few hours ahead, kHourly for hours and
// days.
enum class Pool { kFine, kHourly };

// All constants. Lengths are counted in bins or in seasons, never in minutes, so a "day" may last
// eight minutes.
struct Options {
  Pool pool = Pool::kFine;
  std::chrono::seconds bin{300};
  int day_bins = 288;       // m1, the first season
  int week_bins = 2016;     // m2, the second; 0: there is none
  int horizon_bins = 24;    // steps of the fan
  double weight_power = 4;  // w ~ (min L / L_k)^power
  double error_half_life_days = 0.15;
  double scale_half_life_days = 0.25;
  double residual_half_life_days = 1;
  double adaptive_rate = 0.003;  // gamma of ACI; 0 switches it off
  int replay_days =
      2;  // Fit() forecasts its last days as if live, to calibrate weights and intervals
  int kept_days = 35;      // history kept for the next refit
  double clip_mads = 6;    // outliers beyond are clipped, for fitting only
  double drift_alarm = 8;  // CUSUM threshold; 0 switches drift detection off
  // For the ablation table. Production never sets them.
  bool without_ratio_models = false;
  bool without_pooling = false;
  bool without_log = false;
  bool least_squares = false;
  bool select_best = false;
  bool equal_weights = false;
  bool reference_rule = false;           // hourly: the 13 models and the rule of the golden test
  std::vector<std::string> only_models;  // empty: all of the pool
  std::vector<std::string> without_models;
};

// From `since` on, local time is UTC + offset. For a time zone of people: at most a few a year.
struct OffsetChange {
  model::BinIndex since = 0;
  std::chrono::seconds offset{0};
  bool operator==(const OffsetChange&) const = default;
};

// One occurrence of a LoadEvent, in bins: rises linearly over `before`, holds for `plateau`, falls
// over `after`.
struct Occurrence {
  model::BinIndex start = 0;
  int before = 0;
  int plateau = 1;
  int after = 0;
  bool operator==(const Occurrence&) const = default;
};

// What history cannot show. Occurrences of one name share one learned effect.
struct Event {
  std::string name;
  double expected_multiplier = 0;  // 0: unknown; 2: twice the load
  std::vector<Occurrence> occurrences;
  bool operator==(const Event&) const = default;
};

struct Calendar {
  std::vector<OffsetChange> offsets;  // ascending; empty: UTC
  std::vector<Event> events;
  bool operator==(const Calendar&) const = default;
};

// What the series of a set share: pooled residuals, profiles, global models. See forecast/shared.h.
class Shared;

namespace detail {
class State;
}

// Everything known about one series. A value: copies are independent.
class Fitted {
 public:
  explicit Fitted(std::unique_ptr<detail::State> state);
  Fitted(const Fitted& other);
  Fitted& operator=(const Fitted& other);
  Fitted(Fitted&&) noexcept;
  Fitted& operator=(Fitted&&) noexcept;
  ~Fitted();

  model::BinIndex last() const;  // newest bin seen
  const detail::State& state() const { return *state_; }
  detail::State& state() { return *state_; }

 private:
  std::unique_ptr<detail::State> state_;
};

struct Horizon {
  int bins = 0;  // 0: options.horizon_bins; never more than that
};

// Errors: kGiveUp names the first bad bin (not finite, negative, lengths that differ) or option. A
// short history is no error: the pool shrinks to what it can bear and trust is 0.
Result<Fitted> Fit(const History& history, const Calendar& calendar, const Options& options,
                   const Shared* shared, Random& random);

// Errors: kGiveUp for a bin that is not the next one or not a number; `fitted` is then lost, keep a
// copy if you go on. Cost: < 1 ms, no allocation.
Result<Fitted> Update(Fitted fitted, const Bin& bin);

// New coefficients from the kept history; weights, intervals and trust go on. Kept only if not over
// 5 % worse on the newest day.
bool RefitDue(const Fitted& fitted);
Result<Fitted> Refit(Fitted fitted, const Shared* shared, Random& random);

model::Fan Forecast(const Fitted& fitted, Horizon horizon);
// The same without allocating when `fan` was used before.
void ForecastInto(const Fitted& fitted, Horizon horizon, model::Fan& fan);
model::Scenarios Draw(const Fitted& fitted, Horizon horizon);
model::Trust Score(const Fitted& fitted);

// What the ensemble is made of, and how good it was lately; for metrics, explanations and the
// backtest.
struct ModelReport {
  std::string_view name;
  double weight = 0;        // at that step
  double recent_error = 0;  // exponentially weighted absolute error
  double forecast = 0;      // from the newest bin
};
struct StepReport {
  int step = 0;  // bins ahead
  double ensemble_error = 0;
  double best_naive_error = 0;  // the better of last value and day-1
  double coverage90 = 0;  // share of outcomes inside the central 90 %; 0 before any was scored
  std::int64_t scored = 0;
  std::vector<ModelReport> models;
};
std::vector<StepReport> Explain(const Fitted& fitted);

// Since the state began; for metrics. The hourly pool has none of these.
struct Counts {
  std::int64_t drift_alarms = 0;
  std::int64_t refits = 0;
  std::int64_t refits_refused = 0;  // worse by over 5 % on the newest day: the old ones stayed
  bool operator==(const Counts&) const = default;
};
Counts CountsOf(const Fitted& fitted);

// Whether a model of that pool has this name (for only_models).
bool IsModel(Pool pool, std::string_view name);

// A range is what persists: a shard's series is composed of the intervals it owns now, from whoever
// owned them then.
struct Share {
  std::size_t history = 0;   // index into the histories
  model::BinIndex from = 0;  // [from, to)
  model::BinIndex to = 0;
  std::vector<double>
      by_hour;  // share by hour of day (day_bins / size bins each); one value: constant
};
struct Lineage {
  int day_bins = 288;
  std::vector<Share> shares;
};
// A bin is missing when any part of it is. Errors: kGiveUp when grids differ or a share is outside
// 0..1.
Result<History> Compose(const Lineage& lineage, std::span<const History> histories);

// Weights, scales, interval levels and event effects of the parents (weighted by their shares of
// the demand) go to a child whose history was composed. For one season trust is capped at 0.8.
struct Parent {
  const Fitted* fitted = nullptr;
  double share = 1;
};
Fitted Inherit(Fitted child, std::span<const Parent> parents);

// State is a cache with a format version; the history itself comes from the metrics again. Errors:
// kGiveUp for damaged bytes, an unknown version, or a history that does not end where the state
// does: then Fit() anew.
std::string Serialize(const Fitted& fitted);
Result<Fitted> Parse(std::string_view bytes, const History& history, const Calendar& calendar,
                     const Options& options, const Shared* shared);

}  // namespace foreshard::forecast
