#pragma once

#include <functional>
#include <string>
#include <vector>

#include "forecast/forecaster.h"

// The parts of the benchmark. Each returns numbers; main prints and judges them.

namespace foreshard::bench {

struct TraceRow {
  std::string trace;
  double ensemble_mre = 0;
  double spar_mre = 0;
  double naive_mre = 0;              // the best of last, day-1, week-1
  std::vector<double> coverage_off;  // points off nominal at 50, 80, 90, 95, 99
  double quantile_loss = 0;
};

struct TraceSummary {
  std::string horizon;
  std::vector<TraceRow> rows;
  double ratio_to_spar = 0;  // geometric mean
  double worst_to_naive = 0;
  double coverage_mean = 0;   // largest over levels of the mean over traces of |points off|
  double coverage_worst = 0;  // largest of all
  double quantile_loss = 0;   // mean
};

// All *.csv of the folder, by name. Empty rows: no trace there.
TraceSummary RunTraces(const std::string& folder, const std::string& horizon, int threads,
                       const forecast::Options& options);

// nyc-taxi with its holidays and its blizzard announced, against the same not announced: sums of
// absolute errors in their windows and outside of them. bins = 0: the trace is not there.
struct EventSummary {
  std::string horizon;
  int bins = 0;
  double inside = 0;
  double outside = 0;
};
EventSummary RunEvents(const std::string& folder, const std::string& horizon);

struct CutSummary {
  int holdout = 0;
  double smape = 0;
  double mase = 0;
  double owa = 0;  // against the official Naive2
  double msis = 0;
  double coverage95 = 0;
  double wql = 0;
  double seconds = 0;
};

// One cut of the M4 hourly training part. series = 0: the file is not there.
struct CutResult {
  std::size_t series = 0;
  CutSummary summary;
};
CutResult RunCut(const std::string& folder, int holdout, int threads,
                 const forecast::Options& options);

// Processor milliseconds, medians.
struct CostSummary {
  double fine_refit = 0;       // 14 days of 5-minute bins
  double fine_update = 0;      // one bin: learn, and a new fan of 24 steps
  double network_update = 0;   // the same with the network of a set
  double network_seconds = 0;  // training it on 500 series of four weeks
  double hourly_refit = 0;     // four weeks of hours: a new day, two origins
  double thousand_shards = 0;  // one bin of 1,000 shards, with the network
};
CostSummary RunCost();

}  // namespace foreshard::bench
