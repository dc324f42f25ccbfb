#include "base/clock.h"
#include "bench/forecast_accuracy/parts.h"
#include "cli/forecast/evaluate.h"
#include "cli/forecast/trace.h"

namespace foreshard::bench {

CutResult RunCut(const std::string& folder, int holdout, int threads,
                 const forecast::Options& options) {
  CutResult result;
  const auto text = cli::ReadFile(folder + "/train.csv");
  if (!text) return result;
  auto train = cli::ParseM4(*text);
  if (!train) return result;
  cli::EvaluateOptions evaluate;
  evaluate.naive2 = cli::Naive2::kOfficial;
  evaluate.threads = threads;
  evaluate.forecast = options;
  evaluate.models = options.only_models;
  std::vector<std::vector<double>> test;
  const auto held = cli::HoldOut(*train, test, static_cast<std::size_t>(holdout), 48);
  if (!held) return result;
  const SystemClock clock;
  const MonotonicTime start = clock.Monotonic();
  const auto report = cli::Evaluate(*train, test, evaluate);
  if (!report) return result;
  result.series = report->series;
  result.summary = {.holdout = holdout,
                    .smape = report->smape,
                    .mase = report->mase,
                    .owa = report->owa,
                    .msis = report->msis,
                    .coverage95 = report->coverage95,
                    .wql = report->wql,
                    .seconds = std::chrono::duration<double>(clock.Monotonic() - start).count()};
  return result;
}

}  // namespace foreshard::bench
