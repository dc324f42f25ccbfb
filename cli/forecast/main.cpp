#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/version.h"
#include "cli/forecast/backtest.h"
#include "cli/forecast/evaluate.h"
#include "cli/forecast/events.h"
#include "cli/forecast/m4.h"
#include "cli/forecast/picture.h"
#include "cli/forecast/predict.h"
#include "cli/forecast/report.h"
#include "cli/forecast/trace.h"

// foreshard-forecast: the forecasting library on files. Reads, calls, prints.
// Exit status: 0 success, 2 bad usage, 3 unreadable input.

namespace {

using foreshard::Error;
using foreshard::Result;
using foreshard::Status;
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
  std::string events;
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

  const foreshard::model::DemandSeries series = cli::BinTrace(*samples, bin);
  if (!arguments.events.empty()) {
    const Result<std::string> announced = cli::ReadFile(arguments.events);
    if (!announced) return Complain(kBadInput, announced.error().message);
    auto events = cli::ParseEvents(*announced, series.bin);
    if (!events) {
      return Complain(kBadInput, fmt::format("{}: {}", arguments.events, events.error().message));
    }
    options.calendar.events = *std::move(events);
  }

  const foreshard::SystemClock clock;
  const foreshard::MonotonicTime start = clock.Monotonic();
  const auto report = cli::Backtest(series, options);
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

struct PredictArguments {
  BacktestArguments trace;  // what is read, and the grid
  std::string state;
  std::string plot;
  std::optional<double> threshold{};
};

// What `fit`, `predict` and `explain` have in common. 0, or the status to exit with.
int ReadPredictInput(const PredictArguments& arguments, foreshard::model::DemandSeries& series,
                     cli::PredictOptions& options) {
  std::chrono::seconds bin{0};
  cli::BacktestOptions grid;
  const std::string wrong = ReadBacktestOptions(arguments.trace, bin, grid);
  if (!wrong.empty()) return Complain(kBadUsage, wrong);
  options.horizon = grid.horizon;
  options.day = grid.day;
  options.week = grid.week;
  options.threshold = arguments.threshold;
  const Result<std::string> text = cli::ReadFile(arguments.trace.trace);
  if (!text) return Complain(kBadInput, text.error().message);
  const auto samples = cli::ParseTrace(*text);
  if (!samples) {
    return Complain(kBadInput,
                    fmt::format("{}: {}", arguments.trace.trace, samples.error().message));
  }
  series = cli::BinTrace(*samples, bin);
  if (arguments.trace.events.empty()) return 0;
  const Result<std::string> announced = cli::ReadFile(arguments.trace.events);
  if (!announced) return Complain(kBadInput, announced.error().message);
  auto events = cli::ParseEvents(*announced, series.bin);
  if (!events) {
    return Complain(kBadInput,
                    fmt::format("{}: {}", arguments.trace.events, events.error().message));
  }
  options.calendar.events = *std::move(events);
  return 0;
}

int WriteFile(const std::string& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary);
  file << bytes;
  file.close();
  return file ? 0 : Complain(kBadInput, fmt::format("{}: cannot be written", path));
}

int RunFit(const PredictArguments& arguments) {
  foreshard::model::DemandSeries series;
  cli::PredictOptions options;
  const int status = ReadPredictInput(arguments, series, options);
  if (status != 0) return status;
  const Result<std::string> state = cli::FitState(series, options);
  if (!state) return Complain(kBadUsage, state.error().message);
  return WriteFile(arguments.state, *state);
}

