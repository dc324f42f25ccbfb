#include "bench/cutover_flips/besiege.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <optional>

#include "bench/cutover_flips/in_place.h"
#include "bench/cutover_flips/registers.h"
#include "bench/cutover_flips/siege.h"

namespace foreshard::bench {

namespace {

SiegeOptions OptionsOf(const Flags& flags) {
  return {.flips = flags.flips,
          .seed = flags.seed,
          .talks = !flags.json,
          .kill = flags.kill,
          .partition = flags.partition,
          .log_file = flags.log_file};
}

void TellStop(const Error& error) { fmt::print(stderr, "stopped: {}\n", error.message); }

// No speed is judged, and a siege takes hours.
ClientOptions WithoutTimes(ClientOptions options) {
  options.times = false;
  return options;
}

// The clients of a siege, and what they make of it.
class Load {
 public:
  Load(Fleet& fleet, const Flags& flags)
      : fleet_(fleet),
        flags_(flags),
        clients_(fleet, WithoutTimes(flags.clients)),
        registers_(fleet, flags.registers, flags.seed) {}

  // They write while `run` runs. Nothing: it stopped, and standard error says why.
  template <typename Outcome>
  std::optional<Outcome> During(const std::function<Result<Outcome>()>& run) {
    Status started = clients_.Start();
    if (started) started = registers_.Start();
    Result<Outcome> outcome = started ? run() : Result<Outcome>(started.error());
    clients_.Stop();
    registers_.Stop();
    for (const std::string& violation : registers_.Violations())
      fmt::print(stderr, "not linearizable (--seed {}): {}\n", flags_.seed, violation);
    if (!flags_.log_file.empty()) TellStory();
    if (clients_.errors() > 0)
      fmt::print(stderr, "first error of a client: {}\n", clients_.first_error());
    if (outcome) return *std::move(outcome);
    TellStop(outcome.error());
    return std::nullopt;
  }

  // Nothing: the rows cannot be read, and standard error says why.
  std::optional<nlohmann::json> Report(const SiegeOutcome& outcome, const Kills& kills) {
    const Result<Verdict> verdict = clients_.Check(outcome.first_owns);
    if (!verdict) {
      fmt::print(stderr, "cannot check: {}\n", verdict.error().message);
      return std::nullopt;
    }
    return ReportOf(outcome, *verdict, kills);
  }

 private:
  // What the log says of the time when it went wrong.
  void TellStory() const {
    std::ofstream file(flags_.log_file, std::ios::app);
    file << registers_.Story();
    for (int router = 1; router <= kRouters; ++router) file << fleet_.RouterLog(router);
  }

  nlohmann::json ReportOf(const SiegeOutcome& outcome, const Verdict& verdict, const Kills& kills);

  Fleet& fleet_;
  const Flags& flags_;
  Clients clients_;
  Registers registers_;
};

nlohmann::json Load::ReportOf(const SiegeOutcome& outcome, const Verdict& verdict,
                              const Kills& kills) {
  nlohmann::json by_process;
  nlohmann::json cuts;
  for (int number = 0; number < kVictims; ++number) {
    const auto victim = static_cast<Victim>(number);
    (number < kProcesses ? by_process : cuts)[ToString(victim)] = kills.count(victim);
  }
  return {{"acknowledged", verdict.acknowledged},
          {"lost", verdict.lost},
          {"duplicated", verdict.duplicated},
          {"client_errors", clients_.errors() + registers_.errors()},
          {"register_operations", registers_.operations()},
          {"registers_not_linearizable", registers_.Violations().size()},
          {"kills", by_process},
          {"cuts", cuts},
          {"retryable_disconnects", fleet_.outages().disconnects()},
          {"errors_of_killed_shards", fleet_.outages().shard_errors()},
          {"errors_of_cut_cables", fleet_.outages().cable_errors()},
          {"flips", outcome.flips},
          {"aborted_migrations", outcome.aborted},
          {"cutover_attempts", outcome.cutover_attempts},
          {"router_hold_ms_max", outcome.hold_millis_max},
          {"leftovers", outcome.leftovers},
          {"stray_rows", outcome.stray_rows},
          {"settings", Settings(flags_)}};
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

int Tell(const nlohmann::json& report, const Flags& flags, bool holds) {
  fmt::print("{}\n", report.dump(flags.json ? -1 : 2));
  return holds ? 0 : 1;
}

}  // namespace

int BesiegeMain(Fleet& fleet, const Flags& flags) {
  fmt::print(stderr, "--seed {}\n", flags.seed);
  Siege siege(fleet, OptionsOf(flags));
  Load load(fleet, flags);
  const auto outcome = load.During<SiegeOutcome>([&] { return siege.Run(); });
  if (!outcome) return 2;
  const auto report = load.Report(*outcome, siege.kills());
  if (!report) return 2;
  return Tell(*report, flags, Holds(*report, siege.kills()));
}

int FlipInPlaceMain(Fleet& fleet, const Flags& flags) {
  fmt::print(stderr, "--seed {}\n", flags.seed);
  InPlace siege(fleet, OptionsOf(flags));
  if (Status prepared = siege.Prepare(); !prepared) {
    TellStop(prepared.error());
    return 2;
  }
  Load load(fleet, flags);
  const auto outcome = load.During<InPlaceOutcome>([&] { return siege.Run(); });
  if (!outcome) return 2;
  const auto shared = load.Report({.flips = outcome->state.flips,
                                   .cutover_attempts = outcome->state.attempt,
                                   .first_owns = outcome->state.forward},
                                  siege.kills());
  if (!shared) return 2;
  const nlohmann::json report = InPlaceReport(*shared, *outcome);
  return Tell(report, flags, HoldsInPlace(report, siege.kills()));
}

}  // namespace foreshard::bench
