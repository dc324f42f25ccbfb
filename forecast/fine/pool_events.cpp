#include <algorithm>
#include <cmath>
#include <functional>
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
  EventBook::Course course{};
};

constexpr double kAnnouncedPrior = 0.3;  // errors of an announced event against knowing nothing
constexpr double kRivalHalfLivesPerDay = 12;
constexpr double kDayBaseDeviation = 0.3;  // a base of the day before knows nothing of the weekday
// Of the mean effect of one hour against the whole plateau, before and after a course is known.
constexpr double kHourDeviationFirst = 0.3;
constexpr double kHourDeviation = 0.15;

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

  // `expected`: the course so far known, so that a morning alone does not speak for the day.
  OccurrenceEffect Measure(const Occurrence& occurrence,
                           const std::map<model::BinIndex, double>& divided, double typical,
                           double hour_deviation,
                           const std::function<double(model::BinIndex)>& expected) const {
    OccurrenceEffect effect;
    if (!known_) return effect;
    double sum = 0;
    double squares = 0;
    EventBook::Course seen{};
    const double least = 0.01 * typical + 1e-300;
    for (model::BinIndex bin = occurrence.start; bin < occurrence.start + occurrence.plateau;
         ++bin) {
      const int t = IndexOf(bin);
      if (t >= past_.size() || t < 0 || !past_.usable_at(t)) continue;
      const auto taken = divided.find(bin);
      const double raw = past_[t] * std::exp(taken == divided.end() ? 0 : taken->second);
      const double all = std::log((raw + least) / (At(bin) + least));
      const auto part = static_cast<std::size_t>(EventBook::PartOf(occurrence, bin));
      effect.course[part] += all;
      seen[part] += 1;
      const double off = all - expected(bin);
      sum += off;
      squares += off * off;
      ++effect.bins;
    }
    if (effect.bins == 0) return effect;
    effect.beta = sum / effect.bins;
    const double hours = static_cast<double>(effect.bins) / past_.hour();
    const double unseen = 1 - static_cast<double>(effect.bins) / std::max(1, occurrence.plateau);
    effect.variance =
        std::max(0.0, squares / effect.bins - effect.beta * effect.beta) / effect.bins +
        (hour_deviation * hour_deviation * unseen +
         kHourDeviation * kHourDeviation * (1 - unseen)) /
            hours +
        (weekly_ ? 0 : kDayBaseDeviation * kDayBaseDeviation);
    for (std::size_t k = 0; k < effect.course.size(); ++k) {
      effect.course[k] = seen[k] > 0 ? effect.course[k] / seen[k] - effect.beta : 0;
    }
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
  const Status kept = plain_.Append(bin);
  if (!kept) return kept;
  if (exponent != 0 || events_.At(bin.at).deviation > 0) divided_[bin.at] = exponent;
  LearnEvents(bin.at);
  return Ok();
}

bool FinePool::NearEvent(model::BinIndex target) const {
  return events_.At(target).mean != 0 || events_.At(series_.last()).mean != 0;
}

void FinePool::CompareNearEvent(std::size_t a, const Issued& issued, double y) {
  if (!issued.near_event) return;
  const double keep = std::pow(0.5, kRivalHalfLivesPerDay / options_.day_bins);
  rivals_[a].announced = keep * rivals_[a].announced + std::abs(y - issued.announced);
  rivals_[a].plain = keep * rivals_[a].plain + std::abs(y - issued.plain);
}

// Share of the forecast that never heard of the event.
double FinePool::PlainShare(const Anchors::Place& place) const {
  const auto share = [this](std::size_t a) {
    const double announced = std::pow(rivals_[a].announced, options_.weight_power);
    const double plain = std::pow(rivals_[a].plain, options_.weight_power);
    return announced + plain > 0 ? announced / (announced + plain) : 0;
  };
  return (1 - place.share) * share(place.low) + place.share * share(place.high);
}

