#include <algorithm>
#include <cmath>
#include <map>

#include "forecast/fine/pool.h"
#include "forecast/models/naive.h"

// How the fine pool measures what an announced event does, and keeps its effect out of the series.

namespace foreshard::forecast {

namespace {

struct OccurrenceEffect {
  int bins = 0;
  double beta = 0;
  double variance = 0;  // of the mean
};

constexpr double kDayBaseDeviation = 0.3;  // a base of the day before knows nothing of the weekday
constexpr double kHourDeviation = 0.15;  // of the mean effect of one hour against the whole plateau

// What the load of an occurrence would have been: the same bins a week (else a day) before, at the
// level of the day before the event.
class EventBase {
 public:
  EventBase(const Past& past, const Occurrence& occurrence) : past_(past) {
    const int before = IndexOf(EventBook::FirstBin(occurrence)) - 1;
    weekly_ = past.week > 0 && before - past.week >= past.hour();
    const int season = weekly_ ? past.week : past.day;
    const auto length =
        static_cast<int>(EventBook::LastBin(occurrence) - EventBook::FirstBin(occurrence)) + 1;
    period_ = season * ((length + season - 1) / season);
    known_ = before - period_ >= past.hour();
    if (!known_) return;
    // Of a whole day where it is known: an hour of the night says little about a day.
    const int span = before - period_ >= past.day ? past.day : past.hour();
    ratio_ =
        LevelRatio(MeanEndingAt(past, before, span), MeanEndingAt(past, before - period_, span));
  }

  bool known() const { return known_; }
  int IndexOf(model::BinIndex bin) const {
    return past_.size() - 1 - static_cast<int>(past_.last - bin);
  }
  double At(model::BinIndex bin) const { return past_[IndexOf(bin) - period_] * ratio_; }

  OccurrenceEffect Measure(const Occurrence& occurrence,
                           const std::map<model::BinIndex, double>& divided, double typical) const {
    OccurrenceEffect effect;
    if (!known_) return effect;
    double sum = 0;
    double squares = 0;
    const double least = 0.01 * typical + 1e-300;
    for (model::BinIndex bin = occurrence.start; bin < occurrence.start + occurrence.plateau;
         ++bin) {
      const int t = IndexOf(bin);
      if (t >= past_.size() || t < 0 || !past_.usable_at(t)) continue;
      const auto taken = divided.find(bin);
      const double raw = past_[t] * std::exp(taken == divided.end() ? 0 : taken->second);
      const double off = std::log((raw + least) / (At(bin) + least));
      sum += off;
      squares += off * off;
      ++effect.bins;
    }
    if (effect.bins == 0) return effect;
    effect.beta = sum / effect.bins;
    const double hours = static_cast<double>(effect.bins) / past_.hour();
    effect.variance =
        std::max(0.0, squares / effect.bins - effect.beta * effect.beta) / effect.bins +
        kHourDeviation * kHourDeviation / hours +
        (weekly_ ? 0 : kDayBaseDeviation * kDayBaseDeviation);
    return effect;
  }

 private:
  const Past& past_;
  bool weekly_ = false;
  bool known_ = false;
  int period_ = 0;
  double ratio_ = 1;
};

}  // namespace

// The series keeps what the load would have been without its events.
Status FinePool::Take(const Bin& bin) {
  newest_raw_ = bin.mean;
  if (events_.empty()) return series_.Append(bin);
  Bin base = bin;
  const double exponent = events_.At(bin.at).mean;
  base.mean = bin.mean * std::exp(-exponent);
  const Status added = series_.Append(base);
  if (!added) return added;
  if (exponent != 0 || events_.At(bin.at).deviation > 0) divided_[bin.at] = exponent;
  LearnEvents(bin.at);
  return Ok();
}

// An occurrence that is on or just over: what does it do, and what would there be without it?
void FinePool::LearnEvents(model::BinIndex at) {
  const Past past = series_.View();
  for (const EventBook::Open& open : events_.OpenAt(at)) {
    const model::BinIndex first = EventBook::FirstBin(open.occurrence);
    if (past.last - first >= past.size()) continue;
    const EventBase base(past, open.occurrence);
    const OccurrenceEffect effect = base.Measure(open.occurrence, divided_, series_.typical());
    if (effect.bins == 0) continue;
    events_.Note(open.event, open.occurrence, effect.beta, effect.variance);
    const bool over = at == EventBook::LastBin(open.occurrence);
    const bool too_long = EventBook::LastBin(open.occurrence) - first > options_.day_bins / 2;
    for (model::BinIndex bin = first; bin <= at; ++bin) {
      double& divided = divided_[bin];
      const double raw = past[base.IndexOf(bin)] * std::exp(divided);
      const double wanted =
          over ? effect.beta * EventBook::Shape(open.occurrence, bin) : events_.At(bin).mean;
      // A long event has a shape of its own that one number does not undo: then the base itself.
      const double value = over && too_long ? base.At(bin) : raw * std::exp(-wanted);
      series_.Rewrite(bin, value, !(over && too_long));
      divided = wanted;
      if (over) divided_.erase(bin);
    }
    if (over) events_.Close(open.event);
  }
}

}  // namespace foreshard::forecast
