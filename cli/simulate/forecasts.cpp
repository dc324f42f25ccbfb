#include "cli/simulate/forecasts.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace foreshard::simulate {

namespace {

constexpr std::size_t kWalks = 64;
constexpr int kCoarseSteps = 48;  // a day of half-hours

}  // namespace

Forecasts::Forecasts(const World& world, const Options& options)
    : world_(world), options_(options), models_(world.units()), units_(world.units()) {
  fine_.bin = options.bin;
  fine_.day_bins = options.DayBins();
  fine_.week_bins = 7 * options.DayBins();
  fine_.horizon_bins = options.HorizonBins();
  coarse_bins_ = static_cast<std::size_t>(std::max(1, options.DayBins() / kCoarseSteps));
  coarse_.bin = options.bin * static_cast<std::int64_t>(coarse_bins_);
  coarse_.day_bins = options.DayBins() / static_cast<int>(coarse_bins_);
  coarse_.week_bins = 7 * coarse_.day_bins;
  coarse_.horizon_bins = coarse_.day_bins;
}

forecast::Bin Forecasts::BinOf(std::size_t unit, std::size_t index) const {
  const double demand = world_.demand[unit][index];
  const bool gap = world_.gap[index] != 0;
  return {.at = world_.first + static_cast<std::int64_t>(index),
          .mean = gap ? 0 : demand,
          .peak = gap ? 0 : demand,
          .state = gap ? model::BinState::kMissing : model::BinState::kGood};
}

// `index` counts coarse bins.
forecast::Bin Forecasts::CoarseBinOf(std::size_t unit, std::size_t index) const {
  double sum = 0;
  double peak = 0;
  std::size_t known = 0;
  for (std::size_t i = index * coarse_bins_; i < (index + 1) * coarse_bins_; ++i) {
    if (world_.gap[i] != 0) continue;
    sum += world_.demand[unit][i];
    peak = std::max(peak, world_.demand[unit][i]);
    ++known;
  }
  const bool good = known * 2 > coarse_bins_;
  return {.at = world_.first / static_cast<std::int64_t>(coarse_bins_) +
                static_cast<std::int64_t>(index),
          .mean = good ? sum / static_cast<double>(known) : 0,
          .peak = good ? peak : 0,
          .state = good ? model::BinState::kGood : model::BinState::kMissing};
}

forecast::Calendar Forecasts::CalendarOf(std::size_t unit, int bins_per_step) const {
  forecast::Calendar calendar;
  const std::int64_t origin = bins_per_step == 1 ? world_.first : world_.first / bins_per_step;
  for (std::size_t i = 0; i < world_.crowds.size(); ++i) {
    const Crowd& crowd = world_.crowds[i];
    if (crowd.unit != unit || !crowd.announced) continue;
    forecast::Event event{.name = "crowd-" + std::to_string(i),
                          .expected_multiplier = *crowd.announced,
                          .occurrences = {}};
    event.occurrences.push_back(
        {.start = origin + static_cast<std::int64_t>(crowd.start) / bins_per_step,
         .before = crowd.before / bins_per_step,
         .plateau = std::max(1, crowd.plateau / bins_per_step),
         .after = crowd.after / bins_per_step});
    calendar.events.push_back(event);
  }
  return calendar;
}

void Forecasts::Fit(std::size_t unit, std::size_t now) {
  const auto fit = [&](const forecast::Options& options, std::size_t bins, int per_step,
                       auto bin_of) -> std::optional<forecast::Fitted> {
    forecast::History history;
    history.bin = options.bin;
    for (std::size_t i = 0; i < bins; ++i) {
      const forecast::Bin bin = bin_of(i);
      if (i == 0) history.first = bin.at;
      history.mean.push_back(bin.mean);
      history.peak.push_back(bin.peak);
      history.state.push_back(bin.state);
    }
    Result<forecast::Fitted> fitted =
        forecast::Fit(history, CalendarOf(unit, per_step), options, nullptr, random_);
    CHECK(fitted.ok(), "the simulated history does not fit", fitted.error().message);
    return *std::move(fitted);
  };
  models_[unit].fine =
      fit(fine_, now + 1, 1, [&](std::size_t index) { return BinOf(unit, index); });
  models_[unit].coarse = fit(coarse_, (now + 1) / coarse_bins_, static_cast<int>(coarse_bins_),
                             [&](std::size_t index) { return CoarseBinOf(unit, index); });
}

