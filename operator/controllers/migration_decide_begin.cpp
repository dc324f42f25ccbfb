#include <algorithm>

#include "operator/api/conditions.h"
#include "operator/builders/names.h"
#include "operator/controllers/cutover_loop.h"
#include "operator/controllers/migration_decide.h"
#include "operator/controllers/migration_status.h"

namespace foreshard::op {

using migration::Phase;

namespace {

constexpr std::chrono::milliseconds kSlowLook{2'000};
constexpr std::chrono::milliseconds kMoverLook{500};

MigrationDecision Refuse(const MigrationObservation& seen, std::string reason,
                         std::string message) {
  return {.step = MigrationStep::kWriteStatus,
          .status = StoppedBy(seen, {std::move(reason), std::move(message), true})};
}

MigrationDecision Move(const MigrationObservation& seen, Phase next) {
  if (seen.migration.spec.paused) {
    return WaitFor("Paused", fmt::format("spec.paused holds it before {}", ToString(next)),
                   kSlowLook);
  }
  return {.step = MigrationStep::kWriteStatus, .status = MovedTo(seen, next)};
}

bool IsActive(const model::ShardMigration& other) {
  if (other.status.number == 0) return false;
  const auto phase = migration::ParsePhase(other.status.phase);
  return phase && *phase != Phase::kPlanned && !migration::IsTerminal(*phase);
}

// The rules of concurrency: one outgoing and one incoming migration a shard.
std::optional<MigrationDecision> WaitForOthers(const MigrationObservation& seen) {
  for (const model::ShardMigration& other : seen.set->migrations) {
    if (other.uid == seen.migration.uid || !IsActive(other)) continue;
    const bool source = other.spec.source == seen.spec->source;
    const bool destination = other.status.destination == seen.spec->destination;
    if (source || destination) {
      return WaitFor(source ? "SourceBusy" : "DestinationBusy",
                     fmt::format("migration '{}' uses shard '{}'", other.name,
                                 source ? seen.spec->source : seen.spec->destination),
                     kSlowLook);
    }
  }
  return std::nullopt;
}

bool KeysOverlap(const model::KeySpace& space, const model::Moving& moving,
                 const migration::MigrationSpec& spec) {
  const auto in_range = [&](const std::vector<std::string>& keys, const model::KeyRange& range) {
    return std::any_of(keys.begin(), keys.end(), [&](const std::string& key) {
      return model::ContainsKey(space, range, key);
    });
  };
  if (moving.keys.empty() && spec.keys.empty()) {
    return model::Overlap(space, moving.range, spec.range);
  }
  if (moving.keys.empty()) return in_range(spec.keys, moving.range);
  if (spec.keys.empty()) return in_range(moving.keys, spec.range);
  return std::any_of(moving.keys.begin(), moving.keys.end(), [&](const std::string& key) {
    return std::find(spec.keys.begin(), spec.keys.end(), key) != spec.keys.end();
  });
}

bool ShardReady(const model::ShardSet& set, const model::ShardId& id) {
  return std::any_of(
      set.status.shard_statuses.begin(), set.status.shard_statuses.end(),
      [&](const model::ShardStatus& shard) { return shard.id == id && shard.ready; });
}

// Random, and the same whoever repeats this: a function of the object's uid.
model::ShardId NewDestination(const MigrationObservation& seen) {
  const auto taken = [&](const model::ShardId& id) {
    const auto& shards = seen.set->table->shards;
    const auto& others = seen.set->migrations;
    return std::any_of(shards.begin(), shards.end(),
                       [&](const model::ShardAddress& shard) { return shard.id == id; }) ||
           std::any_of(others.begin(), others.end(), [&](const model::ShardMigration& other) {
             return other.uid != seen.migration.uid && other.status.destination == id;
           });
  };
  for (int count = 1;; ++count) {
    const model::ShardId id = NewShardIds(seen.migration.uid, count).back();
    if (!taken(id)) return id;
  }
}

// Number and destination in one write: the intent before anything exists.
MigrationDecision GiveNumber(const MigrationObservation& seen) {
  if (!seen.migration.spec.approved) {
    return WaitFor("NotApproved", "spec.approved is false", kSlowLook);
  }
  if (!seen.high) {
    return WaitFor("ShardNotReachable", seen.shard_error ? seen.shard_error->message : "",
                   kSlowLook);
  }
  model::ShardMigrationStatus status = MovedTo(seen, Phase::kPlanned);
  if (seen.migration.spec.type == model::MigrationType::kMerge) {
    const auto all = model::OnePiece(*seen.set->table, seen.migration.spec.source);
    if (!all) {
      return Refuse(
          seen, "NotOnePiece",
          "spec.source: its ranges do not touch each other, or keys are pinned to it; move "
          "single ranges and keys away until one range is left");
    }
    status.range = *all;
  }
  status.number = seen.high->number.value + 1;
  status.destination = seen.migration.spec.destination;
  if (status.destination.value.empty()) {
    status.destination = NewDestination(seen);
  }
  return {.step = MigrationStep::kWriteStatus, .status = std::move(status)};
}

}  // namespace

MigrationDecision DecidePlanned(const MigrationObservation& seen) {
  if (seen.migration.status.number == 0) return GiveNumber(seen);
  const migration::MigrationSpec& spec = *seen.spec;
  const model::RoutingTable& table = *seen.set->table;
  const auto known = [&](const model::ShardId& id) {
    return std::any_of(table.shards.begin(), table.shards.end(),
                       [&](const model::ShardAddress& shard) { return shard.id == id; });
  };
  if (!known(spec.source)) {
    return Refuse(seen, "UnknownShard", fmt::format("spec.source: no shard '{}'", spec.source));
  }
  if (!spec.new_destination && !known(spec.destination)) {
    return Refuse(seen, "UnknownShard",
                  fmt::format("spec.destination: no shard '{}'", spec.destination));
  }
  if (spec.keys.empty() && model::IsEmpty(spec.key_space, spec.range)) {
    return Refuse(seen, "RangeEmpty",
                  fmt::format("spec.range: '{}' is empty", model::ToString(spec.range)));
  }
  if (!OwnsK(table, spec, spec.source)) {
    return Refuse(seen, "RangeNotOwned",
                  fmt::format("spec.range: shard '{}' does not own all of it", spec.source));
  }
  if (auto sweep = DropDeadMarks(seen)) return *sweep;
  for (const model::Moving& moving : table.moving) {
    if (moving.migration != spec.name && KeysOverlap(spec.key_space, moving, spec)) {
      return WaitFor("KeysAreMoving", fmt::format("migration '{}' moves some", moving.migration),
                     kSlowLook);
    }
  }
  if (auto busy = WaitForOthers(seen)) return *busy;
  const bool is_made = spec.new_destination && spec.dry_run;  // by the later run only
  for (const model::ShardId& shard : {spec.source, spec.destination}) {
    if (is_made && shard == spec.destination) continue;
    if (!ShardReady(seen.set->set, shard)) {
      return WaitFor("ShardNotReady", fmt::format("shard '{}' is not ready", shard), kSlowLook);
    }
  }
  MigrationDecision decision = Move(seen, Phase::kPreflight);
  if (decision.status) decision.status->job_name = JobName(seen.migration);
  return decision;
}

MigrationDecision DecidePreflight(const MigrationObservation& seen) {
  if (auto job = JobFirst(seen)) return *job;
  const auto& result = seen.job.preflight;
  if (!result) return WaitFor("Preflight", "the mover looks at both shards", kMoverLook);
  if (!result->passed && !result->skipped) return Refuse(seen, result->reason, result->message);
  if (seen.migration.spec.dry_run) {
    model::ShardMigrationStatus status = EndedAs(seen, Phase::kCompleted);
    status.estimate = {.duration_seconds = result->duration_seconds,
                       .p80_duration_seconds = result->p80_duration_seconds};
    Claim(status, seen, "Preflighted", true, "Preflight", "");
    // The Job goes after the end: without the answer in the status it would only be made again.
    return {.step = MigrationStep::kWriteStatus, .status = std::move(status)};
  }
  MigrationDecision decision = Move(seen, Phase::kPreparing);
  if (decision.status) {
    decision.status->estimate = {.duration_seconds = result->duration_seconds,
                                 .p80_duration_seconds = result->p80_duration_seconds};
  }
  return decision;
}

// `moving` before the rows, the rows before the mover. The table is one object: its
// compare-and-swap keeps two migrations of the same keys apart even when two leaders plan at once.
MigrationDecision DecidePreparing(const MigrationObservation& seen) {
  const migration::MigrationSpec& spec = *seen.spec;
  const model::RoutingTable& table = *seen.set->table;
  if (auto sweep = DropDeadMarks(seen)) return *sweep;
  bool marked = false;
  for (const model::Moving& moving : table.moving) {
    if (moving.migration == spec.name && moving.number == spec.number) {
      marked = true;
    } else if (moving.number == spec.number) {
      // Who may switch is told by number: two leaders must not have given it twice.
      return Refuse(seen, "NumberTaken",
                    fmt::format("migration '{}' has the same number", moving.migration));
    } else if (KeysOverlap(spec.key_space, moving, spec)) {
      return Refuse(seen, "KeysAreMoving",
                    fmt::format("migration '{}' moves some of the keys", moving.migration));
    }
  }
  if (!marked) {
    if (!OwnsK(table, spec, spec.source)) {
      return Refuse(seen, "RangeNotOwned",
                    fmt::format("shard '{}' does not own all of it any more", spec.source));
    }
    model::RoutingTable next = table;
    next.moving.push_back(
        {.migration = spec.name, .number = spec.number, .range = spec.range, .keys = spec.keys});
    const auto known =
        std::any_of(next.shards.begin(), next.shards.end(),
                    [&](const model::ShardAddress& shard) { return shard.id == spec.destination; });
    if (!known) {
      next.shards.push_back(AddressOf(NameOf(seen.set->set), spec.destination));
    }
    return {.step = MigrationStep::kPublishTable, .table = std::move(next)};
  }
  if (auto old = DropOldJob(seen)) return *old;  // before there are rows for its mover
  return DecideMoversPhase(seen);
}

MigrationDecision DecideMoversPhase(const MigrationObservation& seen) {
  if (auto enter = EnterFirst(seen)) return *enter;
  if (auto job = JobFirst(seen)) return *job;
  if (MoverDone(seen)) return Move(seen, *migration::NextWhenDone(seen.phase));
  const std::string reason =
      seen.progress.waiting.empty() ? seen.migration.status.phase : seen.progress.waiting;
  return WaitFor(reason, "the mover works", kMoverLook);
}

}  // namespace foreshard::op
