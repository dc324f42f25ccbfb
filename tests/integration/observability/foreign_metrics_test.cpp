#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <regex>
#include <set>
#include <sstream>

#include "base/clock.h"
#include "migration/shard_schema.h"
#include "operator/metrics/prometheus_http.h"
#include "tests/fakes/metric_samples.h"
#include "tests/support/needs.h"
#include "tests/support/port.h"
#include "tests/support/postgres_server.h"
#include "tests/support/prometheus_server.h"
#include "tests/support/wait.h"

// What alerts and dashboards use of other programs is really there: a postgres-exporter with our
// flags on a primary with a receiver and a slot, scraped by a Prometheus; and what the chart keeps
// of kubelets.

namespace foreshard {
namespace {

using support::ChildProcess;
using support::Good;
using support::Seen;
using support::WaitFor;

const support::Needs kNeeds({"prometheus", "promtool", "postgres", "initdb", "psql",
                             "pg_receivewal", "prometheus-postgres-exporter"});

// The flags of the sidecar, from the builder itself.
std::vector<std::string> ExporterFlags() {
  const std::string code = support::ReadFile("operator/builders/stateful_set.cpp");
  static const std::regex kFlag(R"re("(--[a-z.-]+(?:=[a-z]+)?)")re");
  std::vector<std::string> flags;
  for (std::sregex_iterator at(code.begin(), code.end(), kFlag), end; at != end; ++at)
    flags.push_back((*at)[1]);
  return flags;
}

// behaviour-24
TEST(ForeignMetrics, ThePostgresExporterExportsWhatWeUse) {
  auto postgres = support::PostgresServer::Create();
  ASSERT_TRUE(Good(postgres));
  ASSERT_TRUE(Good((*postgres)->Sql(
      "SELECT pg_create_physical_replication_slot('s', true); CREATE ROLE exporter "
      "LOGIN PASSWORD 'e'; GRANT pg_monitor TO exporter")));
  support::TemporaryDirectory wal{"wal"};
  const auto receiver =
      ChildProcess::Start({.command = {support::FindProgram("pg_receivewal"), "--directory",
                                       wal.path().string(), "--dbname", (*postgres)->Conninfo()}});
  ASSERT_TRUE(Good(receiver));
  const int port = support::FreePort();
  std::vector<std::string> command = ExporterFlags();
  ASSERT_GE(command.size(), 3U) << "the sidecar's flags have moved";
  command.insert(command.begin(), support::FindProgram("prometheus-postgres-exporter"));
  command.push_back(fmt::format("--web.listen-address=127.0.0.1:{}", port));
  const auto exporter = ChildProcess::Start(
      {.command = command,
       .environment = {{"DATA_SOURCE_URI",
                        fmt::format("127.0.0.1:{}/postgres?sslmode=disable", (*postgres)->port())},
                       {"DATA_SOURCE_USER", "exporter"},
                       {"DATA_SOURCE_PASS", "e"}}});
  ASSERT_TRUE(Good(exporter));
  const auto prometheus = support::PrometheusServer::Create(
      {.configuration = fmt::format(
           "global: {{scrape_interval: 1s}}\nscrape_configs:\n- job_name: pg\n  static_configs:\n  "
           "- targets: ['127.0.0.1:{}']\n",
           port)});
  ASSERT_TRUE(Good(prometheus));
  const SystemClock clock;
  const auto metrics = op::PrometheusHttp::Create((*prometheus)->url(), clock);
  ASSERT_TRUE(Good(metrics));
  std::size_t asked = 0;
  for (const fakes::ForeignMetric& metric : fakes::ForeignMetrics()) {
    if (!metric.from.starts_with("postgres-exporter") && metric.from != "Prometheus") continue;
    ++asked;
    EXPECT_TRUE(WaitFor(metric.name + " is there", std::chrono::seconds(30), [&] {
      const double now = std::chrono::duration<double>(clock.Wall().time_since_epoch()).count();
      const auto answer = (*metrics)->QueryRange({.expression = metric.name,
                                                  .start_seconds = now - 2,
                                                  .end_seconds = now,
                                                  .step = std::chrono::seconds(1)},
                                                 Deadline::After(clock, std::chrono::seconds(5)));
      if (!answer || answer->empty()) return Seen(false, (*exporter)->ErrorOutput());
      for (const std::string& label : metric.labels) {
        // What a target of ours would add.
        static const std::set<std::string> kOfTheTarget = {"namespace", "pod", "shardset",
                                                           "component", "shard"};
        if (!kOfTheTarget.contains(label) && !answer->front().labels.contains(label))
          return Seen(false, "no label " + label);
      }
      return Seen(true, "");
    }));
  }
  EXPECT_GE(asked, 6U);
}

// A statement that a person is to paste in the night runs as it stands.
TEST(Runbooks, StatementsRun) {
  auto postgres = support::PostgresServer::Create();
  ASSERT_TRUE(Good(postgres));
  // A shard, with the table of the pages' examples.
  ASSERT_TRUE(Good((*postgres)->Sql(migration::ShardSchemaSql())));
  ASSERT_TRUE(Good((*postgres)->Sql("CREATE TABLE public.orders (customer_id bigint)")));
  static const std::regex kInCommand(R"re(psql .* -c "(SELECT [^"]*)")re");
  static const std::regex kAlone(R"(    (SELECT .*;))");
  std::size_t statements = 0;
  for (const auto& page : std::filesystem::directory_iterator("docs/runbooks")) {
    std::istringstream lines(support::ReadFile(page.path()));
    for (std::string line; std::getline(lines, line);) {
      std::smatch parts;
      if (!std::regex_search(line, parts, kInCommand) && !std::regex_match(line, parts, kAlone))
        continue;
      EXPECT_TRUE(Good((*postgres)->Sql(parts[1].str()))) << page.path() << ": " << parts[1];
      ++statements;
    }
  }
  EXPECT_GE(statements, 8U);
}

TEST(ForeignMetrics, TheChartKeepsWhatWeUseOfKubelets) {
  const std::string chart = support::ReadFile("charts/foreshard/templates/prometheus.yaml");
  static const std::regex kKept(R"(regex: (\S+?),?( action: keep.*)?\n)");
  std::size_t asked = 0;
  for (const fakes::ForeignMetric& metric : fakes::ForeignMetrics()) {
    if (!metric.from.starts_with("kubelet")) continue;
    bool kept = false;
    for (std::sregex_iterator at(chart.begin(), chart.end(), kKept), end; at != end; ++at)
      kept = kept || std::regex_match(metric.name, std::regex((*at)[1].str()));
    EXPECT_TRUE(kept) << metric.name;
    ++asked;
  }
  EXPECT_EQ(asked, 4U);
}

}  // namespace
}  // namespace foreshard