void FinePool::IssueNearEvent(const std::array<ModelRow, kAnchorsMax>& weights) {
  const Past past = plain_.View();
  const bool near = NearEvent(past.last + anchors_[anchors_.size() - 1]);
  const bool begins = near && !was_near_event_;
  was_near_event_ = near;
  if (!near) return;
  std::array<ModelRow, kAnchorsMax> forecasts;
  models_.AtAnchors(past, forecasts);
  for (std::size_t a = 0; a < anchors_.size(); ++a) {
    Issued& issued = issued_[a][static_cast<std::size_t>(past.last % anchors_[a])];
    // Every event gets a fresh hearing, and an hour of credit.
    const double credit = past.hour() * issued.scale;
    if (begins) rivals_[a] = {.announced = kAnnouncedPrior * credit, .plain = credit};
    if (!NearEvent(past.last + anchors_[a])) continue;
    issued.near_event = true;
    issued.announced = issued.median;
    issued.plain = std::max(0.0, Dot(weights[a], forecasts[a]));
    const double share = PlainShare({a, a, 0});
    const double mixed = (1 - share) * issued.announced + share * issued.plain;
    const double factor = issued.median > 0 ? mixed / issued.median : 1;
    issued.median = mixed;
    for (double& quantile : issued.quantiles) quantile *= factor;
  }
}

void FinePool::MixInPlain(model::Fan& fan) const {
  const Past past = plain_.View();
  const auto last = static_cast<model::BinIndex>(fan.steps.size());
  bool near = NearEvent(fan.origin);
  for (model::BinIndex h = 1; h <= last; ++h) near = near || NearEvent(fan.origin + h);
  if (!near || past.size() == 0) return;
  ModelPath path;
  models_.Along(past, static_cast<int>(last), path);
  const std::array<ModelRow, kAnchorsMax> weights = AllWeights(past);
  for (int step = 1; step <= static_cast<int>(last); ++step) {
    if (!NearEvent(fan.origin + step)) continue;
    const auto i = static_cast<std::size_t>(step - 1);
    const Anchors::Place place = anchors_.PlaceOf(step);
    const double plain = (1 - place.share) * Dot(weights[place.low], path.step[i]) +
                         place.share * Dot(weights[place.high], path.step[i]);
    const double share = PlainShare(place);
    const double announced = fan.steps[i][model::kMedian];
    if (announced <= 0) continue;
    const double factor = ((1 - share) * announced + share * std::max(0.0, plain)) / announced;
    for (double& quantile : fan.steps[i]) quantile *= factor;
  }
}

// An occurrence that is on or just over: what does it do, and what would there be without it?
void FinePool::LearnEvents(model::BinIndex at) {
  const Past past = series_.View();
  for (const EventBook::Open& open : events_.OpenAt(at)) {
    const model::BinIndex first = EventBook::FirstBin(open.occurrence);
    if (past.last - first >= past.size()) continue;
    const EventBase base(past, open.occurrence);
    const OccurrenceEffect effect = base.Measure(
        open.occurrence, divided_, series_.typical(),
        events_.first(open.event) ? kHourDeviationFirst : kHourDeviation,
        [&](model::BinIndex bin) { return events_.CourseAt(open.event, open.occurrence, bin); });
    if (effect.bins == 0) continue;
    events_.Note(open.event, open.occurrence, effect.beta, effect.variance);
    const bool over = at == EventBook::LastBin(open.occurrence);
    const bool too_long = EventBook::LastBin(open.occurrence) - first > options_.day_bins / 2;
    for (model::BinIndex bin = first; bin <= at; ++bin) {
      double& divided = divided_[bin];
      const double raw = past[base.IndexOf(bin)] * std::exp(divided);
      const int part = EventBook::PartOf(open.occurrence, bin);
      const double own = effect.beta * EventBook::Shape(open.occurrence, bin) +
                         (part < 0 ? 0 : effect.course[static_cast<std::size_t>(part)]);
      const double wanted = over ? own : events_.At(bin).mean;
      // A long event has a shape of its own that one number does not undo: then the base itself.
      const double value = over && too_long ? base.At(bin) : raw * std::exp(-wanted);
      series_.Rewrite(bin, value, !(over && too_long));
      divided = wanted;
      if (over) divided_.erase(bin);
    }
    if (over) events_.Close(open.event, effect.course);
  }
}

}  // namespace foreshard::forecast
