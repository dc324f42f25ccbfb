#include "forecast/series.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "forecast/models/naive.h"

namespace foreshard::forecast {

namespace {

constexpr int kShortGapsPerDay = 96;  // a gap of 15 minutes in a day of 24 hours

bool HasValue(model::BinState state) {
  return state == model::BinState::kGood || state == model::BinState::kInterpolated;
}

Status CheckValue(double value, model::BinState state, model::BinIndex at) {
  if (!HasValue(state)) return Ok();
  if (!std::isfinite(value))
    return Error::GiveUp(fmt::format("demand of bin {} is not a finite number", at), "BadDemand");
  if (value < 0)
    return Error::GiveUp(fmt::format("demand of bin {} is negative: {}", at, value), "BadDemand");
  return Ok();
}

}  // namespace

Series Series::Empty(const Options& options, model::BinIndex next) {
  Series series;
  series.day_ = options.day_bins;
  series.week_ = options.week_bins;
  series.kept_ =
      static_cast<std::size_t>(options.kept_days) * static_cast<std::size_t>(options.day_bins);
  series.y_.reserve(series.kept_ + 1);
  series.usable_.reserve(series.kept_ + 1);
  series.good_.reserve(series.kept_ + 1);
  series.last_ = next - 1;
  return series;
}

Result<Series> Series::FromHistory(const History& history, const Options& options) {
  if (history.mean.size() != history.state.size()) {
    return Error::GiveUp(fmt::format("history has {} values and {} states", history.mean.size(),
                                     history.state.size()),
                         "BadDemand");
  }
  Series series = Empty(options, history.first);
  for (std::size_t i = 0; i < history.mean.size(); ++i) {
    const Status added = series.Append({.at = history.first + static_cast<model::BinIndex>(i),
                                        .mean = history.mean[i],
                                        .state = history.state[i]});
    if (!added) return added.error();
  }
  series.Remeasure();
  return series;
}

Status Series::Append(const Bin& bin) {
  if (bin.at != last_ + 1) {
    return Error::GiveUp(fmt::format("bin {} does not follow bin {}", bin.at, last_), "BadDemand");
  }
  const Status good = CheckValue(bin.mean, bin.state, bin.at);
  if (!good) return good;
  if (HasValue(bin.state)) {
    if (gap_ > 0) CloseGap(bin.mean);
    Push(bin.mean, bin.state);
    return Ok();
  }
  if (any_) {
    Push(Imputed(), bin.state);
  } else {
    ++last_;  // Nothing known yet: the series begins with its first value.
  }
  return Ok();
}

void Series::Push(double value, model::BinState state) {
  if (y_.size() >= kept_) Trim();
  const bool known = HasValue(state);
  y_.push_back(value);
  usable_.push_back(known ? 1 : 0);
  good_.push_back(known ? 1 : 0);
  gap_ = known ? 0 : gap_ + 1;
  ++last_;
  if (!known) return;
  least_ = any_ ? std::min(least_, value) : value;
  most_ = any_ ? std::max(most_, value) : value;
  any_ = true;
  if (value == 0) {
    ++zeros_;
    return;
  }
  // Silence from the beginning and then a sign of life: what was before has nothing to teach.
  if (zeros_ > 0 && static_cast<std::size_t>(zeros_) + 1 == y_.size() - alive_from_) {
    alive_from_ = y_.size() - 1;
  }
  zeros_ = 0;
}

double Series::Imputed() const {
  const Past past = View();
  if (past.size() < past.day) return past.y.back();
  // The level of the last hour before the gap against the same hour a day earlier; values in the
  // gap were imputed with it already.
  return DayRatio(past, 1);
}

void Series::CloseGap(double next) {
  if (gap_ > std::max(1, day_ / kShortGapsPerDay)) return;
  const std::size_t begin = y_.size() - static_cast<std::size_t>(gap_);
  if (begin == 0) return;
  const double before = y_[begin - 1];
  for (int i = 0; i < gap_; ++i) {
    const std::size_t at = begin + static_cast<std::size_t>(i);
    y_[at] = before + (next - before) * (i + 1) / (gap_ + 1);
    usable_[at] = 1;
  }
}

void Series::Rewrite(model::BinIndex at, double value, bool usable) {
  const model::BinIndex back = last_ - at;
  if (back < 0 || back >= static_cast<model::BinIndex>(y_.size())) return;
  const std::size_t i = y_.size() - 1 - static_cast<std::size_t>(back);
  y_[i] = value;
  usable_[i] = usable_[i] != 0 && usable ? 1 : 0;
}

void Series::Trim() {
  const std::size_t drop = std::min(y_.size(), static_cast<std::size_t>(std::max(1, day_)));
  const auto count = static_cast<std::ptrdiff_t>(drop);
  y_.erase(y_.begin(), y_.begin() + count);
  usable_.erase(usable_.begin(), usable_.begin() + count);
  good_.erase(good_.begin(), good_.begin() + count);
  alive_from_ -= std::min(alive_from_, drop);
}

Past Series::View() const {
  const std::span<const double> y(y_);
  const std::span<const std::uint8_t> usable(usable_);
  return {y.subspan(alive_from_), usable.subspan(alive_from_), last_, day_, week_};
}

double Series::GoodShare(int bins) const {
  const std::size_t count = std::min(good_.size(), static_cast<std::size_t>(bins));
  if (count == 0) return 0;
  const auto good =
      std::count(good_.end() - static_cast<std::ptrdiff_t>(count), good_.end(), std::uint8_t{1});
  return static_cast<double>(good) / static_cast<double>(count);
}

void Series::Remeasure() {
  const Past past = View();
  std::vector<double> positive;
  positive.reserve(past.y.size());
  for (const double value : past.y) {
    if (value > 0) positive.push_back(value);
  }
  if (positive.empty()) {
    typical_ = 0;
    return;
  }
  const auto middle = positive.begin() + static_cast<std::ptrdiff_t>(positive.size() / 2);
  std::nth_element(positive.begin(), middle, positive.end());
  typical_ = *middle;
}

}  // namespace foreshard::forecast
