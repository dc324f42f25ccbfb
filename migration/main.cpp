#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <sstream>
#include <thread>

#include "base/log.h"
#include "base/random.h"
#include "base/version.h"
#include "migration/crash_points.h"
#include "migration/exporter.h"
#include "migration/mover.h"
#include "migration/preflight.h"
#include "migration/spec_json.h"
#include "pg/conninfo.h"

// foreshard-mover: the Job of one migration.
//
//   preflight   may it begin? The answer is JSON in --termination-log; exit 0 when it has been
//   judged run         works through the phases that the rows on both shards name; exit 0 when the
//   migration is over

namespace foreshard::migration {
namespace {

struct Flags {
  std::string spec;
  std::string source;
  std::string destination;
  std::string password_file;
  std::string termination_log = "/dev/termination-log";
  std::string metrics_listen = "0.0.0.0:9187";
  std::string crash_at;
  std::string pg_dump = "pg_dump";
  int workers = 2;
  bool throttle = true;
  int settle_millis = 10'000;
  std::int64_t chunk_bytes = std::int64_t{64} << 20;
};

Result<std::string> WithPassword(const std::string& conninfo, const std::string& file) {
  const Result<pg::Conninfo> parsed = pg::Conninfo::Parse(conninfo);
  if (!parsed) return parsed.error();
  if (file.empty()) return parsed->text();
  std::ifstream stream(file);
  std::string password;
  if (!std::getline(stream, password))
    return Error::GiveUp(fmt::format("--password-file: cannot read {}", file));
  return parsed->With("password", password).text();
}

Result<MoverOptions> ReadOptions(const Flags& flags) {
  Result<MigrationSpec> spec = ParseMigrationSpec(flags.spec);
  if (!spec) return spec.error();
  const Result<std::string> source = WithPassword(flags.source, flags.password_file);
  if (!source) return source.error();
  const Result<std::string> destination = WithPassword(flags.destination, flags.password_file);
  if (!destination) return destination.error();
  Random random(SeedFromSystem());
  MoverOptions options;
  options.spec = std::move(*spec);
  options.process = RandomId(random, 8);
  options.source_conninfo = *source;
  options.destination_conninfo = *destination;
  options.pg_dump = flags.pg_dump;
  options.copy_workers = flags.workers;
  options.chunk_bytes = flags.chunk_bytes;
  options.settle = std::chrono::milliseconds(flags.settle_millis);
  return options;
}

Status WriteTerminationLog(const std::string& file, PreflightResult result) {
  result.message.resize(
      std::min<std::size_t>(result.message.size(), 2'000));  // the kubelet keeps 4,096 bytes
  std::ofstream stream(file, std::ios::trunc);
  stream << ToJson(result);
  stream.close();
  if (!stream) return Error::GiveUp(fmt::format("--termination-log: cannot write {}", file));
  return Ok();
}

// A mover that was started again finds its rows: the judgement has been given.
Result<bool> RowsAreThere(const Work& work) {
  if (!HasDestination(work.spec())) return false;
  auto destination = work.Connect(Side::kDestination);
  if (!destination) return destination.error();
  const Result<pg::Rows> known =
      (*destination)->Exec("SELECT to_regclass('foreshard.migration') IS NOT NULL", work.In(kCall));
  if (!known) return known.error();
  if (!known->Bool(0, 0)) return false;
  const Result<pg::Rows> row =
      (*destination)
          ->Exec("SELECT uid FROM foreshard.migration WHERE migration_id = $1",
                 {work.spec().number.value}, work.In(kCall));
  if (!row) return row.error();
  return !row->empty();
}

int RunPreflight(const MoverOptions& options, const Flags& flags) {
  const SystemClock clock;
  Board board;
  const Work work{options, clock, {}, board};
  const Result<bool> there = RowsAreThere(work);
  PreflightResult result;
  if (there && *there) {
    result.passed = true;
    result.skipped = true;
  } else {
    Result<PreflightResult> judged =
        there ? Preflight(work) : Result<PreflightResult>(there.error());
    if (!judged) {
      log::Warning("preflight_cannot_look",
                   {{"why", judged.error().message}, {"code", judged.error().code}});
      return 1;
    }
    result = std::move(*judged);
  }
  log::Info("preflight", {{"migration", options.spec.name},
                          {"passed", result.passed},
                          {"skipped", result.skipped},
                          {"reason", result.reason},
                          {"why", result.message},
                          {"rows", result.rows},
                          {"bytes", result.bytes}});
  const Status written = WriteTerminationLog(flags.termination_log, result);
  if (!written) log::Error("preflight_cannot_say", {{"why", written.error().message}});
  return written ? 0 : 1;
}

// SIGTERM and SIGINT are waited for by a thread of their own, so that nothing runs inside a signal
// handler.
class Signals {
 public:
  Signals() {
    sigemptyset(&set_);
    sigaddset(&set_, SIGTERM);
    sigaddset(&set_, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set_, nullptr);
    waiter_ = std::jthread([this](const std::stop_token& ended) {
      const timespec pause{.tv_sec = 0, .tv_nsec = 200'000'000};
      while (!ended.stop_requested()) {
        if (sigtimedwait(&set_, nullptr, &pause) > 0) stop_.request_stop();
      }
    });
  }
  std::stop_token token() const { return stop_.get_token(); }

 private:
  sigset_t set_{};
  std::stop_source stop_;
  std::jthread waiter_;
};

int RunMover(const MoverOptions& options, const Flags& flags) {
  if (options.spec.dry_run) {
    log::Info("mover_dry_run", {{"migration", options.spec.name}});
    return 0;
  }
  const Signals signals;
  const SystemClock clock;
  Board board;
  const auto metrics = MetricsServer::Start(flags.metrics_listen, board);
  if (!metrics) {
    log::Error("mover_start", {{"why", metrics.error().message}});
    return 1;
  }
  log::Info("listening", {{"metrics", (*metrics)->port()}});
  std::stop_source ended;
  const std::stop_callback forward(signals.token(), [&ended] { ended.request_stop(); });
  Throttle throttle(clock, options.spec.new_destination);
  Throttle* pace = flags.throttle ? &throttle : nullptr;
  const Work work{options, clock, ended.get_token(), board, pace};
  Status finished = Ok();
  {
    std::jthread probe([&work] { RunMoverProbe(work); });
    std::vector<std::jthread> pulses;
    for (const Side side : {Side::kSource, Side::kDestination}) {
      if (flags.throttle) pulses.emplace_back([&work, side] { RunPulses(work, side); });
    }
    Mover mover(options, clock, board, ended.get_token(), pace);
    finished = mover.Run();
    ended.request_stop();
  }
  if (!finished) {
    log::Error("mover_ends",
               {{"why", finished.error().message}, {"reason", finished.error().reason}});
    return 1;
  }
  log::Info("mover_ends",
            {{"migration", options.spec.name}, {"stopped", signals.token().stop_requested()}});
  return signals.token().stop_requested() ? 1 : 0;
}

int Main(int argc, char** argv) {
  CLI::App app{"Moves a part of the key space between two shards: the Job of one ShardMigration."};
  app.set_version_flag("--version", VersionLine("foreshard-mover"));
  app.require_subcommand(1);
  Flags flags;
  CLI::App* preflight = app.add_subcommand(
      "preflight", "judge whether the migration may begin; writes nothing to the shards");
  CLI::App* run = app.add_subcommand("run", "work through the phases until the migration is over");
  for (CLI::App* command : {preflight, run}) {
    command->add_option("--spec", flags.spec, "the migration as JSON")->required();
    command->add_option("--source-conninfo", flags.source, "libpq settings of the source's primary")
        ->required();
    command
        ->add_option("--destination-conninfo", flags.destination,
                     "libpq settings of the destination's primary")
        ->required();
    command->add_option("--password-file", flags.password_file, "first line: the password of both");
    command->add_option("--termination-log", flags.termination_log,
                        "where preflight leaves its answer");
    command->add_option("--metrics-listen", flags.metrics_listen, "ADDRESS:PORT of GET /metrics");
    command->add_option("--workers", flags.workers, "chunks copied at the same time")
        ->check(CLI::Range(1, 16));
    command->add_option("--chunk-bytes", flags.chunk_bytes, "size of a chunk of the source's table")
        ->check(CLI::Range(std::int64_t{8192}, std::int64_t{1} << 40));
    command->add_option("--throttle", flags.throttle,
                        "false: copy, compare and delete as fast as the shards can");
    command->add_option("--settle-millis", flags.settle_millis, "how long the lag must stay small")
        ->check(CLI::Range(0, 3'600'000));
    command->add_option("--pg-dump", flags.pg_dump,
                        "the program that dumps the schema for a new shard");
    command->add_option("--crash-at", flags.crash_at, "NAME[:nth]; test builds only");
  }
  CLI11_PARSE(app, argc, argv);
  if (!flags.crash_at.empty()) {
    if (const Status armed = ArmCrashPoint(flags.crash_at); !armed) {
      fmt::print(stderr, "{}\n", armed.error().message);
      return 2;
    }
  }
  const Result<MoverOptions> options = ReadOptions(flags);
  if (!options) {
    fmt::print(stderr, "{}\n", options.error().message);
    return 2;
  }
  return preflight->parsed() ? RunPreflight(*options, flags) : RunMover(*options, flags);
}

}  // namespace
}  // namespace foreshard::migration

int main(int argc, char** argv) { return foreshard::migration::Main(argc, argv); }
