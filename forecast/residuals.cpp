#include "forecast/residuals.h"

#include <algorithm>
#include <cmath>

namespace foreshard::forecast {

namespace {

constexpr double kKnee = 0.1;  // buckets are even below it, logarithmic above
constexpr double kMost = 60;   // larger errors share the outer buckets
constexpr double kBeyondPerLevel = 5;
constexpr double kBeyondMost = 0.5;
constexpr double kShiftMost = 0.1;  // beyond 0..1

}  // namespace

std::size_t Residuals::BucketOf(double error) {
  // The middle bucket is centred on zero.
  constexpr double kHalf = (kBuckets - 1) / 2;
  static const double kStep = std::asinh(kMost / kKnee) / kHalf;
  const double place = std::asinh(std::clamp(error, -kMost, kMost) / kKnee) / kStep;
  return static_cast<std::size_t>(std::lround(place + kHalf));
}

void Residuals::Add(double error, double keep, double weight) {
  if (keep != 1) {
    for (std::size_t i = 0; i < kBuckets; ++i) {
      weight_[i] *= keep;
      sum_[i] *= keep;
    }
    total_ *= keep;
  }
  const std::size_t bucket = BucketOf(error);
  weight_[bucket] += weight;
  sum_[bucket] += weight * error;
  total_ += weight;
}

void Residuals::AddPrior(double weight) {
  constexpr int kSamples = 40;
  for (int i = 0; i < kSamples; ++i) {
    const double level = (i + 0.5) / kSamples;
    const double error = level < 0.5 ? std::log(2 * level) : -std::log(2 * (1 - level));
    Add(error, 1, weight / kSamples);
  }
}

void Residuals::Merge(const Residuals& other, double weight) {
  for (std::size_t i = 0; i < kBuckets; ++i) {
    weight_[i] += weight * other.weight_[i];
    sum_[i] += weight * other.sum_[i];
  }
  total_ += weight * other.total_;
}

double Residuals::At(double level) const {
  double before = 0;        // weight left of the bucket
  double place_before = 0;  // level of the last centre
  double value_before = 0;
  double least = 0;
  bool any = false;
  for (std::size_t i = 0; i < kBuckets; ++i) {
    if (weight_[i] <= 1e-9 * total_) continue;
    const double value = sum_[i] / weight_[i];
    const double place = (before + weight_[i] / 2) / total_;
    if (!any) least = value;
    if (level <= place && any) {
      return value_before +
             (value - value_before) * (level - place_before) / (place - place_before);
    }
    if (level <= place) break;  // left of the first centre: below
    before += weight_[i];
    place_before = place;
    value_before = value;
    any = true;
  }
  double most = least;
  for (std::size_t i = kBuckets; i-- > 0;) {
    if (weight_[i] > 1e-9 * total_) {
      most = sum_[i] / weight_[i];
      break;
    }
  }
  const double range = most - least;
  if (!any || level < 0)
    return least - range * std::clamp(-level * kBeyondPerLevel, 0.0, kBeyondMost);
  return most + range * std::clamp((level - 1) * kBeyondPerLevel, 0.0, kBeyondMost);
}

void Residuals::Save(ByteWriter& out) const {
  out.PutAll(weight_);
  out.PutAll(sum_);
  out.Put(total_);
}

void Residuals::Load(ByteReader& in) {
  in.GetAll(weight_);
  in.GetAll(sum_);
  in.Get(total_);
}

void AdaptiveLevels::Learn(const model::Quantiles& quantiles, double y, double rate) {
  for (std::size_t i = 0; i < model::kFanLevels; ++i) {
    if (quantiles[i] == y) continue;
    const double below = y < quantiles[i] ? 1.0 : 0.0;
    const double level = model::kLevels[i];
    shift_[i] =
        std::clamp(shift_[i] + rate * (level - below), -level - kShiftMost, 1 - level + kShiftMost);
  }
}

double AdaptiveLevels::At(std::size_t i, double wider) const {
  double outer = model::kLevels[i];
  if (i < model::kMedian) outer = i == 0 ? 0 : model::kLevels[i - 1];
  if (i > model::kMedian) outer = i + 1 == model::kFanLevels ? 1 : model::kLevels[i + 1];
  return model::kLevels[i] + shift_[i] + wider * (outer - model::kLevels[i]);
}

void AdaptiveLevels::Blend(const AdaptiveLevels& other, double share) {
  for (std::size_t i = 0; i < model::kFanLevels; ++i) {
    shift_[i] += share * (other.shift_[i] - shift_[i]);
  }
}

}  // namespace foreshard::forecast
