#include "bench/cutover_flips/siege.h"

#include <fmt/format.h>

#include "migration/phase.h"
#include "migration/shard_objects.h"

namespace foreshard::bench {

namespace {

using namespace std::chrono_literals;

constexpr auto kLook = 2ms;
// A migration whose every attempt is revoked rests 5 s to 5 min between ten of them.
constexpr auto kMigrationLimit = 1'800s;
constexpr int kAbortedMax = 5;  // in a row

std::string Conditions(const model::ShardMigration& migration) {
  std::string text;
  for (const model::Condition& condition : migration.status.conditions) {
    text += fmt::format("{}={} {} {}; ", condition.type, condition.status, condition.reason,
                        condition.message);
  }
  return text;
}

}  // namespace

Siege::Siege(Fleet& fleet, SiegeOptions options)
    : fleet_(fleet),
      options_(options),
      records_(fleet.folder()),
      processes_(fleet, records_),
      kills_(fleet, processes_,
             {.seed = options.seed, .kill = options.kill, .partition = options.partition}) {
  processes_.KeepLogs(options_.log_file);
}

model::ShardMigration Siege::NextMigration() {
  model::ShardMigration migration;
  migration.name_space = "bench";
  migration.name = fmt::format("flip-{}", ++number_);
  migration.uid = "uid-" + migration.name;
  migration.spec.shard_set_name = "bench";
  migration.spec.type = model::MigrationType::kMove;
  migration.spec.source = {outcome_.first_owns ? "s-aaaa" : "s-bbbb"};
  migration.spec.destination = {outcome_.first_owns ? "s-bbbb" : "s-aaaa"};
  migration.spec.range = model::KeyRange{"40", "80"};
  migration.spec.soak = 300ms;
  migration.spec.approved = true;
  return migration;
}

Status Siege::OneMigration() {
  const model::ShardMigration wanted = NextMigration();
  kills_.Plan(outcome_.first_owns);
  processes_.ForgetLogs();
  records_.PutMigration(wanted);
  const Deadline end = Deadline::After(fleet_.clock(), kMigrationLimit);
  for (;;) {
    const bool settled = records_.Settled(wanted.name);  // before the status is read: it is final
    const auto newest = records_.Newest();
    if (!newest || !*newest) return Error::GiveUp("the migration's object cannot be read");
    const model::ShardMigration& seen = **newest;
    if (Status ticked = processes_.Tick(); !ticked) return ticked;
    if (Status ticked = kills_.Tick(seen.status.phase); !ticked) return ticked;
    if (settled) {
      const bool moved = seen.status.phase == "Completed";
      outcome_.cutover_attempts += seen.status.attempt;
      if (seen.status.cutover) {
        outcome_.hold_millis_max =
            std::max(outcome_.hold_millis_max, seen.status.cutover->hold_millis);
      }
      moved ? ++outcome_.flips : ++outcome_.aborted;
      if (moved) outcome_.first_owns = !outcome_.first_owns;
      if (options_.talks) {
        fmt::print("{} {} after {} attempts; blows: {}{}\n", wanted.name, seen.status.phase,
                   seen.status.attempt, kills_.Story(), moved ? "" : Conditions(seen));
        std::fflush(stdout);
      }
      return Ok();
    }
    if (end.Passed(fleet_.clock())) {
      return Error::GiveUp(fmt::format("{} is still {} after {} s; blows: {}; {}\n{}", wanted.name,
                                       seen.status.phase, kMigrationLimit.count(), kills_.Story(),
                                       Conditions(seen), processes_.Logs()));
    }
    migration::Pause({}, kLook);
  }
}

// What is left on the shards when nothing moves any more.
Status Siege::Finish() {
  if (Status ended = kills_.End(); !ended) return ended;
  for (const bool first : {true, false}) {
    auto admin = fleet_.Connect(first, "foreshard");
    if (!admin) return admin.error();
    const auto left = (*admin)->Exec(
        fmt::format("SELECT coalesce(string_agg(kind || ' ' || name, ', '), '') FROM ({}) x",
                    migration::LeftoverSql(std::nullopt)),
        fleet_.Soon());
    if (!left) return left.error();
    outcome_.leftovers += left->Text(0, 0);
    if (first == outcome_.first_owns) continue;
    const auto stray = (*admin)->Exec(
        fmt::format("SELECT count(*) FROM public.accounts WHERE {}", kMovingKeys), fleet_.Soon());
    if (!stray) return stray.error();
    outcome_.stray_rows += stray->Int(0, 0);
  }
  return Ok();
}

Result<SiegeOutcome> Siege::Run() {
  model::RoutingTable table = fleet_.FirstTable();
  table.moving.clear();
  records_.PutTable(table);
  if (Status started = processes_.StartOperator(); !started) return started.error();
  int aborted = 0;
  while (outcome_.flips < options_.flips) {
    const int before = outcome_.flips;
    if (Status moved = OneMigration(); !moved) return moved.error();
    aborted = outcome_.flips > before ? 0 : aborted + 1;
    if (aborted == kAbortedMax) {
      return Error::GiveUp(
          fmt::format("{} migrations in a row were aborted\n{}", aborted, processes_.Logs()));
    }
  }
  if (Status finished = Finish(); !finished) return finished.error();
  return outcome_;
}

}  // namespace foreshard::bench
