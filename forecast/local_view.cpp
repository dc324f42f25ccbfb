#include "forecast/local_view.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace foreshard::forecast {

namespace {

constexpr int kDaysAfter = 8;
constexpr int kDaysAfterWithWeek = 15;
constexpr double kPower = 4;

// The newest change that still matters: first bin of it, and by how many bins clocks went forward.
struct Change {
  model::BinIndex since = 0;
  int bins = 0;
};

std::optional<Change> NewestChange(const Past& past, const Calendar& calendar,
                                   std::chrono::seconds bin) {
  const int days = past.week > 0 ? kDaysAfterWithWeek : kDaysAfter;
  const auto& offsets = calendar.offsets;
  for (std::size_t i = offsets.size(); i-- > 1;) {
    if (offsets[i].since > past.last) continue;
    if (past.last - offsets[i].since >= static_cast<model::BinIndex>(days) * past.day) return {};
    const auto moved = (offsets[i].offset - offsets[i - 1].offset) / bin;
    if (moved == 0) return {};
    return Change{offsets[i].since, static_cast<int>(moved)};
  }
  return {};
}

}  // namespace

LocalView::LocalView(const Past& past, const Calendar& calendar, std::chrono::seconds bin)
    : original_(past) {
  if (calendar.offsets.size() < 2 || past.size() < 2 * past.day) return;
  const std::optional<Change> change = NewestChange(past, calendar, bin);
  if (!change) return;
  const int border = past.size() - 1 - static_cast<int>(past.last - change->since);
  if (border <= past.day) return;
  y_.assign(past.y.begin(), past.y.end());
  usable_.assign(past.usable.begin(), past.usable.end());
  for (int i = 0; i < border; ++i) {
    const int from = std::clamp(i + change->bins, 0, border - 1);
    y_[static_cast<std::size_t>(i)] = past[from];
    usable_[static_cast<std::size_t>(i)] = past.usable[static_cast<std::size_t>(from)];
  }
  const Past moved = this->past();
  double as_it_was = 0;
  double as_clocks = 0;
  const int end = std::min(past.size(), border + past.day);
  for (int t = border; t < end; ++t) {
    if (!past.usable_at(t)) continue;
    as_it_was += std::abs(past[t] - past[t - past.day]);
    as_clocks += std::abs(past[t] - moved[t - past.day]);
  }
  share_ = 0.5;
  if (end - border < past.hour() || as_it_was + as_clocks <= 0) return;
  const double utc = std::pow(as_it_was, kPower);
  share_ = utc / (utc + std::pow(as_clocks, kPower));
}

Past LocalView::past() const {
  return {y_, usable_, original_.last, original_.day, original_.week};
}

}  // namespace foreshard::forecast
