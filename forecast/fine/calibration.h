#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "forecast/fine/models.h"
#include "forecast/past.h"
#include "forecast/residuals.h"
#include "model/load.h"

// How wide the fan is. Per horizon anchor: a local scale, the distribution of scaled errors,
// adaptive levels. Per window: the same for the largest error of the window. And the last matured
// error paths, the stuff scenarios are made of.
//
//   scale(h) = EWMA |error| + 2 % of the forecast + 1 % of the typical level
//   quantile = median + Residuals(adaptive level) * scale
//
// The last term of the scale matters: on a series that was zero until yesterday a relative scale
// makes the upper quantiles explode.

namespace foreshard::forecast {

struct CalibrationOptions {
  int horizon = 24;
  int day = 288;
  double scale_keep = 1;  // forgetting a bin
  double residual_keep = 1;
  double adaptive_rate = 0.002;
};

// A forecast that waits for its outcome.
struct Issued {
  bool valid = false;
  ModelRow models{};
  double median = 0;
  double scale = 1;
  model::Quantiles quantiles{};
  // Near an event: what its estimate says, and what the same models say that never heard of it.
  bool near_event = false;
  double announced = 0;
  double plain = 0;
};

// One horizon anchor.
struct AnchorCalibration {
  double error = 0;         // EWMA of |y - median|
  double error_weight = 0;  // its bias correction
  double last_error = 0;    // the same for last, day-1 and the ensemble, over a day
  double day_error = 0;
  double skill_error = 0;  // of the ensemble, over the same day
  double inside90 = 0;     // forgetting share of outcomes inside the central 90 %
  double inside_weight = 0;
  double scored = 0;
  Residuals residuals;
  AdaptiveLevels levels;

  double MeanError() const { return error_weight > 0 ? error / error_weight : 0; }
};

class Calibration {
 public:
  Calibration(const CalibrationOptions& options, const Anchors& anchors);

  // The forecast for anchors[a] made at the bin whose value is being learned now minus anchors[a].
  void Learn(std::size_t a, const Issued& issued, double y, double speed);

  double Scale(int step, double median, double typical) const;
  void Spread(int step, double median, double scale, double most, model::Quantiles& out) const;

  // Paths: every stride() bins, at absolute multiples, so that all series draw from the same
  // origins.
  int stride() const { return stride_; }
  bool StartsPath(model::BinIndex origin) const { return origin % stride_ == 0; }
  void StartPath(model::BinIndex origin, std::span<const double> median,
                 std::span<const double> scale);
  // Called with every new bin; matures the path that started a horizon ago, if any.
  void MaturePath(const Past& past);

  void Windows(model::Fan& fan, double most) const;
  model::Scenarios Draw(const model::Fan& fan) const;

  AnchorCalibration& anchor(std::size_t a) { return anchor_[a]; }
  const AnchorCalibration& anchor(std::size_t a) const { return anchor_[a]; }
  // Drift: every level outward, by a share of the way to the next one.
  void set_wider(double share) { wider_ = share; }
  void Blend(const Calibration& other, double share, double scale);

  void Save(ByteWriter& out) const;
  void Load(ByteReader& in);

 private:
  static constexpr std::size_t kWindows = 2;
  static constexpr std::size_t kPaths = 64;

  struct Path {
    bool valid = false;
    model::BinIndex origin = 0;
    std::vector<double> median;  // pending; a matured path keeps scaled errors here
    std::vector<double> scale;
  };
  struct Window {
    int bins = 0;
    Residuals residuals;
    AdaptiveLevels levels;
  };

  // The scaled error at a level: the series' own, mixed with the prior while there are fewer than
  // `needed`.
  double Factor(const Residuals& own, const AdaptiveLevels& levels, std::size_t i,
                double needed) const;
  Path& Pending(model::BinIndex origin);

  CalibrationOptions options_;
  Anchors anchors_;
  int stride_ = 1;
  std::array<AnchorCalibration, kAnchorsMax> anchor_;
  std::array<Window, kWindows> window_;
  std::vector<Path> pending_;
  std::vector<Path> matured_;  // a ring of kPaths
  std::size_t next_ = 0;
  double wider_ = 0;
  Residuals prior_;
  double needed_ = 0;  // own errors, a quarter of a day of them
};

}  // namespace foreshard::forecast
