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
      squares_[i] *= keep;
    }
    total_ *= keep;
  }
  const std::size_t bucket = BucketOf(error);
  weight_[bucket] += weight;
  sum_[bucket] += weight * error;
  squares_[bucket] += weight * error * error;
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
    squares_[i] += weight * other.squares_[i];
  }
  total_ += weight * other.total_;
}

double Residuals::Inside(std::size_t bucket, double share) const {
  const double mean = sum_[bucket] / weight_[bucket];
  const double variance = std::max(0.0, squares_[bucket] / weight_[bucket] - mean * mean);
  // Below the rounding of the squares there is no spread.
  const double spread = variance > 1e-12 * mean * mean ? std::sqrt(3 * variance) : 0;
  return mean + (2 * share - 1) * spread;
}

double Residuals::At(double level) const {
  const bool within = level >= 0 && level <= 1;
  const double wanted = std::clamp(level, 0.0, 1.0) * total_;
  double before = 0;
  double least = 0;
  std::size_t last = kBuckets;  // the newest bucket with weight; none yet
  for (std::size_t i = 0; i < kBuckets; ++i) {
    if (weight_[i] <= 1e-9 * total_) continue;
    if (last == kBuckets && !within) least = Inside(i, 0);
    last = i;
    if (within && before + weight_[i] >= wanted)
      return Inside(i, std::clamp((wanted - before) / weight_[i], 0.0, 1.0));
    before += weight_[i];
  }
  if (last == kBuckets) return 0;
  if (within) return Inside(last, 1);
  return Beyond(level, least, level < 0 ? least : Inside(last, 1));
}

// Outside of what was seen, by at most half of its range. `edge` is the value at 0 or 1.
double Residuals::Beyond(double level, double least, double edge) const {
  double most = least;
  for (std::size_t i = kBuckets; i-- > 0;) {
    if (weight_[i] > 1e-9 * total_) {
      most = Inside(i, 1);
      break;
    }
  }
  const double beyond = level < 0 ? -level : level - 1;
  const double reach = (most - least) * std::min(kBeyondPerLevel * beyond, kBeyondMost);
  return level < 0 ? edge - reach : edge + reach;
}

void Residuals::Save(ByteWriter& out) const {
  std::uint8_t count = 0;
  for (const double weight : weight_) count = static_cast<std::uint8_t>(count + (weight != 0));
  out.Put(count);
  for (std::size_t i = 0; i < kBuckets; ++i) {
    if (weight_[i] == 0) continue;
    out.Put(static_cast<std::uint8_t>(i));
    for (const double value : {weight_[i], sum_[i], squares_[i]}) out.Put(value);
  }
  out.Put(total_);
}

void Residuals::Load(ByteReader& in) {
  *this = {};
  const auto count = in.Get<std::uint8_t>();
  for (std::uint8_t i = 0; i < count; ++i) {
    const std::size_t bucket = in.Get<std::uint8_t>() % kBuckets;
    for (double* value : {&weight_[bucket], &sum_[bucket], &squares_[bucket]}) in.Get(*value);
  }
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
