#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <string>

#include "base/clock.h"
#include "cli/forecast/backtest.h"
#include "cli/forecast/report.h"
#include "cli/forecast/trace.h"

// foreshard-forecast: the forecasting library on files. Reads, calls, prints.
// Exit status: 0 success, 2 bad usage, 3 unreadable input.

namespace {

using foreshard::Error;
using foreshard::Result;
namespace cli = foreshard::cli;

constexpr int kBadUsage = 2;
constexpr int kBadInput = 3;

int Complain(int status, const std::string& message) {
  fmt::print(stderr, "foreshard-forecast: {}\n", message);
  return status;
}

double SecondsSince(foreshard::MonotonicTime start, const foreshard::Clock& clock) {
  return std::chrono::duration<double>(clock.Monotonic() - start).count();
}

struct BacktestArguments {
  std::string trace;
  std::string bin = "5m";
  std::string horizon = "60m";
  std::string train;
  std::string seasons = "24h,168h";
  std::string plot;
  bool json = false;
};

// Empty on success, else what is wrong with the usage.
std::string ReadBacktestOptions(const BacktestArguments& arguments, std::chrono::seconds& bin,
                                cli::BacktestOptions& options) {
  const auto read = [](const std::string& text, std::chrono::seconds& into) -> std::string {
    const Result<std::chrono::seconds> duration = cli::ParseDuration(text);
    if (!duration) return duration.error().message;
    into = *duration;
    return {};
  };
  const std::size_t comma = arguments.seasons.find(',');
  options.week = std::chrono::seconds(0);
  for (const std::string& wrong :
       {read(arguments.bin, bin), read(arguments.horizon, options.horizon),
        arguments.train.empty() ? std::string() : read(arguments.train, options.train),
        read(arguments.seasons.substr(0, comma), options.day),
        comma == std::string::npos ? std::string()
                                   : read(arguments.seasons.substr(comma + 1), options.week)}) {
    if (!wrong.empty()) return wrong;
  }
  return {};
}

int RunBacktest(const BacktestArguments& arguments) {
  std::chrono::seconds bin{0};
  cli::BacktestOptions options;
  const std::string wrong = ReadBacktestOptions(arguments, bin, options);
  if (!wrong.empty()) return Complain(kBadUsage, wrong);
  const Result<std::string> text = cli::ReadFile(arguments.trace);
  if (!text) return Complain(kBadInput, text.error().message);
  const auto samples = cli::ParseTrace(*text);
  if (!samples)
    return Complain(kBadInput, fmt::format("{}: {}", arguments.trace, samples.error().message));

  const foreshard::SystemClock clock;
  const foreshard::MonotonicTime start = clock.Monotonic();
  const auto report = cli::Backtest(cli::BinTrace(*samples, bin), options);
  if (!report) {
    const bool usage = report.error().reason == "BadOptions";
    return Complain(usage ? kBadUsage : kBadInput,
                    fmt::format("{}: {}", arguments.trace, report.error().message));
  }
  const cli::BacktestHeading heading{
      .trace = std::filesystem::path(arguments.trace).stem().string(),
      .bin = arguments.bin,
      .horizon = arguments.horizon,
      .seconds = SecondsSince(start, clock)};
  fmt::print("{}\n", arguments.json ? cli::BacktestJson(heading, *report)
                                    : cli::BacktestTable(heading, *report));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Forecasts demand from files: accuracy of the ensemble against its parts and SPAR.",
               "foreshard-forecast");
  app.require_subcommand(1);
  BacktestArguments arguments;
  CLI::App* backtest = app.add_subcommand(
      "backtest", "replay one trace and score the forecasts made a horizon before");
  backtest->add_option("--trace", arguments.trace, "CSV file: header, then timestamp,value in UTC")
      ->required();
  backtest->add_option("--bin", arguments.bin, "width of a bin, e.g. 5m");
  backtest->add_option("--horizon", arguments.horizon, "how far ahead, e.g. 60m");
  backtest->add_option("--train", arguments.train, "length of the training part, e.g. 8d");
  backtest->add_option("--seasons", arguments.seasons, "one or two season lengths, e.g. 24h,168h");
  backtest->add_flag("--json", arguments.json, "one JSON object on standard output");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kBadUsage;
  }
  return RunBacktest(arguments);
}
