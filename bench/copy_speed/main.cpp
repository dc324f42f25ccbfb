#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/log.h"
#include "bench/copy_speed/servers.h"
#include "migration/mover_steps.h"
#include "migration/pg_shard.h"

// How much slower than a plain COPY is the mover's snapshot copy? See README.md.

namespace foreshard::bench {
namespace {

using migration::Side;
using namespace std::chrono_literals;

constexpr double kTargetRatio = 0.6;

struct Flags {
  CopyOptions copy;
  int rounds = 8;
  bool throttle = false;
  bool json = false;
  bool check = false;
};

double SecondsSince(const Clock& clock, MonotonicTime begin) {
  return std::chrono::duration<double>(clock.Monotonic() - begin).count();
}

// One table from one server to the other: nothing but COPY.
Status PlainCopy(const Servers& servers, const std::string& table) {
  auto source = servers.Connect(Side::kSource);
  if (!source) return source.error();
  auto destination = servers.Connect(Side::kDestination);
  if (!destination) return destination.error();
  const auto replica =
      (*destination)
          ->Exec("SET session_replication_role = replica; SET synchronous_commit = on",
                 servers.In(5s));
  if (!replica) return replica.error();
  auto out = (*source)->StartCopyOut(fmt::format("COPY {} TO STDOUT", table), servers.In(60s));
  if (!out) return out.error();
  auto in = (*destination)->StartCopyIn(fmt::format("COPY {} FROM STDIN", table), servers.In(60s));
  if (!in) return in.error();
  std::string buffer;
  while (true) {
    const Result<bool> more = out->Next(buffer, servers.In(60s));
    if (!more) return more.error();
    if (buffer.size() >= 256 * 1024 || !*more) {
      if (Status written = in->Write(buffer, servers.In(60s)); !written) return written;
      buffer.clear();
    }
    if (!*more) break;
  }
  const auto rows = in->Finish(servers.In(60s));
  return rows ? Ok() : Status(rows.error());
}

Result<double> TimePlain(const Servers& servers, int workers) {
  if (Status empty = servers.Empty(); !empty) return empty.error();
  std::vector<Status> ends(static_cast<std::size_t>(workers), Ok());
  const MonotonicTime begin = servers.clock().Monotonic();
  {
    std::vector<std::jthread> threads;
    for (int worker = 0; worker < workers; ++worker) {
      threads.emplace_back([&servers, &ends, worker] {
        ends[static_cast<std::size_t>(worker)] = PlainCopy(servers, servers.TableName(worker));
      });
    }
  }
  const double seconds = SecondsSince(servers.clock(), begin);
  for (const Status& end : ends) {
    if (!end) return end.error();
  }
  return seconds;
}

// The mover's own steps, with this process as controller.
class Mover {
 public:
  Mover(const Servers& servers, const Flags& flags)
      : servers_(servers), throttle_(servers.clock(), /*new_destination=*/true) {
    options_.spec = servers.Spec();
    options_.source_conninfo = servers.Conninfo(Side::kSource);
    options_.destination_conninfo = servers.Conninfo(Side::kDestination);
    options_.copy_workers = flags.copy.workers;
    if (flags.throttle) work_.throttle = &throttle_;
  }

  Status Prepare() {
    const auto turn = Enter(migration::Phase::kPreparing);
    if (!turn) return turn.error();
    if (Status prepared = migration::Prepare(work_, *turn, keepers_); !prepared) return prepared;
    const auto copying = Enter(migration::Phase::kCopying);
    if (!copying) return copying.error();
    copying_ = *copying;
    throttle_.SetPhase(migration::Phase::kCopying);
    return Ok();
  }

  Result<double> TimeCopy() {
    if (Status empty = servers_.Empty(); !empty) return empty.error();
    const MonotonicTime begin = servers_.clock().Monotonic();
    const Status copied = migration::Copy(work_, copying_, keepers_);
    if (!copied) return copied.error();
    return SecondsSince(servers_.clock(), begin);
  }

  const migration::Work& work() const { return work_; }
  std::int64_t bytes() const { return board_.progress().copied_bytes; }

 private:
  Result<migration::Turn> Enter(migration::Phase phase) {
    const model::Token token = model::MakeToken(++record_, 1);
    for (const Side side : {Side::kSource, Side::kDestination}) {
      migration::PgShard shard({.spec = options_.spec,
                                .side = side,
                                .conninfo = servers_.Conninfo(side),
                                .peer_conninfo = servers_.Conninfo(migration::Peer(side))},
                               servers_.clock());
      const Status entered = shard.Enter(token, ToString(phase), servers_.In(10s));
      if (!entered) return entered.error();
    }
    return migration::Turn{phase, token, token};
  }

