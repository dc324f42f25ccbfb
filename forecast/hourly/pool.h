#pragma once

#include <memory>
#include <vector>

#include "forecast/hourly/combination.h"
#include "forecast/hourly/intervals.h"
#include "forecast/hourly/models.h"
#include "forecast/series.h"
#include "forecast/state.h"

// The hourly pool: hours and days ahead. Every model forecasts from the last ten days' ends; the
// errors there give weights and intervals. Those origins are whole days counted from a fixed one,
// so an origin's forecast never changes, and a daily refit computes two new ones instead of eleven.
//
// Where kernel regression foresees a spike (1.5 times the median), quantiles from 75 % on are
// lifted towards it by the share of such claims that came true at the past origins. Nothing is
// lowered.
//
// Update() only notes the bin; Refit() makes the forecast, some 10 ms. RefitDue() after every bin.

namespace foreshard::forecast {

class HourlyPool final : public detail::State {
 public:
  static Result<std::unique_ptr<detail::State>> Fit(const History& history,
                                                    const Calendar& calendar,
                                                    const Options& options, const Shared* shared,
                                                    Random& random);
  static Result<std::unique_ptr<detail::State>> Blank(const History& history,
                                                      const Calendar& calendar,
                                                      const Options& options, const Shared* shared);

  std::unique_ptr<detail::State> Clone() const override {
    return std::make_unique<HourlyPool>(*this);
  }
  model::BinIndex last() const override { return series_.last(); }
  const Options& options() const override { return options_; }
  Status Update(const Bin& bin) override;
  bool RefitDue() const override;
  Status Refit(const Shared* shared, Random& random) override;
  void Forecast(int bins, model::Fan& fan) const override;
  model::Scenarios Draw(int bins) const override;
  model::Trust Score() const override;
  std::vector<StepReport> Explain() const override;
  Counts Count() const override { return {}; }  // weights and intervals are made anew each time
  void Inherit(std::span<const Parent> parents) override;
  void Save(ByteWriter& out) const override;
  Status Load(ByteReader& in) override;

  // Scaled errors at past origins, steps x origins; for pooling.
  Eigen::ArrayXXd ScaledErrors() const;

 private:
  HourlyPool(const Calendar& calendar, const Options& options, Series series);

  Eigen::ArrayXXd Ask(const Past& past, const Shared* shared, bool from_the_past);
  void RefreshOrigins(const Past& past, const Shared* shared);
  void Remember(const Past& past, model::BinIndex origin, const Shared* shared);
  Eigen::ArrayXXd ErrorsWithoutOwnOrigin() const;
  double KernelHits() const;
  void LiftForSpikes(model::Fan& fan) const;
  HourlyCombination Rule() const;
  HourlyIntervals Intervals() const;

  Options options_;
  Calendar calendar_;
  Series series_;
  HourlyRules rules_;
  HourlyWarmStart warm_;
  std::vector<PastForecast> origins_;  // newest first, at most ten
  Eigen::ArrayXXd newest_;             // forecasts from last(), steps x models
  model::BinIndex forecast_at_ = -1;
  PooledErrors pooled_;
  Eigen::ArrayXXd errors_;  // cached: steps x origins
  double naive_error_ = 0;  // seasonal-naive error of the history
  model::BinIndex born_at_ = -1;
};

}  // namespace foreshard::forecast
