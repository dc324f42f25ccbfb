// foreshard-load: fills a sharded database, replays a day of load on it open-loop, and proves that
// nothing was lost.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <fstream>
#include <mutex>
#include <thread>

#include "bench/load_generator/fill.h"
#include "bench/load_generator/report.h"
#include "bench/load_generator/run.h"
#include "bench/load_generator/target.h"

namespace {

using namespace foreshard;
using namespace std::chrono_literals;

struct Flags {
  std::string conninfo;
  std::vector<std::string> shards;
  std::vector<std::string> networks;
  std::string trace_path;
  std::string ledger_path = "load-ledger.txt";
  std::string report_path;
  std::string output_path = "trace.csv";
  double from_day = 0;
  double to_day = 0;  // 0: one day after from_day
  double start_at = 0;
  int generated_days = 7;
  double constant_rate = 0;
  double ramp_to = 0;
  double seconds = 480;  // of a day
  double peak_rate = 400;
  load::FillOptions fill;
  int clients = 48;
  double hot_share = 0.7;
  double write_share = 0.3;
};

int Fail(const Error& error) {
  fmt::print(stderr, "foreshard-load: {}\n", error.message);
  return error.kind == Error::Kind::kGiveUp ? 3 : 1;
}

Result<std::unique_ptr<pg::Connection>> Connect(const std::string& conninfo, const Flags& flags,
                                                const Clock& clock) {
  const Status allowed = load::CheckTarget(conninfo, flags.networks);
  if (!allowed) return allowed.error();
  return pg::Connection::Connect({.conninfo = conninfo, .application_name = "foreshard-load"},
                                 clock, Deadline::After(clock, 30s));
}

int Fill(const Flags& flags, const Clock& clock) {
  const auto connection = Connect(flags.conninfo, flags, clock);
  if (!connection) return Fail(connection.error());
  const Deadline deadline = Deadline::After(clock, 15min);
  const Status schema = load::CreateSchema(**connection, deadline);
  if (!schema) return Fail(schema.error());
  std::int64_t shown = -1;
  const Status filled = load::Fill(
      **connection, flags.fill,
      [&shown](const char* table, std::int64_t done, std::int64_t total) {
        const std::int64_t percent = 100 * done / total;
        if (percent / 20 == shown / 20) return;
        shown = percent == 100 ? -1 : percent;
        fmt::print(stderr, "  {} {:3} % of {}\n", table, percent, total);
      },
      deadline);
  if (!filled) return Fail(filled.error());
  fmt::print("{{\"customers\":{},\"orders\":{}}}\n", flags.fill.customers, flags.fill.orders);
  return 0;
}

// Level 1 of the curve is `peak_rate`, whatever part of the trace is replayed.
Result<load::RateCurve> MakeCurve(const Flags& flags) {
  if (flags.constant_rate > 0 || flags.ramp_to > 0) {
    const double first = flags.constant_rate / flags.peak_rate;
    const double last = (flags.ramp_to > 0 ? flags.ramp_to : flags.constant_rate) / flags.peak_rate;
    return load::RateCurve({.levels = {first, last}, .step_seconds = 43'200}, flags.seconds,
                           flags.peak_rate);
  }
  Result<load::Trace> trace =
      flags.trace_path.empty() ? Result<load::Trace>(load::GenerateTrace(flags.generated_days, 1))
                               : load::ReadTrace(flags.trace_path);
  if (!trace) return trace.error();
  const Result<load::Trace> day =
      load::Days(*trace, flags.from_day, flags.to_day > 0 ? flags.to_day : flags.from_day + 1);
  if (!day) return day.error();
  return load::RateCurve(*day, flags.seconds, flags.peak_rate);
}

// `handled` is blocked in every thread; one thread waits for it, so no code runs in a signal
// handler.
int Run(const Flags& flags, const Clock& clock, const sigset_t& handled) {
  const Status allowed = load::CheckTarget(flags.conninfo, flags.networks);
  if (!allowed) return Fail(allowed.error());
  const Result<load::RateCurve> curve = MakeCurve(flags);
  if (!curve) return Fail(curve.error());
  load::Ledger earlier;
  if (std::ifstream(flags.ledger_path).good()) {
    const Result<load::Ledger> loaded = load::LoadLedger(flags.ledger_path);
    if (!loaded) return Fail(loaded.error());
    earlier = *loaded;
  }
  std::stop_source stop;
  std::thread signals([&handled, &stop] {
    int number = 0;
    sigwait(&handled, &number);
    stop.request_stop();
  });
  const load::RunResult result = load::Run(
      {.conninfo = flags.conninfo,
       .curve = *curve,
       .key_count = flags.fill.customers,
       .clients = flags.clients,
       .write_share = flags.write_share,
       .hot_share = flags.hot_share,
       .start_at =
           WallTime(std::chrono::microseconds(static_cast<std::int64_t>(flags.start_at * 1e6)))},
      std::move(earlier), clock,
      [](double seconds, const load::Window& last) {
        fmt::print(stderr,
                   "  {:4.0f} s  due {:5}/s  done {:5}/s  p99 {:7.1f} ms  max {:7.1f} ms  errors "
                   "{}\n",
                   seconds, last.due / load::kProgressSeconds,
                   last.completed / load::kProgressSeconds,
                   static_cast<double>(last.latency.Quantile(0.99)) / 1e3,
                   static_cast<double>(last.latency.max_micros()) / 1e3, last.errors);
      },
      stop.get_token());
  pthread_kill(signals.native_handle(),
               SIGTERM);  // wakes the waiting thread; it only asks us to stop
  signals.join();
  const Status saved = load::SaveLedger(result.ledger, flags.ledger_path);
  if (!saved) return Fail(saved.error());
  const std::string json = load::ToJson(result);
  if (!flags.report_path.empty()) std::ofstream(flags.report_path) << json << '\n';
  if (flags.report_path.empty()) fmt::print("{}\n", json);
  if (result.client_errors > 0)
    fmt::print(stderr, "foreshard-load: {} errors, first: {}\n", result.client_errors,
               result.first_error);
  return result.client_errors == 0 ? 0 : 1;
}

// A trace as `run --trace` and other programs read it.
int Generate(const Flags& flags, const Clock& clock) {
  const load::Trace trace = load::GenerateTrace(flags.generated_days, 1);
  // The newest whole days, so that the times look like a past that just ended.
  const auto today = std::chrono::floor<std::chrono::days>(clock.Wall());
  WallTime time = today - std::chrono::days(flags.generated_days);
  std::ofstream file(flags.output_path, std::ios::trunc);
  file << "timestamp,value\n";
  for (const double level : trace.levels) {
    file << FormatRfc3339(time) << ',' << fmt::format("{:.3f}", 10'000 * level) << '\n';
    time += std::chrono::minutes(1);
  }
  file.close();
  if (!file) return Fail(Error::GiveUp(flags.output_path + ": cannot be written"));
  return 0;
}

int Verify(const Flags& flags, const Clock& clock) {
  const Result<load::Ledger> ledger = load::LoadLedger(flags.ledger_path);
  if (!ledger) return Fail(ledger.error());
  std::vector<load::FoundRow> found;
  std::int64_t orders = 0;
  for (const std::string& shard : flags.shards) {
    const auto connection = Connect(shard, flags, clock);
    if (!connection) return Fail(connection.error());
    const Deadline deadline = Deadline::After(clock, 5min);
    const Result<pg::Rows> rows =
        (*connection)->Exec("SELECT id, version FROM public.customers", deadline);
    if (!rows) return Fail(rows.error());
    for (std::size_t i = 0; i < rows->size(); ++i)
      found.push_back({.key = rows->Int(i, 0), .value = rows->Int(i, 1)});
    const Result<pg::Rows> count =
        (*connection)->Exec("SELECT count(*) FROM public.orders", deadline);
    if (!count) return Fail(count.error());
    orders += count->Int(0, 0);
  }
  const load::Verdict verdict = load::Judge(*ledger, found, flags.fill.customers);
  std::string json = load::ToJson(verdict);
  json.insert(json.size() - 1,
              fmt::format(",\"orders\":{},\"ordersWanted\":{}", orders, flags.fill.orders));
  fmt::print("{}\n", json);
  const bool good = verdict.missing_rows == 0 && verdict.duplicated_rows == 0 &&
                    verdict.lost_writes == 0 && verdict.duplicated_writes == 0 &&
                    orders == flags.fill.orders;
  return good ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Flags flags;
  CLI::App app{
      "Fills a sharded database, replays load on it open-loop, and proves that nothing was lost."};
  app.require_subcommand(1);
  app.add_option("--network", flags.networks,
                 "IPv4 network that may be loaded besides loopback; repeatable");
  app.add_option("--customers", flags.fill.customers, "keys 1..n")->capture_default_str();
  app.add_option("--orders", flags.fill.orders, "rows of public.orders")->capture_default_str();
  app.add_option("--ledger", flags.ledger_path, "what was asked and acknowledged, by key")
      ->capture_default_str();

  CLI::App* fill = app.add_subcommand("fill", "create the tables and load them by COPY");
  fill->add_option("--conninfo", flags.conninfo, "the router, with a numeric address")->required();

  CLI::App* run =
      app.add_subcommand("run", "replay a day of load; exit 1 if a client saw an error");
  run->add_option("--conninfo", flags.conninfo, "the router, with a numeric address")->required();
  run->add_option("--trace", flags.trace_path, "CSV timestamp,value; without it a generated one");
  run->add_option("--from-day", flags.from_day,
                  "part of the trace to replay, in days from its start")
      ->capture_default_str();
  run->add_option("--to-day", flags.to_day, "end of the part; without it one day after --from-day");
  run->add_option("--start-at", flags.start_at,
                  "Unix time at which the replay begins; without it now");
  run->add_option("--rate", flags.constant_rate, "constant statements a second instead of a trace");
  run->add_option("--ramp-to", flags.ramp_to, "with --rate: grow to this by the middle");
  run->add_option("--seconds", flags.seconds,
                  "length of a replayed day, or of the run at a constant rate")
      ->capture_default_str();
  run->add_option("--peak-rate", flags.peak_rate,
                  "statements a second at the trace's highest level")
      ->capture_default_str();
  run->add_option("--clients", flags.clients, "connections")->capture_default_str();
  run->add_option("--hot-share", flags.hot_share,
                  "share of statements for the lower half of the hash space")
      ->capture_default_str();
  run->add_option("--write-share", flags.write_share, "share of writes")->capture_default_str();
  run->add_option("--report", flags.report_path,
                  "write the JSON report here instead of standard output");

  CLI::App* verify = app.add_subcommand(
      "verify", "compare every row on every shard with the ledger; exit 1 if one is wrong");
  verify->add_option("--shard", flags.shards, "a shard's primary, directly; repeatable")
      ->required();
  CLI::App* generate =
      app.add_subcommand("generate", "write a made-up trace: days with a morning peak");
  generate->add_option("--days", flags.generated_days, "how many days")->capture_default_str();
  generate->add_option("--output", flags.output_path, "the CSV file")->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  sigset_t handled;
  sigemptyset(&handled);
  sigaddset(&handled, SIGTERM);
  sigaddset(&handled, SIGINT);
  if (run->parsed()) pthread_sigmask(SIG_BLOCK, &handled, nullptr);
  const SystemClock clock;
  if (generate->parsed()) return Generate(flags, clock);
  if (fill->parsed()) return Fill(flags, clock);
  if (run->parsed()) return Run(flags, clock, handled);
  return Verify(flags, clock);
}