  const Servers& servers_;
  migration::MoverOptions options_;
  migration::Board board_;
  migration::Throttle throttle_;
  migration::Work work_{options_, servers_.clock(), {}, board_};
  migration::Keepers keepers_;
  migration::Turn copying_;
  std::int64_t record_ = 0;
};

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

double Rounded(double value) {
  return static_cast<double>(static_cast<std::int64_t>(value * 1000)) / 1000;
}

struct Times {
  std::vector<double> plain;
  std::vector<double> mover;
};

// A B B A ...
Result<Times> Measure(const Servers& servers, Mover& mover, const Flags& flags, std::int64_t rows) {
  Times times;
  for (int round = 0; round < flags.rounds; ++round) {
    for (const bool plain : {round % 2 == 0, round % 2 != 0}) {
      const auto seconds = plain ? TimePlain(servers, flags.copy.workers) : mover.TimeCopy();
      if (!seconds) return seconds.error();
      const auto arrived = servers.RowsOnSecond();
      if (!arrived) return arrived.error();
      if (*arrived != rows)
        return Error::GiveUp(fmt::format("{} rows arrived of {}", *arrived, rows), "RowsMissing");
      (plain ? times.plain : times.mover).push_back(*seconds);
      if (!flags.json) fmt::print("{} {:.3f} s\n", plain ? "plain" : "mover", *seconds);
    }
  }
  return times;
}

Result<nlohmann::json> Run(const Flags& flags) {
  auto servers = Servers::Make(flags.copy);
  if (!servers) return servers.error();
  Mover mover(**servers, flags);
  if (Status prepared = mover.Prepare(); !prepared) return prepared.error();
  std::stop_source stop;
  std::vector<std::jthread> pulses;
  const migration::Work pulsing{mover.work().options, mover.work().clock, stop.get_token(),
                                mover.work().board, mover.work().throttle};
  for (const Side side : {Side::kSource, Side::kDestination}) {
    if (flags.throttle)
      pulses.emplace_back([&pulsing, side] { migration::RunPulses(pulsing, side); });
  }
  // Warm, and the number of rows that all others must bring.
  Result<double> warm = TimePlain(**servers, flags.copy.workers);
  if (!warm) return warm.error();
  const auto rows = (*servers)->RowsOnSecond();
  if (!rows) return rows.error();
  const auto times = Measure(**servers, mover, flags, *rows);
  stop.request_stop();
  pulses.clear();
  if (!times) return times.error();
  std::vector<double> ratios;
  for (std::size_t round = 0; round < times->plain.size(); ++round)
    ratios.push_back(times->plain[round] / times->mover[round]);
  const double mib = static_cast<double>(mover.bytes()) / (1024 * 1024);
  return nlohmann::json{{"ratio", Rounded(Median(ratios))},
                        {"target", kTargetRatio},
                        {"mover_mib_per_second", Rounded(mib / Median(times->mover))},
                        {"plain_mib_per_second", Rounded(mib / Median(times->plain))},
                        {"rows", *rows},
                        {"mib", Rounded(mib)},
                        {"workers", flags.copy.workers},
                        {"rounds", flags.rounds},
                        {"throttle", flags.throttle},
                        {"fsync", flags.copy.fsync},
                        {"cores", static_cast<int>(std::thread::hardware_concurrency())}};
}

int Main(const Flags& flags) {
  const auto report = Run(flags);
  if (!report) {
    fmt::print(stderr, "stopped: {}\n", report.error().message);
    return 2;
  }
  fmt::print("{}\n", report->dump(flags.json ? -1 : 2));
  return flags.check && (*report)["ratio"].get<double>() < kTargetRatio ? 1 : 0;
}

}  // namespace
}  // namespace foreshard::bench

int main(int argc, char** argv) {
  foreshard::bench::Flags flags;
  CLI::App app{"The mover's snapshot copy against a plain COPY between the same two servers."};
  app.add_option("--workers", flags.copy.workers, "of both")->check(CLI::Range(1, 16));
  app.add_option("--rows", flags.copy.rows, "in all tables")
      ->check(CLI::Range(10'000, 100'000'000));
  app.add_option("--rounds", flags.rounds, "of each")->check(CLI::Range(1, 1'000));
  app.add_flag("--throttle", flags.throttle, "the mover holds itself back, as users have it");
  app.add_flag("--fsync", flags.copy.fsync, "PostgreSQL waits for the disk");
  app.add_flag("--json", flags.json, "the last line is one JSON object");
  app.add_flag("--check", flags.check, "exit 1 when the ratio is below 0.6");
  CLI11_PARSE(app, argc, argv);
  foreshard::log::SetLevel(foreshard::log::Level::kWarning);
  return foreshard::bench::Main(flags);
}
