#include "forecast/events.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace foreshard::forecast {

namespace {

constexpr double kPriorKnown = 0.5;  // deviation of beta when a multiplier is expected
constexpr double kPriorUnknown = 0.7;
constexpr double kBetweenLeast = 0.1;  // occurrences differ by at least this
constexpr std::size_t kObservationsMax = 32;
constexpr double kExponentMost = 5;  // a factor of 150

// Standard normal quantiles at kLevels.
constexpr std::array<double, model::kFanLevels> kNormal = {
    -2.3263, -1.9600, -1.6449, -1.2816, -0.6745, 0, 0.6745, 1.2816, 1.6449, 1.9600, 2.3263};

}  // namespace

EventBook::EventBook(const Calendar& calendar) {
  for (const Event& event : calendar.events) events_.push_back({.event = event});
}

model::BinIndex EventBook::FirstBin(const Occurrence& occurrence) {
  return occurrence.start - occurrence.before;
}

model::BinIndex EventBook::LastBin(const Occurrence& occurrence) {
  return occurrence.start + std::max(1, occurrence.plateau) - 1 + occurrence.after;
}

double EventBook::Shape(const Occurrence& occurrence, model::BinIndex bin) {
  const model::BinIndex plateau_end = occurrence.start + std::max(1, occurrence.plateau);
  if (bin < occurrence.start) {
    const auto ahead = static_cast<double>(occurrence.start - bin);
    return std::max(0.0, 1 - ahead / (occurrence.before + 1));
  }
  if (bin < plateau_end) return 1;
  const auto since = static_cast<double>(bin - plateau_end + 1);
  return std::max(0.0, 1 - since / (occurrence.after + 1));
}

int EventBook::PartOf(const Occurrence& occurrence, model::BinIndex bin) {
  const model::BinIndex into = bin - occurrence.start;
  if (into < 0 || into >= occurrence.plateau) return -1;
  return static_cast<int>(into * kParts / occurrence.plateau);
}

double EventBook::CourseAt(std::size_t event, const Occurrence& occurrence,
                           model::BinIndex bin) const {
  const int part = PartOf(occurrence, bin);
  if (part < 0) return 0;
  double sum = 0;
  for (const Course& course : events_[event].courses) sum += course[static_cast<std::size_t>(part)];
  return sum / (static_cast<double>(events_[event].courses.size()) + 1);
}

EventBook::Effect EventBook::Posterior(const Known& known, bool of_open) const {
  const bool expected = known.event.expected_multiplier > 0;
  const double prior = expected ? std::log(known.event.expected_multiplier) : 0;
  const double prior_deviation = expected ? kPriorKnown : kPriorUnknown;
  double precision = 1 / (prior_deviation * prior_deviation);
  double sum = prior * precision;
  double mean = 0;
  const auto count = static_cast<double>(known.betas.size());
  for (std::size_t i = 0; i < known.betas.size(); ++i) {
    const double weight = 1 / (known.variances[i] + kBetweenLeast * kBetweenLeast);
    precision += weight;
    sum += weight * known.betas[i];
    mean += known.betas[i] / count;
  }
  double between = 0;
  for (const double beta : known.betas)
    between += (beta - mean) * (beta - mean) / std::max(1.0, count - 1);
  const double spread = std::max(kBetweenLeast, std::sqrt(between));
  Effect effect{.mean = sum / precision,
                .deviation = std::sqrt(1 / precision + spread * spread),
                .upwards_only = !expected && known.betas.empty()};
  if (of_open) {
    const double before = 1 / (effect.deviation * effect.deviation);
    const double own = 1 / known.open_variance;
    effect.mean = (effect.mean * before + known.open_beta * own) / (before + own);
    effect.deviation = std::sqrt(1 / (before + own));
    effect.upwards_only = false;
  }
  return effect;
}

