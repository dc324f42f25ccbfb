#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "bench/load_generator/histogram.h"
#include "bench/load_generator/ledger.h"
#include "bench/load_generator/trace.h"

// An open-loop run: arrivals follow the curve whatever the database does, so a pause shows as
// latency of every statement that was due in it (latency counts from the due time).

namespace foreshard::load {

struct RunOptions {
  std::string conninfo;  // of the router
  RateCurve curve;
  std::int64_t key_count;
  int clients = 48;          // connections; an arrival is taken by whoever is free
  double write_share = 0.3;  // increments of a row
  double check_share =
      0.2;  // reads of the same row, compared with what was acknowledged; the rest are order sums
  double hot_share = 0.7;
  double skew = 0.3;
  std::uint64_t seed = 1;
  WallTime start_at{};  // in the future: wait until then; connections are opened before
};

// One second of the run.
struct Window {
  std::uint64_t due = 0;
  std::uint64_t completed = 0;
  std::uint64_t errors = 0;
  Histogram latency;
};

struct RunResult {
  std::vector<Window> windows;
  Ledger ledger;
  std::uint64_t client_errors =
      0;  // a statement answered with an error, or a row that was not there
  std::uint64_t retryable_disconnects = 0;  // a connection that ended; the client connected again
  std::uint64_t stale_reads =
      0;  // a read older than a write acknowledged before it began: also a client error
  std::string first_error;
  double started_at = 0;  // Unix time, seconds
};

inline constexpr int kProgressSeconds = 10;

// `progress` is called every kProgressSeconds with the seconds since the start and what was due
// since the last call. REQUIRES: `earlier` is empty or of the same size.
RunResult Run(const RunOptions& options, Ledger earlier, const Clock& clock,
              const std::function<void(double seconds, const Window& last)>& progress,
              std::stop_token stop);

}  // namespace foreshard::load
