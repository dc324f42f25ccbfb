#include "bench/cutover_flips/besiege.h"

#include <fmt/format.h>

#include <algorithm>

#include "bench/cutover_flips/in_place.h"
#include "bench/cutover_flips/registers.h"
#include "bench/cutover_flips/siege.h"

namespace foreshard::bench {

namespace {

nlohmann::json SiegeReport(const SiegeOutcome& outcome, const Verdict& verdict, const Kills& kills,
                           const Fleet& fleet, const Clients& clients, const Registers& registers,
                           const Flags& flags) {
  nlohmann::json by_process;
  nlohmann::json cuts;
  for (int number = 0; number < kVictims; ++number) {
    const auto victim = static_cast<Victim>(number);
    (number < kProcesses ? by_process : cuts)[ToString(victim)] = kills.count(victim);
  }
  return {{"acknowledged", verdict.acknowledged},
          {"lost", verdict.lost},
          {"duplicated", verdict.duplicated},
          {"client_errors", clients.errors() + registers.errors()},
          {"register_operations", registers.operations()},
          {"registers_not_linearizable", registers.Violations().size()},
          {"kills", by_process},
          {"cuts", cuts},
          {"retryable_disconnects", fleet.outages().disconnects()},
          {"errors_of_killed_shards", fleet.outages().shard_errors()},
          {"errors_of_cut_cables", fleet.outages().cable_errors()},
          {"flips", outcome.flips},
          {"aborted_migrations", outcome.aborted},
          {"cutover_attempts", outcome.cutover_attempts},
          {"router_hold_ms_max", outcome.hold_millis_max},
          {"leftovers", outcome.leftovers},
          {"stray_rows", outcome.stray_rows},
          {"settings", Settings(flags)}};
}

// The same of flips in place. What a migration leaves is not judged, since it goes on: the copies
// of both shards have to be the same instead.
nlohmann::json InPlaceReport(nlohmann::json report, const InPlaceOutcome& outcome) {
  for (const char* of_whole_migrations : {"aborted_migrations", "leftovers", "stray_rows"})
    report.erase(of_whole_migrations);
  std::vector<double> holds(outcome.state.hold_millis.begin(), outcome.state.hold_millis.end());
  std::sort(holds.begin(), holds.end());
  report["router_hold_ms_p50"] = Quantile(holds, 0.5);
  report["router_hold_ms_p99"] = Quantile(holds, 0.99);
  report["router_hold_ms_max"] = holds.empty() ? 0 : holds.back();
  report["revoked_attempts"] = outcome.state.revoked;
  report["digests_equal"] = outcome.digests_equal;
  report["settings"]["in_place"] = true;
  return report;
}

bool HoldsInPlace(const nlohmann::json& report, const Kills& kills) {
  return report["lost"] == 0 && report["duplicated"] == 0 && report["client_errors"] == 0 &&
         report["registers_not_linearizable"] == 0 && report["digests_equal"] == true &&
         kills.total() > 0;
}

bool Holds(const nlohmann::json& report, const Kills& kills) {
  return report["lost"] == 0 && report["duplicated"] == 0 && report["client_errors"] == 0 &&
         report["registers_not_linearizable"] == 0 && report["leftovers"] == "" &&
         report["stray_rows"] == 0 && kills.total() > 0;
}

}  // namespace

int BesiegeMain(Fleet& fleet, const Flags& flags) {
  Siege siege(fleet, {.flips = flags.flips,
                      .seed = flags.seed,
                      .talks = !flags.json,
                      .kill = flags.kill,
                      .partition = flags.partition});
  Clients clients(fleet, flags.clients);
  Registers registers(fleet, flags.registers, flags.seed);
  fmt::print(stderr, "--seed {}\n", flags.seed);
  Status started = clients.Start();
  if (started) started = registers.Start();
  const Result<SiegeOutcome> outcome =
      started ? siege.Run() : Result<SiegeOutcome>(started.error());
  clients.Stop();
  registers.Stop();
  for (const std::string& violation : registers.Violations()) {
    fmt::print(stderr, "not linearizable (--seed {}): {}\n", flags.seed, violation);
  }
  if (!outcome) {
    fmt::print(stderr, "stopped: {}\n", outcome.error().message);
    return 2;
  }
  const Result<Verdict> verdict = clients.Check(outcome->first_owns);
  if (!verdict) {
    fmt::print(stderr, "cannot check: {}\n", verdict.error().message);
    return 2;
  }
  const nlohmann::json report =
      SiegeReport(*outcome, *verdict, siege.kills(), fleet, clients, registers, flags);
  fmt::print("{}\n", report.dump(flags.json ? -1 : 2));
  return flags.check && !Holds(report, siege.kills()) ? 1 : 0;
}

int FlipInPlaceMain(Fleet& fleet, const Flags& flags) {
  InPlace siege(fleet, {.flips = flags.flips,
                        .seed = flags.seed,
                        .talks = !flags.json,
                        .kill = flags.kill,
                        .partition = flags.partition});
  Clients clients(fleet, flags.clients);
  Registers registers(fleet, flags.registers, flags.seed);
  fmt::print(stderr, "--seed {}\n", flags.seed);
  Status started = siege.Prepare();
  if (started) started = clients.Start();
  if (started) started = registers.Start();
  const Result<InPlaceOutcome> outcome =
      started ? siege.Run() : Result<InPlaceOutcome>(started.error());
  clients.Stop();
  registers.Stop();
  for (const std::string& violation : registers.Violations())
    fmt::print(stderr, "not linearizable (--seed {}): {}\n", flags.seed, violation);
  if (clients.errors() > 0)
    fmt::print(stderr, "first error of a client: {}\n", clients.first_error());
  if (!outcome) {
    fmt::print(stderr, "stopped: {}\n", outcome.error().message);
    return 2;
  }
  const Result<Verdict> verdict = clients.Check(outcome->state.forward);
  if (!verdict) {
    fmt::print(stderr, "cannot check: {}\n", verdict.error().message);
    return 2;
  }
  const SiegeOutcome flipped{.flips = outcome->state.flips,
                             .cutover_attempts = outcome->state.attempt,
                             .first_owns = outcome->state.forward};
  const nlohmann::json report = InPlaceReport(
      SiegeReport(flipped, *verdict, siege.kills(), fleet, clients, registers, flags), *outcome);
  fmt::print("{}\n", report.dump(flags.json ? -1 : 2));
  return flags.check && !HoldsInPlace(report, siege.kills()) ? 1 : 0;
}

}  // namespace foreshard::bench
