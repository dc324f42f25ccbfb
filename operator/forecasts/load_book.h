#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "forecast/forecaster.h"
#include "model/estimator.h"
#include "model/ids.h"
#include "model/load.h"
#include "operator/forecasts/day_forecast.h"
#include "operator/forecasts/retrain.h"
#include "operator/forecasts/saved_forecast.h"
#include "operator/metrics/demand_query.h"

// What is known about the load of each shard of one set: its demand as one series (statements
// weighted by what they cost), the forecast of that, and how demand becomes CPU. Brought forward
// bin by bin; everything in it can be rebuilt from the metrics.
//
// Demand is forecast, not utilisation: utilisation changes because of what we do. The fan becomes
// utilisation at the end, by the estimator, which is monotone, so quantiles stay quantiles.

namespace foreshard::op {

struct LoadBookOptions {
  std::chrono::seconds bin{300};
  std::vector<std::chrono::milliseconds> seasons;
  std::chrono::milliseconds horizon{0};
  double capacity_cores = 1;
  bool learns_beside =
      false;  // the owner carries out Due(); else a fit that is due is made at once
  bool operator==(const LoadBookOptions&) const = default;
};

// One shard, as the planner wants it: fractions of its CPU capacity.
struct ShardLoad {
  model::Fan fan;              // utilisation; no steps: no forecast
  model::Scenarios scenarios;  // utilisation
  // Utilisation over a day in steps of LaterBins() bins; the first holds the bin after the newest.
  // Empty: no forecast, or fewer than two whole days are known.
  std::vector<model::Quantiles> later;
  model::Trust trust;
  double background = 0;
  bool estimator_usable = false;
  std::vector<double> measured;  // newest bins, oldest first; empty when the newest is not known
  double statements = 0;         // a second, in the newest known bin
  // Quantiles of statements a second ahead, at today's mix of reads and writes; for people and
  // metrics.
  std::vector<model::Quantiles> statements_ahead;
  bool fresh = false;  // the newest two bins are not both missing
};

class LoadBook {
 public:
  explicit LoadBook(LoadBookOptions options);

  // `demand`, `measured` and `cores` cover [first, now]. What statements cost is learned from
  // `measured` only: imported history says what clients asked, not what these shards did. Shards
  // that are not in `demand` any more are forgotten; a shard without a calendar has no events.
  // Errors: kGiveUp from the forecaster, naming the shard; the others went forward.
  Status Advance(const std::map<model::ShardId, ShardDemand>& demand,
                 const std::map<model::ShardId, ShardDemand>& measured,
                 const std::map<model::ShardId, std::vector<double>>& cores, model::BinIndex first,
                 model::BinIndex now,
                 const std::map<model::ShardId, forecast::Calendar>& calendars = {});

  const std::map<model::ShardId, ShardLoad>& loads() const { return loads_; }
  const LoadBookOptions& options() const { return options_; }
  // What the set's statements cost, of the weighted series; says why when it excludes itself.
  const model::Estimator& estimator() const { return estimator_; }
  // What each shard usually carries over its longest season that was seen whole, utilisation, in
  // places of `step_bins` bins, highest bin of each; empty where none was. For bins that no
  // forecast reaches: place (bin / step_bins) mod size.
  std::map<model::ShardId, std::vector<double>> Usual(int step_bins) const;
  // The fewest bins that divide every season into at most `places_max` places.
  int UsualStep(int places_max) const;
  // Bins of one step of ShardLoad::later; 1 where a day is too short to have any.
  int LaterBins() const;
  // How good the forecast was lately, by step; for metrics. Empty before anything was scored.
  std::vector<forecast::StepReport> Report(const model::ShardId& shard) const;
  // Of all shards together, since their states began.
  forecast::Counts Count() const;

  // What was saved by Save(), before the first Advance(). What does not fit the history that comes
  // is learned anew.
  void Restore(SavedForecasts saved);
  std::optional<SavedForecast> Save(const model::ShardId& shard) const;
  const SavedNetwork& network() const { return network_; }

  // What should be learned anew, if anything; Adopt() what came of it before asking again. The book
  // goes on meanwhile: what is adopted is brought forward to its newest bin.
  std::optional<RetrainJob> Due();
  void Adopt(Retrained learned);

 private:
  struct Entry {
    std::optional<forecast::Fitted> fitted;
    model::DemandSeries history;  // what `fitted` has seen
    forecast::Calendar calendar;  // and what it was told of events
    DayForecast day;
    std::int64_t fits = 0;  // tells a state from one that was fitted anew
  };

  // Cores that a bin uses before any statement.
  double BackgroundAt(model::BinIndex bin) const;
  void LearnCpu(const std::map<model::ShardId, ShardDemand>& demand,
                const std::map<model::ShardId, std::vector<double>>& cores, model::BinIndex first);
  model::DemandSeries SeriesOf(const ShardDemand& demand, model::BinIndex first) const;
  Status Forward(const model::ShardId& shard, model::DemandSeries series,
                 const forecast::Calendar& calendar, DayForecast::Budget& days);
  void Reopen(const SavedForecast& saved, const model::DemandSeries& series,
              const forecast::Calendar& calendar, Entry& entry);
  std::string Grid() const;
  bool NetworkDue() const;
  ShardLoad LoadOf(const Entry& entry, const ShardDemand& demand, const std::vector<double>* cores,
                   model::BinIndex now) const;
  void ToUtilisation(ShardLoad& load) const;
  void AddDay(const Entry& entry, model::BinIndex now, ShardLoad& load) const;

  LoadBookOptions options_;
  forecast::Options forecast_options_;
  Random random_{1};  // a fixed seed: the same metrics give the same forecast after a restart
  double write_weight_ = 1;  // reads that one write costs
  model::Estimator
      estimator_;  // of the weighted series: its reads are reads + write_weight * writes
  std::map<model::ShardId, Entry> entries_;
  std::map<model::ShardId, ShardLoad> loads_;

  std::map<model::ShardId, SavedForecast> saved_;  // restored, not yet used
  SavedNetwork network_;
  model::BinIndex network_tried_at_ = 0;              // 0: never
  bool asked_ = false;                                // somebody works on Due()
  std::map<model::ShardId, std::int64_t> asked_for_;  // and these shards, fitted so often then
  std::int64_t fits_ = 0;
};

}  // namespace foreshard::op
