#include "forecast/baseline.h"

#include "forecast/models/naive.h"
#include "forecast/models/spar.h"

namespace foreshard::forecast {

Baseline::Baseline(const BaselineOptions& options)
    : options_(options), spar_(std::make_unique<Spar>()) {}
Baseline::~Baseline() = default;

std::array<NamedForecast, 4> Baseline::Forecast(std::span<const double> known,
                                                std::span<const model::BinState> states) {
  while (filled_.size() < known.size()) {
    const bool good = states[filled_.size()] == model::BinState::kGood;
    filled_.push_back(good || filled_.empty() ? known[filled_.size()] : filled_.back());
    usable_.push_back(good ? 1 : 0);
  }
  const std::span<const double> y = std::span(filled_).first(known.size());
  const std::span<const std::uint8_t> usable = std::span(usable_).first(known.size());
  const Past past{y, usable, static_cast<model::BinIndex>(known.size()) - 1, options_.day_bins,
                  options_.week_bins};
  const auto week = static_cast<std::size_t>(7 * options_.day_bins);
  if (fitted_at_ == 0 || known.size() - fitted_at_ >= week) {
    fitted_at_ = known.size();
    const SparShape shape = ShapeOfSpar(options_.train_bins, options_.day_bins);
    *spar_ = Spar::Fit(past, options_.step, shape);
  }
  return {{{.name = "last", .value = LastValue(past)},
           {.name = "day-1", .value = DayBack(past, options_.step)},
           {.name = "week-1", .value = WeekBack(past, options_.step)},
           {.name = "spar", .value = spar_->Forecast(past)}}};
}

}  // namespace foreshard::forecast
