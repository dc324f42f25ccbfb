#include "forecast/models/damped_ets.h"

#include <array>
#include <cmath>
#include <vector>

namespace foreshard::forecast {

namespace {

struct State {
  double level = 0;
  double trend = 0;
  std::vector<double> season;
};

// Level and season of the first two days.
State Start(std::span<const double> y, int day) {
  const auto count = std::min(y.size(), static_cast<std::size_t>(2 * day));
  State state;
  state.season.assign(static_cast<std::size_t>(day), 0);
  for (std::size_t i = 0; i < count; ++i) state.level += y[i] / static_cast<double>(count);
  std::vector<double> seen(state.season.size(), 0);
  for (std::size_t i = 0; i < count; ++i) {
    state.season[i % state.season.size()] += y[i] - state.level;
    seen[i % state.season.size()] += 1;
  }
  for (std::size_t k = 0; k < seen.size(); ++k) state.season[k] /= std::max(1.0, seen[k]);
  return state;
}

double Run(std::span<const double> y, const EtsParameters& p, State& state) {
  double loss = 0;
  std::size_t at = 0;
  const std::size_t warm = state.season.size();
  for (std::size_t i = 0; i < y.size(); ++i) {
    double& season = state.season[at];
    const double carried = state.level + p.phi * state.trend;
    const double error = y[i] - carried - season;
    if (i >= warm) loss += std::abs(error);
    state.level = carried + p.alpha * error;
    state.trend = p.phi * state.trend + p.beta * error;
    season += p.gamma * error;
    if (++at == state.season.size()) at = 0;
  }
  return loss;
}

// One coordinate at a time, the step halved when nothing helps.
EtsParameters Descend(std::span<const double> y, const State& start, EtsParameters p,
                      double& best) {
  State state = start;
  best = Run(y, p, state);
  double factor = 2;
  for (int round = 0; round < 6; ++round) {
    bool better = false;
    for (double EtsParameters::*which : {&EtsParameters::alpha, &EtsParameters::beta,
                                         &EtsParameters::gamma, &EtsParameters::phi}) {
      for (const double scale : {factor, 1 / factor}) {
        EtsParameters next = p;
        if (which == &EtsParameters::phi) {
          next.phi = 1 - (1 - p.phi) * scale;
        } else {
          next.*which = p.*which * scale;
        }
        if (next.*which <= 0 || next.*which >= 1) continue;
        state = start;
        const double loss = Run(y, next, state);
        if (loss >= best) continue;
        best = loss;
        p = next;
        better = true;
      }
    }
    if (!better) factor = std::sqrt(factor);
  }
  return p;
}

bool Knows(const Past& past) { return past.size() >= 2 * past.day; }

}  // namespace

EtsParameters FitDampedEts(const Past& past, std::span<const double> values,
                           const EtsParameters* start) {
  static constexpr std::array<EtsParameters, 3> kStarts = {
      {{0.05, 0.005, 0.1, 0.9}, {0.3, 0.02, 0.05, 0.95}, {0.01, 0.001, 0.3, 0.8}}};
  if (!Knows(past)) return kStarts[0];
  const State begin = Start(values, past.day);
  double best = HUGE_VAL;
  EtsParameters chosen = kStarts[0];
  const std::span<const EtsParameters> starts = start != nullptr
                                                    ? std::span<const EtsParameters>(start, 1)
                                                    : std::span<const EtsParameters>(kStarts);
  for (const EtsParameters& candidate : starts) {
    double loss = 0;
    const EtsParameters found = Descend(values, begin, candidate, loss);
    if (loss < best) {
      best = loss;
      chosen = found;
    }
  }
  return chosen;
}

void DampedEts(const Past& past, std::span<const double> values, const EtsParameters& parameters,
               std::span<double> out) {
  const auto day = static_cast<std::size_t>(past.day);
  if (!Knows(past)) {
    for (std::size_t i = 0; i < out.size(); ++i) {
      const std::size_t back =
          values.size() >= day ? values.size() - day + i % day : values.size() - 1;
      out[i] = values[back];
    }
    return;
  }
  State state = Start(values, past.day);
  Run(values, parameters, state);
  double reach = 0;
  double power = 1;
  for (std::size_t i = 0; i < out.size(); ++i) {
    power *= parameters.phi;
    reach += power;
    out[i] = state.level + reach * state.trend + state.season[(values.size() + i) % day];
  }
}

}  // namespace foreshard::forecast
