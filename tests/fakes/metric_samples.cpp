#include "tests/fakes/metric_samples.h"

#include <fmt/format.h>

#include <map>
#include <sstream>

#include "base/check.h"
#include "migration/exporter.h"
#include "operator/exporter.h"
#include "router/exporter.h"
#include "router/table_feed.h"

namespace foreshard::fakes {

namespace {

constexpr const char* kShards[] = {"s-4kq7", "s-9x2d"};

std::string OperatorText(int turn) {
  op::Exporter exporter;
  exporter.SetLeader(true);
  for (const char* controller :
       {"shardset", "scaling", "migration", "audit", "backup", "points", "webhook"}) {
    exporter.AddController(
        controller, [] { return 1U; }, [] { return 1U; });
  }
  const Result<op::Outcome> good = op::Outcome::Done();
  for (int i = 0; i <= turn; ++i) {
    exporter.OnPass({.controller = "shardset",
                     .key = {},
                     .took = std::chrono::milliseconds(3),
                     .result = &good});
    exporter.OnRequest(200, "GET");
    exporter.OnAdmission("allowed");
    exporter.OnPlan("NoChange", 0.02);
    exporter.OnHold(0.03);
    exporter.OnMigrationPhaseOver("Split", "Copying", 40);
    exporter.OnMigrationOver({"shop", "orders", "old", "Split"}, "", 1.1);
  }
  int number = 0;
  for (const char* shard : kShards) {
    const op::Exporter::ShardKey key{"shop", "orders", shard};
    exporter.SetDemand(key, 500 + 10 * turn + 100 * number);
    for (const char* quantile : {"0.5", "0.95"}) {
      for (const char* ahead : {"0.25", "0.5", "1"})
        exporter.SetForecast(key, quantile, ahead, 600);
    }
    for (const char* ahead : {"0.25", "0.5", "1"})
      exporter.SetForecastAccuracy(key, ahead, 0.6, 0.91);
    exporter.SetHeadroom(key, 40 - turn);
    exporter.SetCpu(key, 45 + turn);
    exporter.SetPrimary(key, fmt::format("orders-{}-0", shard), true);
    exporter.SetStrayRows(key, 0);
    ++number;
  }
  exporter.SetReferenceTablesDiffer("shop", "orders", 0);
  exporter.SetAuditTimes("shop", "orders", 1.7e9, 86'400);
  exporter.SetBackup("shop", "orders", "full", {.time = 1.7e9, .seconds = 60, .size_bytes = 1e9});
  exporter.SetBackupState(
      "shop", "orders",
      {.due_since = 0, .failures = 0, .point_time = 1.7e9, .point_interval = 300});
  exporter.SetVerificationState(
      "shop", "orders",
      {.due_since = 0, .time = 1.7e9, .seconds = 240, .failures = 1, .broken_shards = 0});
  exporter.SetForecastQuality("shop", "orders", 0.7, 0.9, true);
  exporter.SetLimits("shop", "orders", true, 80);
  exporter.SetMigrationPhase({"shop", "orders", "orders-split-4kq7", "Split"}, "Copying");
  exporter.SetLeftovers(0);
  exporter.SetCertificateExpiry({"shop", "orders", "orders-shard-tls"}, 4e9);
  return exporter.Text();
}

router::HeatCounters Heat(int turn) {
  const auto times = static_cast<std::uint64_t>(turn + 1);
  return {.statements = 1'000 * times,
          .rows = 900 * times,
          .bytes = 50'000 * times,
          .backend_nanos = 2'000'000'000 * times,
          .errors = times};
}

std::string RouterText(int turn) {
  router::TableFeed feed;
  model::RoutingTable table;
  table.epoch = {12};
  table.ranges = {{{"", "80"}, {kShards[0]}}, {{"80", ""}, {kShards[1]}}};
  for (const char* shard : kShards)
    table.shards.push_back({{shard}, std::string("orders-") + shard, ""});
  CHECK(feed.Offer(table, -1).ok(), "a sample table");
  router::RouterState state({.name = "orders-router-0"}, feed);
  state.TableChanged();
  router::WorkerStats stats;
  const auto times = static_cast<std::uint64_t>(turn + 1);
  for (const model::OwnedRange& owner : table.ranges) {
    router::WorkerStats::Shard shard;
    shard.id = owner.shard.value;
    shard.rows = 900 * times;
    shard.bytes = 50'000 * times;
    shard.open = 8;
    shard.idle = 5;
    for (int i = 0; i <= turn; ++i) shard.latency.Add(0.002);
    stats.shards.push_back(shard);
    stats.ranges.push_back({owner.range, owner.shard.value, Heat(turn), Heat(turn)});
  }
  stats.scatter_reads = Heat(turn);
  stats.scatter_writes = Heat(turn);
  stats.clients = 40;
  stats.waiting = 1;
  stats.plan_hits = 990 * times;
  stats.plan_misses = 10 * times;
  for (int i = 0; i <= turn; ++i) stats.parked_for.Add(0.02);
  stats.login_failures["28P01"] = times;
  return router::FormatMetrics({stats}, state);
}

std::string MoverText(int turn) {
  migration::Board board;
  board.Count([turn](migration::MoverCounters& counters) {
    counters.copied_rows = 10'000 * (turn + 1);
    counters.copied_bytes = 900'000 * (turn + 1);
    counters.keepers = 2;
    counters.probes = turn + 1;
    counters.buckets_equal = 64;
  });
  board.Change([](migration::Progress& progress) { progress.lag_millis = 7; });
  return migration::MetricsText(board);
}

struct Scrape {
  std::string program;
  std::string labels;  // of the target; what the program says wins
};

const std::vector<Scrape>& Scrapes() {
  static const std::vector<Scrape> kScrapes = {
      {"foreshard-operator", R"(job="operator",instance="10.0.0.2:8080")"},
      {"foreshard-router",
       R"(job="foreshard",instance="10.0.0.3:9187",namespace="shop",pod="orders-router-0",)"
       R"(shardset="orders",component="router")"},
      {"foreshard-mover", R"(job="foreshard",instance="10.0.0.4:9187",namespace="shop",)"
                          R"(pod="orders-split-4kq7-mover-x",)"
                          R"(shardset="orders",component="mover",migration="orders-split-4kq7")"},
  };
  return kScrapes;
}

// Adds the target's labels and a time to one line `name{labels} value`.
std::string At(const std::string& line, const std::string& labels, double seconds) {
  const std::size_t space = line.rfind(' ');
  std::string series = line.substr(0, space);
  if (series.back() == '}') {
    series.pop_back();
    series += "," + labels + "}";
  } else {
    series += "{" + labels + "}";
  }
  return fmt::format("{}{} {:.3f}\n", series, line.substr(space), seconds);
}

std::string ForeignAt(int turn, double seconds) {
  std::string text;
  for (const ForeignMetric& metric : ForeignMetrics()) {
    for (const char* shard : kShards) {
      std::string labels;
      for (const std::string& label : metric.labels) {
        const std::map<std::string, std::string> values = {
            {"namespace", "shop"},
            {"shardset", "orders"},
            {"shard", shard},
            {"component", "shard"},
            {"container", "postgres"},
            {"pod", fmt::format("orders-{}-0", shard)},
            {"persistentvolumeclaim", fmt::format("data-orders-{}-0", shard)},
            {"slot_name", "foreshard_7_s_9x2d"},
            {"application_name", fmt::format("orders-{}-1", shard)},
            {"datname", "app"},
            {"state", "active"},
            {"job", "foreshard"},
            {"instance", fmt::format("10.0.1.{}:9187", shard == kShards[0] ? 1 : 2)}};
        labels += fmt::format("{}{}=\"{}\"", labels.empty() ? "" : ",", label, values.at(label));
      }
      const int value = metric.name == "up" || metric.name == "pg_up" ? 1 : 10 + turn;
      text += fmt::format("{}{{{}}} {} {:.3f}\n", metric.name, labels, value, seconds);
    }
  }
  for (const Scrape& scrape : Scrapes())
    text += fmt::format("up{{{}}} 1 {:.3f}\n", scrape.labels, seconds);
  return text;
}

}  // namespace

std::vector<ProgramMetrics> SampleMetrics(int turn) {
  return {{"foreshard-operator", OperatorText(turn)},
          {"foreshard-router", RouterText(turn)},
          {"foreshard-mover", MoverText(turn)}};
}

const std::vector<ForeignMetric>& ForeignMetrics() {
  const std::vector<std::string> postgres = {"job",      "instance",  "namespace", "pod",
                                             "shardset", "component", "shard"};
  const auto with = [&postgres](std::vector<std::string> more) {
    more.insert(more.end(), postgres.begin(), postgres.end());
    return more;
  };
  static const std::vector<ForeignMetric> kForeign = {
      {"up", "Prometheus", "1: the target answered the last scrape.", postgres},
      {"pg_up", "postgres-exporter", "1: the exporter reaches its PostgreSQL.", postgres},
      {"pg_stat_replication_pg_wal_lsn_diff", "postgres-exporter",
       "Bytes that a receiver of WAL is behind, on the primary.", with({"application_name"})},
      {"pg_replication_slots_pg_wal_lsn_diff", "postgres-exporter",
       "Bytes of WAL that a slot holds back.", with({"slot_name"})},
      {"pg_database_size_bytes", "postgres-exporter", "Size of a database.", with({"datname"})},
      {"pg_stat_activity_count", "postgres-exporter", "Sessions by state.",
       with({"datname", "state"})},
      {"pg_stat_archiver_failed_count", "postgres-exporter",
       "Attempts to archive WAL that failed.", postgres},
      {"container_cpu_usage_seconds_total",
       "kubelet (cAdvisor)",
       "CPU seconds of a container.",
       {"namespace", "pod", "container"}},
      {"container_memory_working_set_bytes",
       "kubelet (cAdvisor)",
       "Memory of a container in use.",
       {"namespace", "pod", "container"}},
      {"kubelet_volume_stats_available_bytes",
       "kubelet",
       "Free bytes of a volume.",
       {"namespace", "persistentvolumeclaim"}},
      {"kubelet_volume_stats_capacity_bytes",
       "kubelet",
       "Size of a volume.",
       {"namespace", "persistentvolumeclaim"}},
  };
  return kForeign;
}

std::string ScrapedHistory(double end_seconds, int turns, double step_seconds) {
  std::string history;
  for (int turn = 0; turn < turns; ++turn) {
    const double seconds = end_seconds - step_seconds * (turns - 1 - turn);
    for (const ProgramMetrics& program : SampleMetrics(turn)) {
      std::string labels;
      for (const Scrape& scrape : Scrapes()) {
        if (scrape.program == program.program) labels = scrape.labels;
      }
      std::istringstream lines(program.text);
      for (std::string line; std::getline(lines, line);) {
        if (!line.empty() && line.front() != '#') history += At(line, labels, seconds);
      }
    }
    history += ForeignAt(turn, seconds);
  }
  return history + "# EOF\n";
}

}  // namespace foreshard::fakes