void Forecasts::Update(std::size_t unit, std::size_t now) {
  const auto update = [this](std::optional<forecast::Fitted>& fitted, const forecast::Bin& bin) {
    if (forecast::RefitDue(*fitted)) {
      Result<forecast::Fitted> again = forecast::Refit(*fitted, nullptr, random_);
      if (again) fitted = *std::move(again);
    }
    Result<forecast::Fitted> next = forecast::Update(*std::move(fitted), bin);
    CHECK(next.ok(), "a simulated bin does not follow", next.error().message);
    fitted = *std::move(next);
  };
  update(models_[unit].fine, BinOf(unit, now));
  if ((now + 1) % coarse_bins_ == 0)
    update(models_[unit].coarse, CoarseBinOf(unit, now / coarse_bins_));
}

void Forecasts::Advance(std::size_t now) {
  if (seen_ && *seen_ >= now) return;
  for (std::size_t unit = 0; unit < units_.size(); ++unit) {
    if (!seen_) {
      Fit(unit, now);
    } else {
      for (std::size_t bin = *seen_ + 1; bin <= now; ++bin) Update(unit, bin);
    }
    UnitForecast& forecast = units_[unit];
    forecast.paths = forecast::Draw(*models_[unit].fine, {}).paths;
    forecast.trust = forecast::Score(*models_[unit].fine);
    if (forecast.later.empty() || (now + 1) % coarse_bins_ == 0)
      forecast.later = forecast::Draw(*models_[unit].coarse, {}).paths;
  }
  seen_ = now;
}

namespace {

model::Trust FullTrust() {
  model::Trust trust;
  trust.history = trust.data = trust.skill = trust.coverage = trust.freshness = 1;
  return trust;
}

}  // namespace

UnitForecast LastValue(const World& world, const Options& options, std::size_t unit,
                       std::size_t now) {
  const auto horizon = static_cast<std::size_t>(options.HorizonBins());
  const auto back = static_cast<std::size_t>(2 * options.DayBins());
  const std::vector<double>& demand = world.demand[unit];
  UnitForecast forecast{.trust = FullTrust()};
  for (std::size_t walk = 0; walk < kWalks; ++walk) {
    const std::size_t origin = now - horizon - walk * (back - horizon) / kWalks;
    std::vector<double> path;
    for (std::size_t h = 1; h <= horizon; ++h)
      path.push_back(std::max(0.0, demand[now] + demand[origin + h] - demand[origin]));
    forecast.paths.push_back(std::move(path));
  }
  return forecast;
}

UnitForecast Truth(const World& world, const Options& options, std::size_t unit, std::size_t now) {
  const auto horizon = static_cast<std::size_t>(options.HorizonBins());
  const std::vector<double>& demand = world.demand[unit];
  UnitForecast forecast{.trust = FullTrust()};
  const auto at = [&](std::size_t bin) { return demand[std::min(bin, world.bins - 1)]; };
  std::vector<double> path;
  for (std::size_t h = 1; h <= horizon; ++h) path.push_back(at(now + h));
  forecast.paths.push_back(std::move(path));
  const auto per_step = static_cast<std::size_t>(std::max(1, options.DayBins() / kCoarseSteps));
  std::vector<double> later;
  for (std::size_t step = 0; step < kCoarseSteps; ++step) {
    double most = 0;
    for (std::size_t i = 1; i <= per_step; ++i)
      most = std::max(most, at(now + step * per_step + i));
    later.push_back(most);
  }
  forecast.later.push_back(std::move(later));
  return forecast;
}

}  // namespace foreshard::simulate
