#pragma once

#include <string>
#include <vector>

// Every metric of every program, filled by the programs' own exporters with made-up numbers: one
// set "orders" of two shards in namespace "shop", one migration under way. What dashboards, alerts
// and docs/metrics.md are held against.
//
// Does not imitate: how numbers move together; what Prometheus adds to a scrape (see Scraped()).

namespace foreshard::fakes {

struct ProgramMetrics {
  std::string program;
  std::string text;  // exposition format
};

// One turn of the clock: counters grow with `turn`, gauges move.
std::vector<ProgramMetrics> SampleMetrics(int turn = 0);

// Metrics of others that alerts and dashboards may use: who exports them, and what they tell.
struct ForeignMetric {
  std::string name;
  std::string from;
  std::string help;
  std::vector<std::string> labels;
};
const std::vector<ForeignMetric>& ForeignMetrics();

// All of the above as a scraped history in OpenMetrics text, with the labels that the chart's
// Prometheus gives: `turns` samples, `step_seconds` apart, the last at `end_seconds`.
std::string ScrapedHistory(double end_seconds, int turns, double step_seconds);

}  // namespace foreshard::fakes
