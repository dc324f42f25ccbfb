#include "bench/load_generator/report.h"

#include <nlohmann/json.hpp>

namespace foreshard::load {

namespace {

double Millis(std::uint64_t micros) { return static_cast<double>(micros) / 1'000.0; }

}  // namespace

std::string ToJson(const RunResult& result) {
  Histogram whole;
  nlohmann::json seconds = nlohmann::json::array();
  for (std::size_t i = 0; i < result.windows.size(); ++i) {
    const Window& window = result.windows[i];
    if (window.due == 0 && window.completed == 0) continue;
    whole.Merge(window.latency);
    seconds.push_back({{"second", i},
                       {"due", window.due},
                       {"completed", window.completed},
                       {"errors", window.errors},
                       {"p50Millis", Millis(window.latency.Quantile(0.5))},
                       {"p99Millis", Millis(window.latency.Quantile(0.99))},
                       {"maxMillis", Millis(window.latency.max_micros())}});
  }
  std::uint64_t acknowledged = 0;
  for (const KeyAccount& account : result.ledger) acknowledged += account.acknowledged;
  const nlohmann::json report = {{"startedAt", result.started_at},
                                 {"statements", whole.total()},
                                 {"acknowledgedWrites", acknowledged},
                                 {"clientErrors", result.client_errors},
                                 {"retryableDisconnects", result.retryable_disconnects},
                                 {"staleReads", result.stale_reads},
                                 {"firstError", result.first_error},
                                 {"p50Millis", Millis(whole.Quantile(0.5))},
                                 {"p99Millis", Millis(whole.Quantile(0.99))},
                                 {"maxMillis", Millis(whole.max_micros())},
                                 {"seconds", std::move(seconds)}};
  return report.dump();
}

std::string ToJson(const Verdict& verdict) {
  const nlohmann::json report = {{"rows", verdict.rows},
                                 {"missingRows", verdict.missing_rows},
                                 {"duplicatedRows", verdict.duplicated_rows},
                                 {"lostWrites", verdict.lost_writes},
                                 {"duplicatedWrites", verdict.duplicated_writes},
                                 {"acknowledgedWrites", verdict.acknowledged_writes}};
  return report.dump();
}

}  // namespace foreshard::load
