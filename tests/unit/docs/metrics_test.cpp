#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "tests/fakes/metric_samples.h"
#include "tests/support/golden.h"
#include "tests/support/temporary_directory.h"

// docs/metrics.md is written by this test (make golden) from what the exporters say of themselves,
// and compared with it ever after.

namespace foreshard {
namespace {

struct Metric {
  std::string program;
  std::string type;
  std::string help;
  std::set<std::string> labels;
};

std::string Family(const std::string& series, const std::map<std::string, Metric>& known) {
  for (const char* suffix : {"_bucket", "_sum", "_count"}) {
    if (series.ends_with(suffix)) {
      const std::string name = series.substr(0, series.size() - std::string(suffix).size());
      if (known.contains(name)) return name;
    }
  }
  return series;
}

std::map<std::string, Metric> Read(const fakes::ProgramMetrics& program) {
  std::map<std::string, Metric> metrics;
  std::istringstream lines(program.text);
  static const std::regex kLabel(R"re(([a-z_]+)="[^"]*")re");
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string mark, kind, name, rest;
    if (line.starts_with("# ")) {
      words >> mark >> kind >> name;
      std::getline(words >> std::ws, rest);
      metrics[name].program = program.program;
      (kind == "HELP" ? metrics[name].help : metrics[name].type) = rest;
      continue;
    }
    const std::string series = line.substr(0, line.find_first_of("{ "));
    Metric& metric = metrics[Family(series, metrics)];
    for (std::sregex_iterator at(line.begin(), line.end(), kLabel), end; at != end; ++at) {
      if ((*at)[1] != "le") metric.labels.insert((*at)[1]);
    }
  }
  return metrics;
}

std::map<std::string, Metric> All() {
  std::map<std::string, Metric> all;
  for (const fakes::ProgramMetrics& program : fakes::SampleMetrics()) all.merge(Read(program));
  return all;
}

std::string Joined(const auto& labels) {
  std::string text;
  for (const std::string& label : labels)
    text += fmt::format("{}`{}`", text.empty() ? "" : ", ", label);
  return text;
}

std::string Reference() {
  std::string text =
      "# Metrics\n\n"
      "Written from the code by `make golden` (`tests/unit/docs/metrics_test.cpp`); a test fails "
      "when "
      "they differ.\n"
      "All programs serve `/metrics`: the operator on port 8080, router and mover on 9187.\n\n"
      "Prometheus adds `job`, `instance` and, for pods of a set, `namespace`, `pod`, `shardset`, "
      "`component`,\n`shard`, `migration`. Every value of a label that is known beforehand is "
      "there "
      "from the start, at zero.\nOnly the operator that leads has the newest numbers of sets: join "
      "with\n`leader_election_master_status == 1` on `instance`.\n";
  const std::map<std::string, Metric> all = All();
  for (const fakes::ProgramMetrics& program : fakes::SampleMetrics()) {
    text += fmt::format("\n## {}\n\n| metric | type | labels | what |\n|---|---|---|---|\n",
                        program.program);
    for (const auto& [name, metric] : all) {
      if (metric.program == program.program)
        text += fmt::format("| `{}` | {} | {} | {} |\n", name, metric.type, Joined(metric.labels),
                            metric.help);
    }
  }
  text +=
      "\n## Of others\n\nWhat alerts and dashboards use beside these.\n\n"
      "| metric | from | labels | what |\n|---|---|---|---|\n";
  for (const fakes::ForeignMetric& metric : fakes::ForeignMetrics())
    text += fmt::format("| `{}` | {} | {} | {} |\n", metric.name, metric.from,
                        Joined(metric.labels), metric.help);
  return text;
}

TEST(MetricsReference, SaysWhatTheProgramsExport) {
  EXPECT_TRUE(support::IsGolden("../../docs/metrics.md", Reference()));
}

// A family without a sample would be missing in the page, in dashboards' and in alerts' tests.
TEST(MetricsReference, EveryNameInAnExporterHasASample) {
  const std::map<std::string, Metric> all = All();
  static const std::regex kName(
      R"re("((?:foreshard|controller_runtime|workqueue|rest_client|leader_election))re"
      R"re(_[a-z0-9_]+)")re");
  std::size_t names = 0;
  for (const char* file :
       {"operator/exporter_families.h", "router/exporter.cpp", "migration/exporter.cpp"}) {
    const std::string code = support::ReadFile(file);
    for (std::sregex_iterator at(code.begin(), code.end(), kName), end; at != end; ++at) {
      EXPECT_TRUE(all.contains((*at)[1])) << (*at)[1] << " of " << file;
      ++names;
    }
  }
  EXPECT_GE(names, 40U);
}

// What dashboards made elsewhere rely on: a renamed metric or label breaks them.
// behaviour-24
TEST(MetricsReference, PromisedNamesAndLabelsAreThere) {
  const std::map<std::string, std::set<std::string>> promised = {
      {"controller_runtime_reconcile_total", {"controller", "result"}},
      {"controller_runtime_reconcile_errors_total", {"controller"}},
      {"controller_runtime_reconcile_time_seconds", {"controller"}},
      {"controller_runtime_active_workers", {"controller"}},
      {"workqueue_depth", {"name"}},
      {"rest_client_requests_total", {"code", "method"}},
      {"leader_election_master_status", {"name"}},
      {"foreshard_shard_demand", {"namespace", "shardset", "shard"}},
      {"foreshard_shard_forecast", {"namespace", "shardset", "shard", "quantile", "ahead"}},
      {"foreshard_shard_headroom_percent", {"namespace", "shardset", "shard"}},
      {"foreshard_forecast_error", {"namespace", "shardset"}},
      {"foreshard_forecast_coverage", {"namespace", "shardset"}},
      {"foreshard_forecast_trusted", {"namespace", "shardset"}},
      {"foreshard_plan_total", {"decision"}},
      {"foreshard_plan_seconds", {}},
      {"foreshard_migration_phase", {"namespace", "shardset", "migration", "type", "phase"}},
      {"foreshard_migration_seconds", {"type", "phase"}},
      {"foreshard_migration_estimate_error_ratio", {}},
      {"foreshard_cutover_hold_seconds", {}},
      {"foreshard_cutover_step_seconds", {"step"}},
      {"foreshard_migration_failures_total", {"reason"}},
      {"foreshard_leftover_objects", {}}};
  const std::map<std::string, Metric> all = All();
  for (const auto& [name, labels] : promised) {
    ASSERT_TRUE(all.contains(name)) << name;
    EXPECT_EQ(all.at(name).labels, labels) << name;
  }
}

// A counter that is born at 1 hides its first failure from rate(): every reason that a runbook
// explains is there from the start.
TEST(MetricsReference, EveryReasonOfARunbookIsAtZeroFromTheStart) {
  const std::string metrics = fakes::SampleMetrics()[0].text;
  static const std::regex kReason(R"(`([A-Z][A-Za-z]+)`)");
  std::size_t reasons = 0;
  for (const char* page :
       {"docs/runbooks/migration-failed.md", "docs/runbooks/migration-refused.md"}) {
    std::istringstream lines(support::ReadFile(page));
    for (std::string line; std::getline(lines, line);) {
      if (!line.starts_with("| `")) continue;
      const std::string first = line.substr(0, line.find('|', 1));
      for (std::sregex_iterator at(first.begin(), first.end(), kReason), end; at != end; ++at) {
        EXPECT_NE(metrics.find(fmt::format("failures_total{{reason=\"{}\"}} 0", (*at)[1].str())),
                  std::string::npos)
            << (*at)[1] << " of " << page;
        ++reasons;
      }
    }
  }
  EXPECT_GE(reasons, 40U);
}

}  // namespace
}  // namespace foreshard
