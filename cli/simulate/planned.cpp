#include "cli/simulate/planned.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "cli/simulate/tuning.h"

namespace foreshard::simulate {

namespace {

constexpr std::size_t kReservoir = 128;
constexpr std::size_t kMeasuredBins = 6;

// Bounds of planner ranges: the lowest is "", and so is the end.
std::string BoundOf(model::Position position) { return model::FormatPosition(position); }

model::Position PositionOf(const std::string& bound) {
  return bound.empty() ? 0 : *model::ParsePosition(bound);
}

void AddPath(std::vector<double>& sum, const std::vector<double>& path, double factor,
             std::size_t from, std::size_t to) {
  if (sum.size() < path.size()) sum.resize(path.size(), 0);
  for (std::size_t h = from; h < std::min(to, path.size()); ++h) sum[h] += factor * path[h];
}

void AddTrust(model::Trust& sum, const model::Trust& part, double weight) {
  sum.history += weight * part.history;
  sum.data += weight * part.data;
  sum.skill += weight * part.skill;
  sum.coverage += weight * part.coverage;
  sum.drift += weight * part.drift;
  sum.freshness += weight * part.freshness;
  sum.cap += weight * part.cap;
}

// The fan of a sum is read from its scenarios.
model::Fan FanOf(const std::vector<std::vector<double>>& paths, std::int64_t origin) {
  model::Fan fan;
  fan.origin = origin;
  if (paths.empty()) return fan;
  std::vector<double> sample(paths.size());
  for (std::size_t h = 0; h < paths.front().size(); ++h) {
    for (std::size_t r = 0; r < paths.size(); ++r) sample[r] = paths[r][h];
    fan.steps.push_back(model::QuantilesOf(sample));
  }
  for (std::size_t r = 0; r < paths.size(); ++r)
    sample[r] = *std::max_element(paths[r].begin(), paths[r].end());
  fan.windows.push_back({.bins = static_cast<std::int32_t>(paths.front().size()),
                         .factor = {},
                         .maximum = model::QuantilesOf(sample)});
  return fan;
}

}  // namespace

Planned::Planned(const Options& options, PathSource paths, std::string_view name,
                 const Clock& clock)
    : options_(options), paths_(std::move(paths)), clock_(clock) {
  planner_options_.optimiser = BaseName(name) == "ours-ga" ? planner::Optimiser::kGenetic
                                                           : planner::Optimiser::kNeighbourhood;
  planner_options_.merge_shards = true;
  planner_options_.isolate_keys = true;
  planner_options_.breach_waits_for_cool_down = false;  // units rest one by one here
  policy_.mode = model::ScalingMode::kAuto;
  policy_.min_shards = 2;
  policy_.max_shards = options_.shards_max;
  policy_.target_cpu_percent = options_.target_percent;
  policy_.limit_cpu_percent = options_.limit_percent;
  policy_.plan_quantile_percent = options_.quantile_percent;
  policy_.max_concurrent_migrations = options_.concurrent_moves;
  policy_.max_moved_bytes_per_hour = std::int64_t{200} << 30;
  const Status tuned = Tune(name, policy_, planner_options_);
  CHECK(tuned.ok(), "bad settings", name);
}

void Planned::Decide(const Past& past, Fleet& fleet) {
  Learn(fleet);
  Build(past, fleet);
  const MonotonicTime start = clock_.Monotonic();
  Random random(static_cast<std::uint64_t>(problem_.now));
  model::Plan plan = planner::MakePlan(problem_, planner_options_, random);
  report_.millis.push_back(
      std::chrono::duration<double, std::milli>(clock_.Monotonic() - start).count());
  if (!plan_.steps.empty() && plan_.decision == model::PlanDecision::kWaiting &&
      (plan.steps.empty() || plan.steps.front().shard != plan_.steps.front().shard))
    ++report_.flips;
  plan_ = std::move(plan);
  memory_ = planner::Remember(problem_, plan_);
  Execute(fleet);
}

std::string Planned::Why() const {
  std::string why = model::ToString(plan_.decision);
  if (plan_.reason != model::PlanReason::kNone)
    why += std::string(" ") + model::ToString(plan_.reason);
  if (!plan_.steps.empty()) why += std::string(" ") + model::ToString(plan_.steps.front().type);
  return why;
}

void Planned::Learn(const Fleet& fleet) {
  for (const Finished& finished : fleet.finished()) {
    const double predicted = finished.transfer.order.predicted_p50_seconds;
    if (predicted <= 0) continue;
    const double actual = finished.transfer.seconds;
    memory_ = planner::Learn(memory_, {.at = problem_.now,
                                       .predicted_p50_seconds = predicted,
                                       .actual_seconds = actual,
                                       .succeeded = finished.succeeded});
    if (!finished.succeeded) continue;
    report_.duration_errors.push_back(std::abs(actual - predicted) / actual);
    ++report_.finished;
    if (actual <= finished.transfer.order.predicted_p80_seconds) ++report_.within_p80;
  }
}

std::vector<Planned::Owned> Planned::Own(const Past& past, const Fleet& fleet) {
  std::vector<Owned> all;
  for (const Piece& piece : fleet.pieces()) {
    Owned owned{.piece = piece,
                .factor = past.ShareOf(piece) / past.capacity(),
                .forecast = &paths_(piece.unit, past.now())};
    for (const Transfer& transfer : fleet.transfers()) {
      if (transfer.order.source != piece.shard) continue;
      const bool all_leave = transfer.order.type == model::ActionType::kMerge;
      if (!all_leave && (piece.from < transfer.order.from || piece.to - 1 > transfer.order.to - 1))
        continue;
      // What is left of the predicted duration; at least one bin as long as it runs.
      const double planned = transfer.order.predicted_p80_seconds;
      const double gone = static_cast<double>((past.now() + 1 - transfer.started)) *
                          static_cast<double>(options_.bin.count());
      owned.leaves = static_cast<std::size_t>(
          std::max(1.0, std::ceil((planned - gone) / static_cast<double>(options_.bin.count()))));
      owned.next = transfer.destination;
    }
    all.push_back(owned);
  }
  return all;
}

planner::Unit Planned::UnitOf(const Past& past, const Owned& owned) const {
  planner::Unit unit;
  unit.range = {.from = BoundOf(owned.piece.from), .to = BoundOf(owned.piece.to)};
  for (const std::vector<double>& path : owned.forecast->paths) {
    std::vector<double> scaled;
    AddPath(scaled, path, owned.factor, 0, SIZE_MAX);
    unit.paths.push_back(std::move(scaled));
  }
  for (const model::Position position : past.Sample(owned.piece, kReservoir))
    unit.reservoir.push_back({.bound = BoundOf(position), .weight = 1});
  unit.hot_keys = past.HotKeys(owned.piece);
  return unit;
}

planner::Shard Planned::ShardOf(const Past& past, const Fleet& fleet, std::size_t shard,
                                const std::vector<Owned>& owned) const {
  const FleetShard& state = fleet.shards()[shard];
  planner::Shard seen;
  seen.id = state.id;
  seen.ready = state.ready;
  seen.migrating = state.sending || state.receiving;
  if (state.last_action) seen.last_action = past.Bin(*state.last_action);
  const auto& loads = fleet.loads();
  for (std::size_t i = loads.size() - std::min(loads.size(), kMeasuredBins); i < loads.size(); ++i)
    seen.measured.push_back(shard < loads[i].size() ? loads[i][shard] : 0);
  seen.scenarios.origin = past.Bin(past.now());
  std::vector<std::vector<double>> later;
  model::Trust trust = {.drift = 0, .cap = 0};
  double weight = 0;
  for (const Owned& one : owned) {
    const bool here = one.piece.shard == shard;
    const bool comes = one.leaves != SIZE_MAX && one.next == shard;
    if (!here && !comes) continue;
    const std::size_t from = comes ? one.leaves : 0;
    const std::size_t to = here ? one.leaves : SIZE_MAX;
    const UnitForecast& forecast = *one.forecast;
    seen.scenarios.paths.resize(forecast.paths.size());
    for (std::size_t r = 0; r < forecast.paths.size(); ++r)
      AddPath(seen.scenarios.paths[r], forecast.paths[r], one.factor, from, to);
    if (here && one.leaves != SIZE_MAX) continue;
    later.resize(forecast.later.size());
    for (std::size_t r = 0; r < forecast.later.size(); ++r)
      AddPath(later[r], forecast.later[r], one.factor, 0, SIZE_MAX);
    const double share = past.Load(one.piece) + 1e-9;
    AddTrust(trust, forecast.trust, share);
    weight += share;
  }
  if (weight > 0) {
    AddTrust(seen.trust, trust, 1 / weight);
    seen.trust.drift -= 1;  // they begin at one
    seen.trust.cap -= 1;
  }
  for (std::size_t r = 0; r < seen.scenarios.paths.size(); ++r)
    seen.scenarios.drawn_from.push_back(static_cast<std::int64_t>(r));
  seen.fan = FanOf(seen.scenarios.paths, past.Bin(past.now()));
  const model::Fan day = FanOf(later, past.Bin(past.now()));
  for (const model::Quantiles& step : day.steps)
    seen.later.push_back(model::Quantile(step, policy_.plan_quantile_percent / 100.0));
  return seen;
}

void Planned::Build(const Past& past, const Fleet& fleet) {
  problem_ = {};
  problem_.now = past.Bin(past.now());
  problem_.bin_seconds = static_cast<double>(options_.bin.count());
  problem_.policy = policy_;
  problem_.memory = memory_;
  const auto hour = static_cast<std::size_t>(std::chrono::hours(1) / options_.bin);
  problem_.memory.moved_bytes_last_hour = fleet.MovedBytesSince(past.now() + 1 - hour);
  problem_.migrations_in_flight = static_cast<int>(fleet.transfers().size());
  problem_.metrics_fresh = !past.Gap(past.now()) || !past.Gap(past.now() - 1);
  problem_.later_bins = std::max(1, options_.DayBins() / 48);
  const std::vector<Owned> owned = Own(past, fleet);
  index_of_.clear();
  for (std::size_t shard = 0; shard < fleet.shards().size(); ++shard) {
    if (!fleet.shards()[shard].alive) continue;
    planner::Shard seen = ShardOf(past, fleet, shard, owned);
    double total = 0;
    for (const Owned& one : owned) {
      if (one.piece.shard != shard || one.leaves != SIZE_MAX) continue;
      planner::Unit unit = UnitOf(past, one);
      unit.share = past.Load(one.piece);
      unit.bytes = fleet.BytesOf(one.piece);
      if (one.piece.moved) unit.last_move = past.Bin(*one.piece.moved);
      total += unit.share;
      seen.units.push_back(std::move(unit));
    }
    for (planner::Unit& unit : seen.units) unit.share = total > 0 ? unit.share / total : 0;
    index_of_.push_back(shard);
    problem_.shards.push_back(std::move(seen));
  }
}

void Planned::Execute(Fleet& fleet) {
  if (plan_.decision != model::PlanDecision::kExecuting) return;
  const auto find = [this](const model::ShardId& id) -> std::optional<std::size_t> {
    for (std::size_t i = 0; i < problem_.shards.size(); ++i) {
      if (problem_.shards[i].id == id) return index_of_[i];
    }
    return std::nullopt;
  };
  for (const model::PlannedStep& step : plan_.steps) {
    if (step.start > problem_.now + 1) continue;
    const std::optional<std::size_t> source = find(step.shard);
    if (!source) continue;
    Order order{.type = step.type, .source = *source, .destination = find(step.destination)};
    order.from = PositionOf(step.range.from);
    order.to = PositionOf(step.range.to);
    if (!step.keys.empty()) {
      order.from = PositionOf(step.keys.front());
      order.to = order.from + 1;
    }
    order.predicted_p50_seconds = step.p50_seconds;
    order.predicted_p80_seconds = step.p80_seconds;
    fleet.Start(order);
  }
}

}  // namespace foreshard::simulate