int RunPredict(const PredictArguments& arguments, bool explain) {
  if (!arguments.plot.empty() && !cli::IsPicture(arguments.plot))
    return Complain(kBadUsage,
                    fmt::format("--plot {}: a picture ends with .svg or .png", arguments.plot));
  foreshard::model::DemandSeries series;
  cli::PredictOptions options;
  const int status = ReadPredictInput(arguments, series, options);
  if (status != 0) return status;
  std::string state;
  if (!arguments.state.empty()) {
    const Result<std::string> bytes = cli::ReadFile(arguments.state);
    if (!bytes) return Complain(kBadInput, bytes.error().message);
    state = *bytes;
  }
  const auto prediction = cli::Predict(series, options, state);
  if (!prediction) return Complain(kBadUsage, prediction.error().message);
  if (!prediction->note.empty())
    Complain(0, fmt::format("{}: {}; fitted anew", arguments.state, prediction->note));
  if (!arguments.plot.empty()) {
    const Status written =
        cli::WritePicture(arguments.plot, cli::PredictSvg(*prediction, options.calendar));
    if (!written) return Complain(kBadInput, written.error().message);
  }
  const bool json = arguments.trace.json;
  if (explain) {
    fmt::print("{}\n", json ? cli::ExplainJson(*prediction) : cli::ExplainTable(*prediction));
  } else {
    fmt::print("{}\n", json ? cli::PredictJson(*prediction) : cli::PredictTable(*prediction));
  }
  return 0;
}

struct EvaluateArguments {
  std::string train;
  std::string test;
  std::string naive2 = "auto";
  std::vector<std::string> models;
  int season = 24;
  int horizon = 48;
  int holdout = 0;
  int threads = 1;
  std::uint64_t seed = 1;
  bool json = false;
};

void ShowProgress(std::size_t done, std::size_t of) {
  if (isatty(STDERR_FILENO) == 0) return;
  fmt::print(stderr, "\r{} of {} series{}", done, of, done == of ? "\n" : "");
  std::fflush(stderr);
}

// Empty on success, else what is wrong with the usage.
std::string ReadEvaluateOptions(const EvaluateArguments& arguments, cli::EvaluateOptions& options) {
  if (arguments.test.empty() == (arguments.holdout <= 0))
    return "exactly one of --test and --holdout is needed";
  if (arguments.naive2 == "official") {
    options.naive2 = cli::Naive2::kOfficial;
  } else if (arguments.naive2 == "compute") {
    options.naive2 = cli::Naive2::kCompute;
  } else if (arguments.naive2 != "auto") {
    return fmt::format("--naive2 {}: auto, official or compute", arguments.naive2);
  }
  for (const std::string& model : arguments.models) {
    if (!foreshard::forecast::IsModel(foreshard::forecast::Pool::kHourly, model)) {
      return fmt::format("--models: no model is called '{}'", model);
    }
  }
  options.season = arguments.season;
  options.horizon = arguments.horizon;
  options.threads = arguments.threads;
  options.seed = arguments.seed;
  options.models = arguments.models;
  options.progress = ShowProgress;
  return {};
}

int RunEvaluate(const EvaluateArguments& arguments) {
  cli::EvaluateOptions options;
  const std::string wrong = ReadEvaluateOptions(arguments, options);
  if (!wrong.empty()) return Complain(kBadUsage, wrong);
  const auto read = [](const std::string& path) -> Result<std::vector<cli::NamedSeries>> {
    const Result<std::string> text = cli::ReadFile(path);
    if (!text) return text.error();
    auto series = cli::ParseM4(*text);
    if (!series)
      return Error::GiveUp(fmt::format("{}: {}", path, series.error().message), "BadInput");
    return series;
  };
  auto train = read(arguments.train);
  if (!train) return Complain(kBadInput, train.error().message);
  std::vector<std::vector<double>> test;
  const auto horizon = static_cast<std::size_t>(arguments.horizon);
  if (arguments.holdout > 0) {
    const auto held =
        cli::HoldOut(*train, test, static_cast<std::size_t>(arguments.holdout), horizon);
    if (!held)
      return Complain(held.error().reason == "BadUsage" ? kBadUsage : kBadInput,
                      held.error().message);
  } else {
    const auto after = read(arguments.test);
    if (!after) return Complain(kBadInput, after.error().message);
    auto matched = cli::MatchTest(*train, *after, horizon);
    if (!matched)
      return Complain(kBadInput, fmt::format("{}: {}", arguments.test, matched.error().message));
    test = *std::move(matched);
  }
  const foreshard::SystemClock clock;
  const foreshard::MonotonicTime start = clock.Monotonic();
  const auto report = cli::Evaluate(*train, test, options);
  if (!report) {
    return Complain(report.error().reason == "BadOptions" ? kBadUsage : kBadInput,
                    report.error().message);
  }
  const double seconds = SecondsSince(start, clock);
  fmt::print("{}\n", arguments.json ? cli::EvaluateJson(*report, seconds)
                                    : cli::EvaluateTable(*report, seconds));
  return 0;
}

