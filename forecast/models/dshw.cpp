#include "forecast/models/dshw.h"

#include <array>
#include <cmath>
#include <vector>

namespace foreshard::forecast {

namespace {

constexpr std::array<double, 4> kAlpha = {0.001, 0.01, 0.05, 0.15};
constexpr std::array<double, 3> kGamma = {0.03, 0.1, 0.25};
constexpr std::array<double, 3> kDelta = {0.05, 0.15, 0.3};
constexpr std::array<double, 3> kPhi = {0.5, 0.8, 0.95};

struct State {
  double level = 0;
  double error = 0;
  std::vector<double> day;
  std::vector<double> week;
};

// Positions of index 0 in the two seasons.
struct Phase {
  int day = 0;
  int week = 0;
};

Phase PhaseOfFirst(const Past& past) {
  const model::BinIndex first = past.last - (past.size() - 1);
  const auto wrap = [first](int season) {
    return static_cast<int>(((first % season) + season) % season);
  };
  return {wrap(past.day), wrap(past.week)};
}

// From the first two weeks: mean, mean deviation of each hour, half of what is left of each hour of
// the week.
State Start(const Past& past, std::span<const double> y, Phase phase) {
  const int count = std::min(past.size(), 2 * past.week);
  State state;
  state.day.assign(static_cast<std::size_t>(past.day), 0);
  state.week.assign(static_cast<std::size_t>(past.week), 0);
  for (int i = 0; i < count; ++i) state.level += y[static_cast<std::size_t>(i)] / count;
  const auto spread = [&](std::vector<double>& season, int offset, auto rest, double share) {
    std::vector<double> sum(season.size(), 0);
    std::vector<double> seen(season.size(), 0);
    for (int i = 0; i < count; ++i) {
      const std::size_t at = static_cast<std::size_t>(i + offset) % season.size();
      sum[at] += rest(i);
      seen[at] += 1;
    }
    for (std::size_t k = 0; k < season.size(); ++k) {
      season[k] = seen[k] > 0 ? share * sum[k] / seen[k] : 0;
    }
  };
  spread(
      state.day, phase.day, [&](int i) { return y[static_cast<std::size_t>(i)] - state.level; }, 1);
  spread(
      state.week, phase.week,
      [&](int i) {
        return y[static_cast<std::size_t>(i)] - state.level -
               state.day[static_cast<std::size_t>(i + phase.day) % state.day.size()];
      },
      0.5);
  return state;
}

// Runs over the whole past; returns the mean absolute one-step error after `scored_from`.
double Run(std::span<const double> y, Phase phase, const DshwChoice& choice, int scored_from,
           State& state) {
  const double alpha = kAlpha[static_cast<std::size_t>(choice.alpha)];
  const double gamma = kGamma[static_cast<std::size_t>(choice.gamma)];
  const double delta = kDelta[static_cast<std::size_t>(choice.delta)];
  const double phi = kPhi[static_cast<std::size_t>(choice.phi)];
  auto at_day = static_cast<std::size_t>(phase.day);
  auto at_week = static_cast<std::size_t>(phase.week);
  double level = state.level;
  double error = 0;
  double loss = 0;
  const auto from = static_cast<std::size_t>(scored_from);
  for (std::size_t i = 0; i < y.size(); ++i) {
    double& day = state.day[at_day];
    double& week = state.week[at_week];
    const double plain = level + day + week;
    if (i >= from) loss += std::abs(y[i] - plain - phi * error);
    error = y[i] - plain;
    level += alpha * error;
    day += gamma * error;
    week += delta * error;
    if (++at_day == state.day.size()) at_day = 0;
    if (++at_week == state.week.size()) at_week = 0;
  }
  state.level = level;
  state.error = error;
  return loss / std::max<double>(1, static_cast<double>(y.size() - from));
}

// All of the grid, or from the last choice downhill by one coordinate at a time.
class Search {
 public:
  Search(const Past& past, std::span<const double> y)
      : y_(y), phase_(PhaseOfFirst(past)), start_(Start(past, y, phase_)) {
    scored_from_ = past.size() > 2 * past.week + past.day ? 2 * past.week : past.size() / 2;
  }

  DshwChoice Full() {
    DshwChoice choice;
    for (int a = 0; a < 4; ++a) {
      for (int g = 0; g < 3; ++g) {
        for (int d = 0; d < 3; ++d) {
          for (int p = 0; p < 3; ++p) Try({a, g, d, p}, choice);
        }
      }
    }
    return choice;
  }

  DshwChoice Near(DshwChoice choice) {
    best_ = HUGE_VAL;
    Try(choice, choice);
    const DshwChoice last = choice;
    for (const int step : {-1, 1}) {
      for (int DshwChoice::*place :
           {&DshwChoice::alpha, &DshwChoice::gamma, &DshwChoice::delta, &DshwChoice::phi}) {
        DshwChoice next = last;
        next.*place += step;
        const int most = place == &DshwChoice::alpha ? 3 : 2;
        if (next.*place >= 0 && next.*place <= most) Try(next, choice);
      }
    }
    return choice;
  }

  State Final(const DshwChoice& choice) {
    State state = start_;
    Run(y_, phase_, choice, scored_from_, state);
    return state;
  }

  Phase phase() const { return phase_; }

 private:
  void Try(const DshwChoice& candidate, DshwChoice& choice) {
    scratch_ = start_;
    const double loss = Run(y_, phase_, candidate, scored_from_, scratch_);
    if (loss < best_) {
      best_ = loss;
      choice = candidate;
    }
  }

  std::span<const double> y_;
  Phase phase_;
  State start_;
  State scratch_;
  int scored_from_ = 0;
  double best_ = HUGE_VAL;
};

}  // namespace

void Dshw(const Past& past, std::span<const double> values, DshwChoice& choice,
          std::span<double> out) {
  if (past.week <= 0 || past.size() < past.week + past.day) {
    for (std::size_t i = 0; i < out.size(); ++i) {
      const int step = static_cast<int>(i) + 1;
      const int back = past.size() - 1 + step - past.day * ((step + past.day - 1) / past.day);
      out[i] = back >= 0 ? values[static_cast<std::size_t>(back)] : values.back();
    }
    return;
  }
  Search search(past, values);
  choice = choice.alpha < 0 ? search.Full() : search.Near(choice);
  const State state = search.Final(choice);
  const double phi = kPhi[static_cast<std::size_t>(choice.phi)];
  double carried = state.error;
  for (std::size_t i = 0; i < out.size(); ++i) {
    carried *= phi;
    const std::size_t t = values.size() + i;
    out[i] = state.level + carried +
             state.day[(t + static_cast<std::size_t>(search.phase().day)) % state.day.size()] +
             state.week[(t + static_cast<std::size_t>(search.phase().week)) % state.week.size()];
  }
}

}  // namespace foreshard::forecast
