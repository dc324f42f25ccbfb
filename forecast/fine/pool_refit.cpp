#include <cmath>

#include "forecast/fine/pool.h"
#include "forecast/outliers.h"

// When the fine pool fits its models again, and whether it keeps the new ones.

namespace foreshard::forecast {

namespace {

constexpr double kWorseMost = 1.05;
constexpr int kJudgedOrigins = 48;  // of the newest day

}  // namespace

bool FinePool::RefitDue() const {
  const Past past = series_.View();
  if (past.size() < 2 * options_.day_bins) return false;
  if (!fitted_) return true;
  if (alarmed_ && alarm_at_ > fitted_at_ && series_.last() - alarm_at_ >= options_.day_bins / 4)
    return true;
  return series_.last() - fitted_at_ >= options_.day_bins;
}

// What the ensemble of today's weights would have got wrong on the newest day with these models.
// The network is the same for both, and left out.
double FinePool::NewestDayError(const Past& past, FineModels models) const {
  models.set_lstm(nullptr);
  const std::array<bool, kFineModels> eligible = models.Eligible(past);
  std::array<ModelRow, kAnchorsMax> weights;
  std::array<ModelRow, kAnchorsMax> rows;
  for (std::size_t a = 0; a < anchors_.size(); ++a)
    weights[a] = combination_[a].Weights(eligible, combining_);
  const int stride = std::max(1, options_.day_bins / kJudgedOrigins);
  double sum = 0;
  for (int back = stride; back <= options_.day_bins && back < past.size(); back += stride) {
    models.AtAnchors(past.Before(back), rows);
    for (std::size_t a = 0; a < anchors_.size(); ++a) {
      const int target = past.size() - 1 - back + anchors_[a];
      if (target >= past.size() || !past.usable_at(target)) continue;
      sum += std::abs(past[target] - Dot(weights[a], rows[a]));
    }
  }
  return sum;
}

// The newest day is part of what the new models were fitted on. So the comparison does not tell
// which are better; it keeps out a fit that went wrong.
Status FinePool::Refit(const Shared* shared, Random&) {
  AskNetworkOf(shared, false);
  series_.Remeasure();
  Past past = series_.View();
  fitted_at_ = series_.last();
  if (past.size() < 2 * options_.day_bins) return Ok();
  const FineModels before = models_;
  const std::vector<double> cut =
      WithoutOutliers(past, options_.clip_mads, [this](model::BinIndex bin) {
        const EventBook::Effect effect = events_.At(bin);
        return effect.mean != 0 || effect.deviation > 0;
      });
  const std::span<const double> values = past.y;
  past.y = cut;
  models_.Fit(past);
  past.y = values;
  ++counts_.refits;
  const double tiny = 1e-6 * series_.typical();
  if (fitted_ && NewestDayError(past, models_) > kWorseMost * NewestDayError(past, before) + tiny) {
    models_ = before;
    ++counts_.refits_refused;
  }
  fitted_ = true;
  return Ok();
}

}  // namespace foreshard::forecast
