#include "forecast/fine/calibration.h"

#include <algorithm>
#include <cmath>

namespace foreshard::forecast {

namespace {

constexpr double kErrorCap = 10;
constexpr double kScaleOfForecast = 0.02;
constexpr double kScaleOfTypical = 0.01;
constexpr double kCapOverMost = 3;  // the fan never exceeds this times the largest value seen
constexpr std::size_t kLow90 = 2;   // indices of 5 % and 95 % in kLevels
constexpr std::size_t kHigh90 = 8;

double Ewma(double old_sum, double value, double keep) {
  return old_sum * keep + value * (1 - keep);
}

}  // namespace

Calibration::Calibration(const CalibrationOptions& options, const Anchors& anchors)
    : options_(options), anchors_(anchors), stride_(std::max(1, options.horizon / 4)) {
  needed_ = std::max(4.0, options.day / 4.0);
  prior_.AddPrior(1);
  window_[0].bins = std::clamp(options.day / 24, 1, options.horizon);
  window_[1].bins = options.horizon;
  const auto horizon = static_cast<std::size_t>(options.horizon);
  pending_.resize(horizon / static_cast<std::size_t>(stride_) + 2);
  matured_.resize(kPaths);
  for (std::vector<Path>* paths : {&pending_, &matured_}) {
    for (Path& path : *paths) {
      path.median.resize(horizon);
      path.scale.resize(horizon);
    }
  }
}

void Calibration::Learn(std::size_t a, const Issued& issued, double y, double speed) {
  AnchorCalibration& anchor = anchor_[a];
  const double error = std::abs(y - issued.median);
  const double keep = std::pow(options_.scale_keep, speed);
  // One spike is an outlier of the distribution, not a new scale.
  const double capped = std::min(error, kErrorCap * issued.scale);
  anchor.error = Ewma(anchor.error, capped, keep);
  anchor.error_weight = Ewma(anchor.error_weight, 1, keep);
  const double day_keep = options_.scale_keep;  // half a day's half-life: a day's memory
  anchor.skill_error = Ewma(anchor.skill_error, error, day_keep);
  anchor.last_error = Ewma(anchor.last_error, std::abs(y - issued.models[0]), day_keep);
  anchor.day_error = Ewma(anchor.day_error, std::abs(y - issued.models[1]), day_keep);
  const bool inside = y >= issued.quantiles[kLow90] && y <= issued.quantiles[kHigh90];
  anchor.inside90 = Ewma(anchor.inside90, inside ? 1 : 0, std::sqrt(day_keep));
  anchor.inside_weight = Ewma(anchor.inside_weight, 1, std::sqrt(day_keep));
  anchor.scored += 1;
  if (issued.scale > 0)
    anchor.residuals.Add((y - issued.median) / issued.scale, options_.residual_keep);
  anchor.levels.Learn(issued.quantiles, y, options_.adaptive_rate);
}

double Calibration::Factor(const Residuals& own, const AdaptiveLevels& levels, std::size_t i,
                           double needed) const {
  const double level = levels.At(i, wider_);
  const double settled = std::min(1.0, own.weight() / needed);
  const double mine = settled > 0 ? own.At(level) : 0;
  if (settled >= 1) return mine;
  return settled * mine + (1 - settled) * prior_.At(level);
}

double Calibration::Scale(int step, double median, double typical) const {
  const Anchors::Place place = anchors_.PlaceOf(step);
  const double error = (1 - place.share) * anchor_[place.low].MeanError() +
                       place.share * anchor_[place.high].MeanError();
  return error + kScaleOfForecast * std::abs(median) + kScaleOfTypical * typical;
}

void Calibration::Spread(int step, double median, double scale, double most,
                         model::Quantiles& out) const {
  const Anchors::Place place = anchors_.PlaceOf(step);
  const AnchorCalibration& low = anchor_[place.low];
  const AnchorCalibration& high = anchor_[place.high];
  for (std::size_t i = 0; i < model::kFanLevels; ++i) {
    if (i == model::kMedian) {
      out[i] = median;  // Errors have a median of their own, but chasing it costs more than it
                        // gains (6 h ahead: 13 %).
      continue;
    }
    double factor = Factor(low.residuals, low.levels, i, needed_);
    if (place.share > 0)
      factor += place.share * (Factor(high.residuals, high.levels, i, needed_) - factor);
    // The median stays the ensemble's; the sides keep to their side.
    const double reach =
        i < model::kMedian ? std::min(0.0, factor * scale) : std::max(0.0, factor * scale);
    out[i] = std::clamp(median + reach, 0.0, std::max(median, kCapOverMost * most));
  }
  std::sort(out.begin(), out.end());
}

Calibration::Path& Calibration::Pending(model::BinIndex origin) {
  const auto slot = static_cast<std::size_t>(origin / stride_) % pending_.size();
  return pending_[slot];
}

void Calibration::StartPath(model::BinIndex origin, std::span<const double> median,
                            std::span<const double> scale) {
  Path& path = Pending(origin);
  path.valid = true;
  path.origin = origin;
  std::copy(median.begin(), median.end(), path.median.begin());
  std::copy(scale.begin(), scale.end(), path.scale.begin());
}

void Calibration::MaturePath(const Past& past) {
  const model::BinIndex origin = past.last - options_.horizon;
  if (past.size() <= options_.horizon || origin % stride_ != 0) return;
  Path& path = Pending(origin);
  if (!path.valid || path.origin != origin) return;
  path.valid = false;
  const int begin = past.size() - options_.horizon;
  std::array<double, kWindows> worst;
  worst.fill(-HUGE_VAL);
  for (int i = 0; i < options_.horizon; ++i) {
    const auto at = static_cast<std::size_t>(i);
    if (!past.usable_at(begin + i) || path.scale[at] < 0) return;
    const double scale = path.scale[at];
    path.median[at] = scale > 0 ? (past[begin + i] - path.median[at]) / scale : 0;
    for (std::size_t w = 0; w < kWindows; ++w) {
      if (i < window_[w].bins) worst[w] = std::max(worst[w], path.median[at]);
    }
  }
  for (std::size_t w = 0; w < kWindows; ++w) {
    Window& window = window_[w];
    model::Quantiles issued{};
    for (std::size_t i = 0; i < model::kFanLevels; ++i)
      issued[i] = Factor(window.residuals, window.levels, i, needed_ / stride_);
    window.levels.Learn(issued, worst[w], options_.adaptive_rate);
    window.residuals.Add(worst[w], std::pow(options_.residual_keep, stride_));
  }
  std::swap(matured_[next_], path);
  matured_[next_].valid = true;
  next_ = (next_ + 1) % matured_.size();
}

void Calibration::Windows(model::Fan& fan, double most) const {
  fan.windows.resize(window_[0].bins < window_[1].bins ? 2 : 1);
  for (std::size_t w = 0; w < fan.windows.size(); ++w) {
    const Window& window = window_[fan.windows.size() == 1 ? 1 : w];
    model::WindowMaximum& out = fan.windows[w];
    out.bins = std::min(window.bins, static_cast<int>(fan.steps.size()));
    for (std::size_t i = 0; i < model::kFanLevels; ++i) {
      out.factor[i] = Factor(window.residuals, window.levels, i, needed_ / stride_);
      out.maximum[i] = 0;
      for (std::size_t h = 0; h < static_cast<std::size_t>(out.bins); ++h) {
        const double median = fan.steps[h][model::kMedian];
        const double cap = std::max(median, kCapOverMost * most);
        const double band = std::clamp(median + out.factor[i] * fan.scale[h], 0.0, cap);
        out.maximum[i] = std::max({out.maximum[i], band, fan.steps[h][i]});
      }
    }
    std::sort(out.factor.begin(), out.factor.end());
    std::sort(out.maximum.begin(), out.maximum.end());
  }
}

model::Scenarios Calibration::Draw(const model::Fan& fan) const {
  model::Scenarios scenarios;
  scenarios.origin = fan.origin;
  for (std::size_t i = 0; i < matured_.size(); ++i) {
    const Path& errors = matured_[(next_ + i) % matured_.size()];
    if (!errors.valid) continue;
    scenarios.drawn_from.push_back(errors.origin);
    std::vector<double>& path = scenarios.paths.emplace_back(fan.steps.size());
    for (std::size_t h = 0; h < path.size(); ++h) {
      path[h] = std::max(0.0, fan.steps[h][model::kMedian] + errors.median[h] * fan.scale[h]);
    }
  }
  return scenarios;
}

void Calibration::Blend(const Calibration& other, double share, double scale) {
  for (std::size_t a = 0; a < anchors_.size(); ++a) {
    AnchorCalibration& mine = anchor_[a];
    const AnchorCalibration& theirs = other.anchor_[a];
    mine.residuals.Merge(theirs.residuals, share);
    mine.levels.Blend(theirs.levels, share);
    mine.error += share * scale * theirs.error;
    mine.error_weight += share * theirs.error_weight;
  }
  for (std::size_t w = 0; w < kWindows; ++w) {
    window_[w].residuals.Merge(other.window_[w].residuals, share);
    window_[w].levels.Blend(other.window_[w].levels, share);
  }
}

void Calibration::Save(ByteWriter& out) const {
  for (std::size_t a = 0; a < anchors_.size(); ++a) {
    const AnchorCalibration& anchor = anchor_[a];
    for (const double value :
         {anchor.error, anchor.error_weight, anchor.last_error, anchor.day_error,
          anchor.skill_error, anchor.inside90, anchor.inside_weight, anchor.scored}) {
      out.Put(value);
    }
    anchor.residuals.Save(out);
    anchor.levels.Save(out);
  }
  for (const Window& window : window_) {
    window.residuals.Save(out);
    window.levels.Save(out);
  }
  for (const std::vector<Path>* paths : {&pending_, &matured_}) {
    for (const Path& path : *paths) {
      out.Put(static_cast<std::uint8_t>(path.valid ? 1 : 0));
      if (!path.valid) continue;
      out.Put(path.origin);
      out.PutAll(path.median);
      if (paths == &pending_) out.PutAll(path.scale);  // a matured path needs it no more
    }
  }
  out.Put(static_cast<std::uint32_t>(next_));
}

void Calibration::Load(ByteReader& in) {
  for (std::size_t a = 0; a < anchors_.size(); ++a) {
    AnchorCalibration& anchor = anchor_[a];
    for (double* value :
         {&anchor.error, &anchor.error_weight, &anchor.last_error, &anchor.day_error,
          &anchor.skill_error, &anchor.inside90, &anchor.inside_weight, &anchor.scored}) {
      in.Get(*value);
    }
    anchor.residuals.Load(in);
    anchor.levels.Load(in);
  }
  for (Window& window : window_) {
    window.residuals.Load(in);
    window.levels.Load(in);
  }
  for (std::vector<Path>* paths : {&pending_, &matured_}) {
    for (Path& path : *paths) {
      path.valid = in.Get<std::uint8_t>() != 0;
      if (!path.valid) continue;
      in.Get(path.origin);
      in.GetAll(path.median);
      if (paths == &pending_) in.GetAll(path.scale);
    }
  }
  next_ = in.Get<std::uint32_t>() % kPaths;
}

}  // namespace foreshard::forecast
