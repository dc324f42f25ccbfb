#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/log.h"
#include "base/random.h"
#include "bench/cutover_flips/besiege.h"
#include "bench/cutover_flips/flipper.h"
#include "bench/cutover_flips/flips.h"
#include "bench/cutover_flips/operator_process.h"
#include "bench/cutover_flips/registers.h"

// How long do clients wait when their keys change the shard, and does anything get lost? See
// README.md.

namespace foreshard::bench {
namespace {

// Over parked statements, on a quiet machine with two cores.
constexpr double kTargetMillisP50 = 10;
constexpr double kTargetMillisP99 = 60;
constexpr double kTargetMillisMax = 250;
constexpr int kAttemptsPerFlip = 10;

struct Outcome {
  int flips = 0;
  int revoked = 0;
  std::vector<Flip> done;
  std::int64_t fenced = 0;
  std::int64_t parked_by_routers = 0;  // let go by RELEASE
  bool digests_equal = false;
};

// Statements that waited when the owner changed: sent before RELEASE, answered after it. Those of
// the deaf router wait for the gate, so they count too.
std::vector<Statement> Parked(const std::vector<Statement>& statements,
                              const std::vector<Flip>& flips) {
  std::vector<Statement> parked;
  for (const Flip& flip : flips) {
    for (const Statement& statement : statements) {
      if (statement.begin >= flip.released || statement.end <= flip.released) continue;
      parked.push_back(statement);
    }
  }
  return parked;
}

double Millis(MonotonicTime from, MonotonicTime to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

std::vector<double> ParkedMillis(const std::vector<Statement>& parked) {
  std::vector<double> millis;
  for (const Statement& statement : parked)
    millis.push_back(Millis(statement.begin, statement.end));
  std::sort(millis.begin(), millis.end());
  return millis;
}

double Rounded(double value) {
  return static_cast<double>(static_cast<std::int64_t>(value * 100)) / 100;
}

Result<Outcome> Run(Fleet& fleet, Flips& flips, Clients& clients, Registers& registers,
                    const Flags& flags) {
  Outcome outcome;
  if (Status prepared = flips.Prepare(); !prepared) return prepared.error();
  if (Status started = clients.Start(); !started) return started.error();
  if (Status started = registers.Start(); !started) return started.error();
  while (outcome.flips < flags.flips) {
    int attempts = 0;
    bool done = false;
    while (!done && attempts < kAttemptsPerFlip) {
      ++attempts;
      const Result<Flip> flip = flips.Attempt();
      if (!flip) return flip.error();
      done = flip->done;
      if (done) outcome.done.push_back(*flip);
      outcome.parked_by_routers += flip->parked;
      outcome.revoked += done ? 0 : 1;
    }
    if (!done) return Error::GiveUp("ten attempts in a row were revoked");
    ++outcome.flips;
    if (!flags.json) {
      fmt::print("flip {:3}: hold {:3} ms, acknowledged {}, attempts {}\n", outcome.flips,
                 outcome.done.back().hold.count(), outcome.done.back().held_by, attempts);
    }
  }
  const Status equal = flips.Verify();  // under load
  outcome.digests_equal = equal.ok();
  if (!equal) fmt::print(stderr, "digests: {}\n", equal.error().message);
  clients.Stop();
  registers.Stop();
  outcome.fenced = static_cast<std::int64_t>(fleet.Metric("foreshard_stale_owner_total"));
  return outcome;
}

// The verdict: the last line, always with these keys.
nlohmann::json Report(const Outcome& outcome, const Verdict& verdict, Clients& clients,
                      const Registers& registers, const Flags& flags) {
  const std::vector<double> parked = ParkedMillis(Parked(clients.statements(), outcome.done));
  return {{"acknowledged", verdict.acknowledged},
          {"lost", verdict.lost},
          {"duplicated", verdict.duplicated},
          {"client_errors", clients.errors() + registers.errors()},
          {"register_operations", registers.operations()},
          {"registers_not_linearizable", registers.Violations().size()},
          {"fenced_retries", outcome.fenced},
          {"hold_ms_p50", Rounded(Quantile(parked, 0.5))},
          {"hold_ms_p99", Rounded(Quantile(parked, 0.99))},
          {"hold_ms_max", parked.empty() ? 0 : Rounded(parked.back())},
          {"settings", Settings(flags)}};
}

// Where the time from HOLD to the answer of RELEASE went: of each step its milliseconds a flip and
// its share of them all.
nlohmann::json StepsOf(const std::vector<Flip>& flips) {
  std::map<std::string, std::vector<double>> millis;
  double all = 0;
  for (const Flip& flip : flips) {
    for (const auto& [step, took] : flip.steps) {
      millis[step].push_back(static_cast<double>(took.count()) / 1'000);
      all += millis[step].back();
    }
  }
  nlohmann::json steps = nlohmann::json::object();
  for (auto& [step, values] : millis) {
    double sum = 0;
    for (const double value : values) sum += value;
    std::sort(values.begin(), values.end());
    steps[step] = {{"share", Rounded(all > 0 ? sum / all : 0)},
                   {"ms_mean", Rounded(sum / static_cast<double>(flips.size()))},
                   {"ms_p50", Rounded(Quantile(values, 0.5))},
                   {"ms_max", Rounded(values.back())}};
  }
  return steps;
}

// Statements through a router that heard HOLD, or through one that did not.
nlohmann::json WaitsOf(std::vector<Statement> parked, bool deaf) {
  std::erase_if(parked, [deaf](const Statement& statement) { return statement.deaf != deaf; });
  const std::vector<double> millis = ParkedMillis(parked);
  return {{"statements", parked.size()},
          {"ms_p50", Rounded(Quantile(millis, 0.5))},
          {"ms_p90", Rounded(Quantile(millis, 0.9))},
          {"ms_max", millis.empty() ? 0 : Rounded(millis.back())}};
}

// What else is worth knowing: the line before it.
nlohmann::json Details(const Outcome& outcome, Clients& clients) {
  const std::vector<Statement> parked = Parked(clients.statements(), outcome.done);
  std::vector<double> holds;
  std::vector<double> resumed;
  for (const Flip& flip : outcome.done) {
    holds.push_back(Millis(flip.held, flip.released));
    for (const Statement& statement : Parked(parked, {flip}))
      resumed.push_back(Millis(flip.released, statement.end));
  }
  std::sort(holds.begin(), holds.end());
  std::sort(resumed.begin(), resumed.end());
  return {{"flips", outcome.flips},
          {"revoked_attempts", outcome.revoked},
          {"parked_statements", parked.size()},
          {"steps", StepsOf(outcome.done)},
          {"hearing", WaitsOf(parked, false)},
          {"deaf", WaitsOf(parked, true)},
          {"resumed_ms_p50", Rounded(Quantile(resumed, 0.5))},
          {"resumed_ms_p99", Rounded(Quantile(resumed, 0.99))},
          {"parked_by_routers", outcome.parked_by_routers},
          {"serialization_retries", clients.serialization_retries()},
          {"router_hold_ms_p50", Rounded(Quantile(holds, 0.5))},
          {"router_hold_ms_max", holds.empty() ? 0 : Rounded(holds.back())},
          {"digests_equal", outcome.digests_equal}};
}

bool NothingIsLost(const nlohmann::json& report, const nlohmann::json& details) {
  return report["lost"] == 0 && report["duplicated"] == 0 && report["client_errors"] == 0 &&
         report["registers_not_linearizable"] == 0 && details["digests_equal"] == true &&
         details["parked_statements"].get<std::size_t>() > 0;
}

bool IsFastEnough(const nlohmann::json& report) {
  return report["hold_ms_p50"].get<double>() <= kTargetMillisP50 &&
         report["hold_ms_p99"].get<double>() <= kTargetMillisP99 &&
         report["hold_ms_max"].get<double>() <= kTargetMillisMax;
}

int Main(const Flags& flags) {
  Result<std::unique_ptr<Fleet>> fleet = Fleet::Make(flags.fleet);
  if (!fleet) {
    fmt::print(stderr, "cannot start: {}\n", fleet.error().message);
    return 2;
  }
  if (flags.in_place) return FlipInPlaceMain(**fleet, flags);
  if (flags.kill || flags.partition) return BesiegeMain(**fleet, flags);
  Flips flips(**fleet);
  Clients clients(**fleet, flags.clients);
  Registers registers(**fleet, flags.registers, flags.seed);
  const Result<Outcome> outcome = Run(**fleet, flips, clients, registers, flags);
  clients.Stop();
  registers.Stop();
  if (!outcome) {
    fmt::print(stderr, "stopped: {}; first error of a client: {}\n", outcome.error().message,
               clients.first_error());
    return 2;
  }
  if (clients.errors() > 0)
    fmt::print(stderr, "first error of a client: {}\n", clients.first_error());
  const Result<Verdict> verdict = clients.Check(flips.first_owns());
  if (!verdict) {
    fmt::print(stderr, "cannot check: {}\n", verdict.error().message);
    return 2;
  }
  const nlohmann::json report = Report(*outcome, *verdict, clients, registers, flags);
  for (const std::string& violation : registers.Violations()) {
    fmt::print(stderr, "not linearizable (--seed {}): {}\n", flags.seed, violation);
  }
  const nlohmann::json details = Details(*outcome, clients);
  const int indent = flags.json ? -1 : 2;
  fmt::print("{}\n{}\n", details.dump(indent), report.dump(indent));
  if (!NothingIsLost(report, details)) return 1;
  return flags.check && !IsFastEnough(report) ? 1 : 0;
}

}  // namespace
}  // namespace foreshard::bench

int main(int argc, char** argv) {
  foreshard::bench::Flags flags;
  CLI::App app{
      "Cutovers of one range back and forth between two PostgreSQL servers, behind two routers, "
      "under load."};
  app.add_option("--flips", flags.flips, "cutovers")->check(CLI::Range(1, 100'000));
  app.add_flag("--json", flags.json, "the last line is one JSON object");
  app.add_flag("--check", flags.check,
               "exit 1 also when clients waited longer than they should on a quiet machine");
  app.add_flag("--kill", flags.kill,
               "kill operator, mover, routers and shards at random during whole migrations");
  app.add_flag("--partition", flags.partition,
               "cut routers off from the operator and from the shards, in the same way");
  app.add_flag("--in-place", flags.in_place,
               "with --kill or --partition: one migration flips back and forth, copied once");
  app.add_flag("--failover", flags.fleet.standby,
               "with --kill: a killed shard stays away, its synchronous standby is promoted");
  app.add_flag("--fsync", flags.fleet.fsync, "PostgreSQL waits for the disk");
  app.add_option("--rows", flags.fleet.rows, "accounts on both shards")
      ->check(CLI::Range(2'000, 10'000'000));
  app.add_option("--clients", flags.clients.movers, "writers of the moving range")
      ->check(CLI::Range(1, 64));
  app.add_option("--registers", flags.registers,
                 "clients that read and write the same keys; their history must be linearizable")
      ->check(CLI::Range(0, 64));
  app.add_option("--seed", flags.seed, "of what they do; default: a new one, printed");
  app.add_option("--others", flags.clients.others, "writers of other ranges")
      ->check(CLI::Range(0, 64));
  app.add_option("--think-micros", flags.think_micros, "a client's pause after each statement")
      ->check(CLI::Range(0, 1'000'000));
  app.add_option(
      "--log-file", flags.log_file,
      "with --kill or --partition: what operator and mover say, and when who was killed");
  foreshard::bench::OperatorProcessOptions process;
  CLI::App* child = app.add_subcommand("operator", "the operator that --kill kills");
  CLI::App* flipper = app.add_subcommand("flipper", "the one that --in-place kills");
  for (CLI::App* one : {child, flipper}) {
    one->group("");  // not for people
    one->add_option("--folder", process.folder)->required();
    one->add_option("--first", process.first)->required();
    one->add_option("--second", process.second)->required();
    one->add_option("--router-admin", process.router_admin)->required();
    one->add_option("--leader", process.leader)->required();
  }
  CLI11_PARSE(app, argc, argv);
  if (child->parsed()) return foreshard::bench::RunOperatorProcess(process);
  if (flipper->parsed()) return foreshard::bench::RunFlipperProcess(process);
  if (flags.in_place && !flags.kill && !flags.partition) {
    fmt::print(stderr, "--in-place: give --kill, --partition or both with it\n");
    return 2;
  }
  if (flags.fleet.standby && (flags.in_place || !flags.kill)) {
    fmt::print(stderr,
               "--failover: give --kill with it, and not --in-place: the slots of a "
               "promoted standby are gone, so the range must be copied again\n");
    return 2;
  }
  flags.clients.think = std::chrono::microseconds(flags.think_micros);
  flags.fleet.cables = flags.partition;
  if (flags.seed == 0) flags.seed = foreshard::SeedFromSystem();
  if (flags.log_file.empty()) {
    foreshard::log::SetLevel(foreshard::log::Level::kWarning);
  } else {
    foreshard::log::SetSink([file = flags.log_file](std::string_view line) {
      std::ofstream(file, std::ios::app) << line << '\n';
    });
  }
  return foreshard::bench::Main(flags);
}
