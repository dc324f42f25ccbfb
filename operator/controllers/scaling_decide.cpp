#include "operator/controllers/scaling_decide.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "operator/api/conditions.h"
#include "operator/api/migration_json.h"
#include "operator/api/quantity.h"
#include "operator/controllers/scaling_status.h"
#include "operator/forecasts/event_calendar.h"
#include "operator/forecasts/freeze.h"
#include "operator/forecasts/lineage.h"
#include "planner/rehearsal.h"

namespace foreshard::op {

namespace {

constexpr std::chrono::hours kBudgetWindow{1};

double CapacityCores(const model::ShardTemplate& shard) {
  for (const auto* resources : {&shard.resources.limits, &shard.resources.requests}) {
    const auto cpu = resources->find("cpu");
    if (cpu == resources->end()) continue;
    const Result<std::int64_t> milli = ParseMilliQuantity(cpu->second);
    if (milli && *milli > 0) return static_cast<double>(*milli) / 1e3;
  }
  return 1;
}

bool Touches(const model::ShardMigration& migration, const model::ShardId& shard) {
  return migration.spec.source == shard || migration.spec.destination == shard ||
         migration.status.destination == shard;
}

// Units of one shard: its ranges with their part of its load and the keys that caused it.
std::vector<planner::Unit> UnitsOf(const ScalingObservation& seen,
                                   const model::ShardStatus& shard) {
  const model::KeySpace& space = seen.table->key_space;
  std::vector<planner::Unit> units;
  double total = 0;
  for (const model::KeyRange& range : model::RangesOf(*seen.table, shard.id)) {
    planner::Unit unit{.range = range, .share = 0, .bytes = 0, .reservoir = {}, .hot_keys = {}};
    for (const RangeHeat& heat : seen.heat) {
      if (!(heat.range == range)) continue;
      unit.share = heat.backend_seconds;
      for (const HeatKey& sample : heat.samples) {
        unit.reservoir.push_back(
            {.bound = model::BoundOfKey(space, sample.key), .weight = sample.weight});
      }
      for (const HeatKey& hot : heat.hot_keys) {
        if (heat.backend_seconds > 0)
          unit.hot_keys.push_back({.key = hot.key, .share = hot.weight / heat.backend_seconds});
      }
    }
    total += unit.share;
    units.push_back(std::move(unit));
  }
  for (planner::Unit& unit : units) {
    unit.share = total > 0 ? unit.share / total : 1 / static_cast<double>(units.size());
    unit.bytes = static_cast<double>(shard.size_bytes) / static_cast<double>(units.size());
  }
  return units;
}

void LearnFrom(const MoveRecord& record, model::BinIndex now, ScalingMemory& memory) {
  if (record.rehearsal || !memory.learned.insert(record.uid).second) return;
  const bool succeeded = !record.cutover_time.empty();
  const std::optional<WallTime> start = ParseRfc3339(record.start_time);
  const std::optional<WallTime> end = succeeded ? ParseRfc3339(record.cutover_time) : std::nullopt;
  if (!start || (succeeded && !end)) return;
  const auto bytes = static_cast<double>(record.bytes);
  const planner::MoveTime predicted =
      planner::EstimateMoveTime(memory.planner, planner::MovePriors{}, bytes, record.new_shard);
  const double actual = end ? std::chrono::duration<double>(*end - *start).count() : 0;
  if (succeeded && actual <= 0) return;
  memory.planner = planner::Learn(memory.planner, {.at = now,
                                                   .predicted_p50_seconds = predicted.p50_seconds,
                                                   .actual_seconds = actual,
                                                   .succeeded = succeeded,
                                                   .bytes = bytes,
                                                   .new_shard = record.new_shard});
}

// The records first: they are in the order in which the migrations ended.
void Learn(const ScalingObservation& seen, ScalingMemory& memory) {
  for (const MoveRecord& record : memory.kept) LearnFrom(record, seen.now, memory);
  for (const model::ShardMigration& migration : seen.migrations) {
    if (IsTerminal(migration.status) && !migration.spec.dry_run)
      LearnFrom(RecordOf(migration), seen.now, memory);
  }
}

double MovedBytes(const ScalingObservation& seen) {
  double bytes = 0;
  for (const model::ShardMigration& migration : seen.migrations) {
    const std::optional<WallTime> start = ParseRfc3339(migration.status.start_time);
    if (start && seen.wall - *start < kBudgetWindow)
      bytes += static_cast<double>(migration.status.progress.copied_bytes);
  }
  return bytes;
}

// The window moves a season at a time: each new window is a new calendar, and a new fit.
EventCalendar EventsOf(const ScalingObservation& seen) {
  const auto& seasons = seen.set.spec.scaling.seasons;
  const std::chrono::milliseconds season =
      seasons.empty() ? std::chrono::hours(24) : seasons.front();
  const model::BinIndex bins = std::max<model::BinIndex>(1, season / seen.bin);
  const model::BinIndex horizon = seen.set.spec.scaling.horizon / seen.bin;
  const auto down = [bins](model::BinIndex at) { return at / bins * bins; };
  const EventWindow window{
      .bin = seen.bin, .first = down(seen.first), .last = down(seen.now + horizon) + 2 * bins - 1};
  EventCalendar calendar = MakeEventCalendar(seen.events, *seen.table, window);
  // Where a season is no day of people, their clocks mean nothing.
  if (season == std::chrono::hours(24)) {
    AddClockChanges(ZoneOfPeople(seen.events, seen.set.spec.scaling.freeze_windows), *seen.table,
                    window, calendar);
  }
  return calendar;
}

std::vector<EventVerdict> VerdictsOf(const ScalingObservation& seen, const EventCalendar& events) {
  std::vector<EventVerdict> verdicts;
  for (const model::LoadEvent& event : seen.events) {
    const auto problem = events.problems.find(event.name);
    const bool good = problem == events.problems.end();
    model::Condition condition{.type = "Ready",
                               .status = good ? "True" : "False",
                               .reason = good ? "InForecast" : "Invalid",
                               .message = good ? "" : problem->second,
                               .observed_generation = event.generation,
                               .last_transition_time = FormatRfc3339(seen.wall)};
    const model::Condition* before = FindCondition(event.conditions, condition.type);
    if (before != nullptr && before->status == condition.status) {
      if (before->reason == condition.reason && before->message == condition.message &&
          before->observed_generation == condition.observed_generation)
        continue;
      condition.last_transition_time = before->last_transition_time;
    }
    verdicts.push_back({event, std::move(condition)});
  }
  return verdicts;
}

void AdvanceLoads(const ScalingObservation& seen, const EventCalendar& events,
                  ScalingMemory& memory) {
  const LoadBookOptions options{.bin = seen.bin,
                                .seasons = seen.set.spec.scaling.seasons,
                                .horizon = seen.set.spec.scaling.horizon,
                                .capacity_cores = CapacityCores(seen.set.spec.shard_template),
                                .learns_beside = memory.learns_beside};
  if (!memory.loads || !(memory.loads->options() == options)) {
    memory.loads.emplace(options);
    memory.loads->Restore(std::exchange(memory.saved, {}));
  }
  std::map<model::ShardId, ShardDemand> demand =
      WithLineage(seen.demand, OwnerChanges(seen.migrations, seen.bin), seen.first);
  std::erase_if(demand, [&seen](const auto& entry) {
    return model::RangesOf(*seen.table, entry.first).empty();
  });
  const Status advanced = memory.loads->Advance(
      demand, Undisturbed(seen.measured, seen.migrations, seen.bin, seen.first), seen.cores,
      seen.first, seen.now, events.by_shard);
  static_cast<void>(
      advanced);  // a shard without a forecast shows in its trust and in the plan's reason
}

// What a person creates with kubectl, made by the plan.
model::ShardMigration MigrationOf(const ScalingObservation& seen, const model::Plan& plan) {
  const model::PlannedStep& step = plan.steps.front();
  model::ShardMigration migration;
  migration.name_space = seen.set.name_space;
  std::string source = step.shard.value;
  if (source.starts_with("s-")) source = source.substr(2);
  migration.name = fmt::format("{}-{}-{}-{}", seen.set.name,
                               step.type == model::ActionType::kSplit ? "split" : "move", source,
                               plan.made_at % 1'000'000);
  migration.spec.shard_set_name = seen.set.name;
  migration.spec.type = step.type == model::ActionType::kSplit ? model::MigrationType::kSplit
                                                               : model::MigrationType::kMove;
  migration.spec.source = step.shard;
  migration.spec.destination = step.destination;
  migration.spec.range = step.range;
  migration.spec.approved = plan.decision == model::PlanDecision::kExecuting;
  // Rollback stays possible for a quarter of a season and never longer than the usual ten minutes.
  const auto season = seen.set.spec.scaling.seasons.empty()
                          ? std::chrono::milliseconds(std::chrono::hours(24))
                          : seen.set.spec.scaling.seasons.front();
  migration.spec.soak = std::clamp<std::chrono::milliseconds>(season / 16, std::chrono::seconds(30),
                                                              std::chrono::minutes(10));
  return migration;
}

bool MayCreate(const model::Plan& plan, const ScalingObservation& seen) {
  if (plan.steps.empty()) return false;
  if (plan.decision == model::PlanDecision::kExecuting) return true;
  if (plan.decision != model::PlanDecision::kRecommended) return false;
  // One proposal at a time: a person has not answered the last one yet.
  return std::none_of(
      seen.migrations.begin(), seen.migrations.end(),
      [](const model::ShardMigration& migration) { return !IsTerminal(migration.status); });
}

}  // namespace

planner::Problem MakeProblem(const ScalingObservation& seen, const ScalingMemory& memory) {
  planner::Problem problem;
  problem.now = seen.now;
  problem.bin_seconds = static_cast<double>(seen.bin.count());
  problem.key_space = seen.table->key_space;
  problem.policy = seen.set.spec.scaling;
  problem.members_per_shard = seen.set.spec.shard_template.members;
  problem.memory = memory.planner;
  problem.memory.moved_bytes_last_hour = MovedBytes(seen);
  problem.metrics_fresh = seen.metrics_read;
  problem.later_bins = memory.loads->LaterBins();
  // Until the longest action that could begin at the end of the horizon would be over.
  const model::BinIndex horizon = seen.set.spec.scaling.horizon / seen.bin;
  problem.frozen = FrozenIntervals(seen.set.spec.scaling.freeze_windows, seen.bin, seen.now,
                                   seen.now + 2 * horizon);
  const std::vector<OwnerChange> changes = OwnerChanges(seen.migrations, seen.bin);
  for (const model::ShardMigration& migration : seen.migrations) {
    if (!IsTerminal(migration.status) && migration.spec.approved) ++problem.migrations_in_flight;
  }
  for (const model::ShardStatus& status : seen.set.status.shard_statuses) {
    if (model::RangesOf(*seen.table, status.id).empty()) continue;
    planner::Shard shard;
    shard.id = status.id;
    shard.ready = status.ready;
    shard.units = UnitsOf(seen, status);
    for (const model::ShardMigration& migration : seen.migrations) {
      if (!IsTerminal(migration.status) && migration.spec.approved && Touches(migration, status.id))
        shard.migrating = true;
    }
    for (const OwnerChange& change : changes) {
      if (change.source == status.id || change.destination == status.id)
        shard.last_action = change.at;
    }
    const auto load = memory.loads->loads().find(status.id);
    if (load != memory.loads->loads().end()) {
      shard.background = load->second.background;
      shard.measured = load->second.measured;
      shard.fan = load->second.fan;
      shard.scenarios = load->second.scenarios;
      for (const model::Quantiles& step : load->second.later)
        shard.later.push_back(model::Quantile(step, problem.policy.plan_quantile_percent / 100.0));
      shard.trust = load->second.trust;
      shard.estimator_usable = load->second.estimator_usable;
      problem.metrics_fresh = problem.metrics_fresh && load->second.fresh;
    }
    problem.shards.push_back(std::move(shard));
  }
  return problem;
}

ScalingDecision DecideScaling(const ScalingObservation& seen, ScalingMemory& memory) {
  ScalingDecision decision;
  if (!seen.table || seen.set.deleting || seen.set.spec.scaling.mode == model::ScalingMode::kOff)
    return decision;
  decision.has_plan = true;
  Learn(seen, memory);
  const EventCalendar events = EventsOf(seen);
  decision.events = VerdictsOf(seen, events);
  if (seen.metrics_read) {
    AdvanceLoads(seen, events, memory);
  } else if (!memory.loads) {
    memory.loads.emplace(LoadBookOptions{.bin = seen.bin, .seasons = {}});
  }
  const planner::Problem problem = MakeProblem(seen, memory);
  Random random(static_cast<std::uint64_t>(seen.now));
  const planner::Options options;
  model::Plan plan = planner::MakePlan(problem, options, random);
  decision.plan = planner::Rehearsed(problem, std::move(plan), options, random);
  memory.planner = planner::Remember(problem, decision.plan);
  memory.planned_at = seen.now;
  if (MayCreate(decision.plan, seen)) decision.migration = MigrationOf(seen, decision.plan);
  decision.status = ScalingStatus(seen, problem, decision.plan);
  return decision;
}

}  // namespace foreshard::op
