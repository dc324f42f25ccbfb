#pragma once

#include <functional>
#include <map>

#include "cli/simulate/strategy.h"
#include "planner/planner.h"

// The shipped planner in a simulated fleet: turns what is seen into a Problem, lets it plan, starts
// what must start now, and tells it how long moves really took.

namespace foreshard::simulate {

// Good until it is asked for another `now`.
using PathSource = std::function<const UnitForecast&(std::size_t unit, std::size_t now)>;

class Planned final : public Strategy {
 public:
  // `name` may carry settings, see tuning.h; they must be good.
  Planned(const Options& options, PathSource paths, std::string_view name, const Clock& clock);

  void Decide(const Past& past, Fleet& fleet) override;
  PlanReport Report() const override { return report_; }
  std::string Why() const override;
  // The newest question and answer; for tests and for --explain.
  const planner::Problem& problem() const { return problem_; }
  const model::Plan& plan() const { return plan_; }

 private:
  struct Owned {  // one piece with its forecast, scaled to the piece and to utilisation
    Piece piece{};
    double factor = 0;
    const UnitForecast* forecast = nullptr;
    std::size_t leaves = SIZE_MAX;  // step after which it belongs to `next`
    std::size_t next = 0;
  };

  void Learn(const Fleet& fleet);
  void Build(const Past& past, const Fleet& fleet);
  std::vector<Owned> Own(const Past& past, const Fleet& fleet);
  planner::Shard ShardOf(const Past& past, const Fleet& fleet, std::size_t shard,
                         const std::vector<Owned>& owned) const;
  planner::Unit UnitOf(const Past& past, const Owned& owned) const;
  void Execute(Fleet& fleet);

  const Options& options_;
  PathSource paths_;
  model::ScalingSpec policy_;
  const Clock& clock_;
  planner::Options planner_options_;
  planner::Memory memory_;
  planner::Problem problem_;
  model::Plan plan_;
  PlanReport report_;
  std::vector<std::size_t> index_of_;  // planner's shard -> fleet's
};

}  // namespace foreshard::simulate
