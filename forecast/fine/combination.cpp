#include "forecast/fine/combination.h"

#include <algorithm>
#include <cmath>

namespace foreshard::forecast {

void Combination::Learn(const ModelRow& forecasts, double y, double keep) {
  for (std::size_t k = 0; k < kFineModels; ++k)
    loss_[k] = loss_[k] * keep + std::abs(y - forecasts[k]);
  total_ = total_ * keep + 1;
  scored_ += 1;
}

ModelRow Combination::Weights(const std::array<bool, kFineModels>& eligible,
                              const CombinationOptions& options) const {
  double count = 0;
  double least = HUGE_VAL;
  for (std::size_t k = 0; k < kFineModels; ++k) {
    if (!eligible[k]) continue;
    count += 1;
    least = std::min(least, loss_[k]);
  }
  ModelRow weights{};
  double sum = 0;
  for (std::size_t k = 0; k < kFineModels; ++k) {
    if (!eligible[k]) continue;
    if (options.select_best) {
      weights[k] = sum == 0 && loss_[k] == least ? 1 : 0;
    } else if (options.equal) {
      weights[k] = 1;
    } else {
      weights[k] = loss_[k] > 0 ? std::pow(least / loss_[k], options.power) : 1;
    }
    sum += weights[k];
  }
  const double settled =
      options.equal ? 1 : std::min(1.0, scored_ / std::max(1.0, options.settled_after));
  for (std::size_t k = 0; k < kFineModels; ++k) {
    if (eligible[k]) weights[k] = settled * weights[k] / sum + (1 - settled) / count;
  }
  return weights;
}

void Combination::Blend(const Combination& other, double share, double scale) {
  for (std::size_t k = 0; k < kFineModels; ++k) loss_[k] += share * scale * other.loss_[k];
  total_ += share * other.total_;
  scored_ += share * other.scored_;
}

void Combination::Save(ByteWriter& out) const {
  out.PutAll(loss_);
  out.Put(total_);
  out.Put(scored_);
}

void Combination::Load(ByteReader& in) {
  in.GetAll(loss_);
  in.Get(total_);
  in.Get(scored_);
}

double Dot(const ModelRow& weights, const ModelRow& forecasts) {
  double sum = 0;
  for (std::size_t k = 0; k < kFineModels; ++k) sum += weights[k] * forecasts[k];
  return sum;
}

}  // namespace foreshard::forecast