EventBook::Effect EventBook::At(model::BinIndex bin) const {
  Effect total;
  double variance = 0;
  for (std::size_t i = 0; i < events_.size(); ++i) {
    const Known& known = events_[i];
    double shape = 0;
    double course = 0;
    bool of_open = false;
    for (const Occurrence& occurrence : known.event.occurrences) {
      const double here = Shape(occurrence, bin);
      if (here <= shape) continue;
      shape = here;
      course = CourseAt(i, occurrence, bin);
      of_open = known.open && occurrence.start == known.open_start;
    }
    if (shape <= 0) continue;
    const Effect effect = Posterior(known, of_open);
    total.mean += effect.mean * shape + course;
    variance += effect.deviation * effect.deviation * shape * shape;
    total.upwards_only = total.upwards_only && effect.upwards_only;
  }
  total.mean = std::clamp(total.mean, -kExponentMost, kExponentMost);
  total.deviation = std::sqrt(variance);
  return total;
}

std::vector<EventBook::Open> EventBook::OpenAt(model::BinIndex bin) const {
  std::vector<Open> open;
  for (std::size_t i = 0; i < events_.size(); ++i) {
    for (const Occurrence& occurrence : events_[i].event.occurrences) {
      if (bin >= occurrence.start && bin <= LastBin(occurrence)) open.push_back({i, occurrence});
    }
  }
  return open;
}

void EventBook::Note(std::size_t event, const Occurrence& occurrence, double beta,
                     double variance) {
  Known& known = events_[event];
  known.open = true;
  known.open_start = occurrence.start;
  known.open_beta = beta;
  known.open_variance = variance + 1e-6;
}

void EventBook::Close(std::size_t event, const Course& course) {
  Known& known = events_[event];
  if (known.betas.size() >= kObservationsMax) {
    known.betas.erase(known.betas.begin());
    known.variances.erase(known.variances.begin());
    known.courses.erase(known.courses.begin());
  }
  known.betas.push_back(known.open_beta);
  known.variances.push_back(known.open_variance);
  known.courses.push_back(course);
  known.open = false;
}

void EventBook::Adopt(const EventBook& other) {
  for (Known& mine : events_) {
    for (const Known& theirs : other.events_) {
      if (theirs.event.name != mine.event.name || !mine.betas.empty()) continue;
      mine.betas = theirs.betas;
      mine.variances = theirs.variances;
      mine.courses = theirs.courses;
    }
  }
}

void EventBook::Apply(const Effect& effect, model::Quantiles& quantiles) {
  if (effect.mean == 0 && effect.deviation == 0) return;
  const double factor = std::exp(effect.mean);
  const double median = quantiles[model::kMedian] * factor;
  for (std::size_t i = 0; i < model::kFanLevels; ++i) {
    const double off = quantiles[i] * factor - median;
    double reach = median * (std::exp(kNormal[i] * effect.deviation) - 1);
    if (effect.upwards_only && i < model::kMedian) reach = 0;
    const double wide = std::sqrt(off * off + reach * reach);
    quantiles[i] = i < model::kMedian ? std::max(0.0, median - wide) : median + wide;
  }
  quantiles[model::kMedian] = median;
}

void EventBook::Save(ByteWriter& out) const {
  out.Put(static_cast<std::uint32_t>(events_.size()));
  for (const Known& known : events_) {
    out.PutAll(known.betas);
    out.PutAll(known.variances);
    for (const Course& course : known.courses) out.PutAll(course);
    out.Put(static_cast<std::uint8_t>(known.open ? 1 : 0));
    out.Put(known.open_start);
    out.Put(known.open_beta);
    out.Put(known.open_variance);
  }
}

bool EventBook::Load(ByteReader& in) {
  if (in.Get<std::uint32_t>() != events_.size()) return false;
  for (Known& known : events_) {
    known.betas = in.GetVector<double>(kObservationsMax);
    known.variances = in.GetVector<double>(kObservationsMax);
    if (known.betas.size() != known.variances.size()) return false;
    known.courses.resize(known.betas.size());
    for (Course& course : known.courses) in.GetAll(course);
    known.open = in.Get<std::uint8_t>() != 0;
    in.Get(known.open_start);
    in.Get(known.open_beta);
    in.Get(known.open_variance);
  }
  return in.good();
}

}  // namespace foreshard::forecast
