#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "cli/simulate/fleet.h"
#include "cli/simulate/forecasts.h"
#include "cli/simulate/world.h"
#include "model/plan.h"

// A strategy looks at the past and starts moves. The future is reachable only through Future, and
// only one strategy is given one.

namespace foreshard::simulate {

// What monitoring knows at the end of bin `now`.
class Past {
 public:
  Past(const World& world, std::size_t now) : world_(&world), now_(now) {}

  std::size_t now() const { return now_; }
  // REQUIRES: bin <= now.
  double Demand(std::size_t unit, std::size_t bin) const;
  double Total(std::size_t bin) const;
  bool Gap(std::size_t bin) const { return world_->gap[bin] != 0; }
  // Of the unit's demand in the newest bin; what heat says.
  double ShareOf(const Piece& piece) const;
  // Utilisation that a piece causes now.
  double Load(const Piece& piece) const;
  double capacity() const { return world_->capacity; }
  std::size_t units() const { return world_->units(); }
  std::int64_t Bin(std::size_t index) const {
    return world_->first + static_cast<std::int64_t>(index);
  }
  // Where in the piece the keys lie that cause its load: positions with equal weight.
  std::vector<model::Position> Sample(const Piece& piece, std::size_t count) const;
  // Shares of single keys of the piece's own load.
  std::vector<planner::HotKey> HotKeys(const Piece& piece) const;

 private:
  const World* world_;
  std::size_t now_;
};

// How good the predictions of moves were; only strategies that predict have any.
struct PlanReport {
  std::vector<double> millis;           // of every decision
  std::vector<double> duration_errors;  // |actual - p50| / actual, in the order of finishing
  int within_p80 = 0;
  int finished = 0;
  int flips = 0;  // the first step of the plan changed before it was started
};

class Strategy {
 public:
  virtual ~Strategy() = default;
  virtual void Decide(const Past& past, Fleet& fleet) = 0;
  virtual PlanReport Report() const { return {}; }
  // What was decided last and why, in a few words; empty where nobody says.
  virtual std::string Why() const { return {}; }
};

inline constexpr std::string_view kStrategies[] = {
    "bound",  "bound-target",     "static-peak", "static-average", "reactive", "threshold-split",
    "pstore", "ours-no-forecast", "ours",        "ours-ga",        "oracle"};
bool IsStrategy(std::string_view name);
bool NeedsForecasts(std::string_view name);  // of every unit
std::size_t ShardsAtStart(std::string_view name, const Options& options);

// REQUIRES: IsStrategy(name), and it is no bound (bound.h), which nobody decides. `forecasts`
// outlives the strategy.
std::unique_ptr<Strategy> MakeStrategy(std::string_view name, const World& world,
                                       const Options& options, const Forecasts& forecasts,
                                       const Clock& clock);

}  // namespace foreshard::simulate
