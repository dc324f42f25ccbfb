#pragma once

#include <array>
#include <vector>

#include "forecast/bytes.h"
#include "forecast/forecaster.h"

// What announced events do to the load: y = base * exp(beta * shape + course). The shape rises
// linearly over `before`, is 1 over the plateau, and falls over `after`; the course is how the
// effect differs from its mean along the plateau (a holiday has no morning rush), by 24ths of it,
// learned from past occurrences and shrunk by n / (n + 1).
//
// beta of an event: a normal prior (log of the expected multiplier, deviation 0.5; without one 0
// and 0.7, upwards only) and one observation an occurrence, mean log(actual / base) over its
// plateau, all weighted by precision. What occurrences differ by (at least 0.1) goes into the fan,
// so an event that is badly known is wide, not wrong.

namespace foreshard::forecast {

class EventBook {
 public:
  explicit EventBook(const Calendar& calendar);

  bool empty() const { return events_.empty(); }

  // Mean and deviation of the exponent at a bin, over all events that touch it.
  struct Effect {
    double mean = 0;
    double deviation = 0;
    bool upwards_only = true;  // nothing was seen yet and no multiplier expected
  };
  Effect At(model::BinIndex bin) const;
  // One occurrence along its plateau: mean log(actual / base) of each 24th, minus the mean of all.
  static constexpr int kParts = 24;
  using Course = std::array<double, kParts>;
  static int PartOf(const Occurrence& occurrence, model::BinIndex bin);  // -1 off the plateau
  // What past occurrences say about the course at a bin; 0 off the plateau.
  double CourseAt(std::size_t event, const Occurrence& occurrence, model::BinIndex bin) const;
  // Of one occurrence alone, 0..1.
  static double Shape(const Occurrence& occurrence, model::BinIndex bin);
  static model::BinIndex FirstBin(const Occurrence& occurrence);
  static model::BinIndex LastBin(const Occurrence& occurrence);

  // Occurrences whose plateau has begun and whose last bin is not before `bin`.
  struct Open {
    std::size_t event = 0;
    Occurrence occurrence;
  };
  std::vector<Open> OpenAt(model::BinIndex bin) const;
  // So far this occurrence has this effect; `variance` is that of the mean. While it is on, its own
  // evidence counts for its own bins; Close() makes it an observation of the event.
  void Note(std::size_t event, const Occurrence& occurrence, double beta, double variance);
  void Close(std::size_t event, const Course& course);
  bool first(std::size_t event) const { return events_[event].betas.empty(); }
  void Adopt(const EventBook& other);  // observations of events with the same name

  // Quantiles of base * exp(effect) from those of the base.
  static void Apply(const Effect& effect, model::Quantiles& quantiles);

  void Save(ByteWriter& out) const;
  bool Load(ByteReader& in);

 private:
  struct Known {
    Event event;
    std::vector<double> betas{};
    std::vector<double> variances{};
    std::vector<Course> courses{};
    bool open = false;  // one occurrence is on, with evidence of its own
    model::BinIndex open_start = 0;
    double open_beta = 0;
    double open_variance = 0;
  };
  Effect Posterior(const Known& known, bool of_open) const;

  std::vector<Known> events_;
};

}  // namespace foreshard::forecast
