#pragma once

#include <array>
#include <map>
#include <memory>
#include <vector>

#include "forecast/events.h"
#include "forecast/fine/calibration.h"
#include "forecast/fine/combination.h"
#include "forecast/fine/models.h"
#include "forecast/series.h"
#include "forecast/state.h"

// The fine pool: one series in bins of minutes, learning with every bin.
//
//   new bin ---> forecasts made for it mature ---> weights, scales, intervals learn ---> forecast
//   the anchors ahead, wait
//
// Cost of a new bin: tens of microseconds, nothing allocated. See the folder's README for how the
// parts fit.

namespace foreshard::forecast {

class FinePool final : public detail::State {
 public:
  // REQUIRES: valid options (CheckOptions). The history's newest bins are replayed as if live.
  static Result<std::unique_ptr<detail::State>> Fit(const History& history,
                                                    const Calendar& calendar,
                                                    const Options& options, const Shared* shared,
                                                    Random& random);
  // A pool whose state comes from Load(); nothing is fitted.
  static Result<std::unique_ptr<detail::State>> Blank(const History& history,
                                                      const Calendar& calendar,
                                                      const Options& options, const Shared* shared);

  std::unique_ptr<detail::State> Clone() const override {
    return std::make_unique<FinePool>(*this);
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
  Counts Count() const override { return counts_; }
  void Inherit(std::span<const Parent> parents) override;
  void Save(ByteWriter& out) const override;
  Status Load(ByteReader& in) override;

 private:
  FinePool(const Calendar& calendar, const Options& options, Series series);

  Status Take(const Bin& bin);
  void AskNetworkOf(const Shared* shared, bool before_the_replay);
  void LearnEvents(model::BinIndex at);
  void LearnFrom(const Past& past);
  void Issue(const Past& past);
  void LearnDrift(double scaled_error);
  double NewestDayError(const Past& past, FineModels models) const;
  double Speed() const;  // of forgetting: 4 for a day after a drift alarm
  std::array<ModelRow, kAnchorsMax> AllWeights(const Past& past) const;
  void AskAtAnchors(const Past& past, std::span<ModelRow> rows) const;
  void AskAlong(const Past& past, int bins, ModelPath& path) const;
  double Median(const ModelRow& weights, const ModelRow& forecasts) const;
  bool NearEvent(model::BinIndex target) const;
  void CompareNearEvent(std::size_t a, const Issued& issued, double y);
  void IssueNearEvent(const std::array<ModelRow, kAnchorsMax>& weights);
  double PlainShare(const Anchors::Place& place) const;
  void MixInPlain(model::Fan& fan) const;
  void MedianPath(const Past& past, int bins, std::span<double> median,
                  std::span<double> scale) const;

  Options options_;
  Calendar calendar_;
  Anchors anchors_;
  CombinationOptions combining_;
  Series series_;  // without the effects of events
  EventBook events_;
  std::map<model::BinIndex, double> divided_;  // exponents taken out of the bins of open events
  // The series as it was, and how far off forecasts from it and from the other one were during the
  // event that is on: an estimate of an event that is wrong must not cost more than knowing
  // nothing.
  Series plain_;
  struct Rivals {
    double announced = 0;  // forgetting sums of absolute errors
    double plain = 0;
  };
  std::array<Rivals, kAnchorsMax> rivals_{};
  bool was_near_event_ = false;
  FineModels models_;
  std::array<Combination, kAnchorsMax> combination_;
  Calibration calibration_;
  std::array<std::vector<Issued>, kAnchorsMax> issued_;  // ring of anchors_[a] origins each

  double newest_raw_ = 0;  // of the newest bin, with the effects of events
  model::BinIndex fitted_at_ = 0;
  bool fitted_ = false;
  double up_ = 0;  // CUSUM of the scaled error, both ways
  double down_ = 0;
  Counts counts_;
  bool alarmed_ = false;
  model::BinIndex alarm_at_ = 0;
  model::BinIndex born_at_ = -1;  // of a child: trust is capped for a season
};

}  // namespace foreshard::forecast