CLI::App* AddTraceCommand(CLI::App& app, const char* name, const char* what,
                          BacktestArguments& arguments) {
  CLI::App* command = app.add_subcommand(name, what);
  command->add_option("--trace", arguments.trace, "CSV file: header, then timestamp,value in UTC")
      ->required();
  command->add_option("--bin", arguments.bin, "width of a bin, e.g. 5m");
  command->add_option("--horizon", arguments.horizon, "how far ahead, e.g. 60m");
  command->add_option("--seasons", arguments.seasons, "one or two season lengths, e.g. 24h,168h");
  command->add_option("--events", arguments.events,
                      "JSON list of announced events, see the README");
  return command;
}

CLI::App* AddEvaluate(CLI::App& app, EvaluateArguments& scored) {
  CLI::App* evaluate =
      app.add_subcommand("evaluate", "forecast every series of a file in M4's format and score it");
  evaluate->add_option("--train", scored.train, "CSV file: header, then id,value,value,...")
      ->required();
  evaluate->add_option("--test", scored.test, "the values that follow, same format");
  evaluate
      ->add_option("--holdout", scored.holdout,
                   "instead of --test: score the values that start this far before each end")
      ->check(CLI::PositiveNumber);
  evaluate->add_option("--season", scored.season, "steps of a season")->check(CLI::Range(2, 1440));
  evaluate->add_option("--horizon", scored.horizon, "steps ahead")->check(CLI::Range(1, 512));
  evaluate->add_option("--naive2", scored.naive2, "auto, official or compute");
  evaluate->add_option("--models", scored.models, "only these models, separated by commas")
      ->delimiter(',');
  evaluate->add_option("--threads", scored.threads, "threads; the result does not depend on it")
      ->check(CLI::Range(1, 256));
  evaluate->add_option("--seed", scored.seed, "seed of what is random");
  evaluate->add_flag("--json", scored.json, "one JSON object on standard output");
  return evaluate;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Forecasts demand from files: accuracy of the ensemble against its parts and SPAR.",
               "foreshard-forecast");
  app.set_version_flag("--version", foreshard::VersionLine("foreshard-forecast"));
  app.require_subcommand(1);
  BacktestArguments replayed;
  CLI::App* backtest = AddTraceCommand(
      app, "backtest", "replay one trace and score the forecasts made a horizon before", replayed);
  backtest->add_option("--train", replayed.train, "length of the training part, e.g. 8d");
  backtest->add_flag("--json", replayed.json, "one JSON object on standard output");
  EvaluateArguments scored;
  const CLI::App* evaluate = AddEvaluate(app, scored);
  PredictArguments known;
  known.trace.horizon = "2h";
  const CLI::App* fit = AddTraceCommand(app, "fit", "learn a trace and keep it", known.trace);
  CLI::App* predict =
      AddTraceCommand(app, "predict", "quantiles of what follows a trace", known.trace);
  CLI::App* explain =
      AddTraceCommand(app, "explain", "which models say it, and how good they were", known.trace);
  app.get_subcommand("fit")->add_option("--state", known.state, "file to write")->required();
  predict->add_option("--threshold", known.threshold, "how likely is a bin above this?");
  for (CLI::App* command : {predict, explain}) {
    command->add_option("--state", known.state, "what `fit` wrote for a beginning of the trace");
    command->add_option("--plot", known.plot, "write a fan chart: an .svg or .png file");
    command->add_flag("--json", known.trace.json, "one JSON object on standard output");
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kBadUsage;
  }
  if (evaluate->parsed()) return RunEvaluate(scored);
  if (fit->parsed()) return RunFit(known);
  if (backtest->parsed()) return RunBacktest(replayed);
  return RunPredict(known, explain->parsed());
}
