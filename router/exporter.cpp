#include "router/exporter.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <map>

namespace foreshard::router {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<std::pair<std::string, std::string>>;

class Families {
 public:
  void Counter(const std::string& name, const std::string& help, const Labels& labels,
               double value) {
    ClientMetric metric = Labelled(labels);
    metric.counter.value = value;
    Family(name, help, MetricType::Counter).metric.push_back(std::move(metric));
  }
  void Gauge(const std::string& name, const std::string& help, const Labels& labels, double value) {
    ClientMetric metric = Labelled(labels);
    metric.gauge.value = value;
    Family(name, help, MetricType::Gauge).metric.push_back(std::move(metric));
  }
  void Latency(const std::string& name, const std::string& help, const Labels& labels,
               const Latencies& latencies) {
    ClientMetric metric = Labelled(labels);
    std::uint64_t count = 0;
    for (std::size_t i = 0; i < latencies.counts.size(); ++i) {
      count += latencies.counts[i];
      const double bound =
          i < kLatencyBounds.size() ? kLatencyBounds[i] : std::numeric_limits<double>::infinity();
      metric.histogram.bucket.push_back({count, bound});
    }
    metric.histogram.sample_count = count;
    metric.histogram.sample_sum = latencies.seconds;
    Family(name, help, MetricType::Histogram).metric.push_back(std::move(metric));
  }
  std::vector<MetricFamily> Take() {
    std::vector<MetricFamily> all;
    for (auto& [name, family] : families_) all.push_back(std::move(family));
    return all;
  }

 private:
  static ClientMetric Labelled(const Labels& labels) {
    ClientMetric metric;
    for (const auto& [name, value] : labels) metric.label.push_back({name, value});
    return metric;
  }
  MetricFamily& Family(const std::string& name, const std::string& help, MetricType type) {
    MetricFamily& family = families_[name];
    family.name = name;
    family.help = help;
    family.type = type;
    return family;
  }
  std::map<std::string, MetricFamily> families_;
};

void Add(WorkerStats::Shard* into, const WorkerStats::Shard& from) {
  for (int write = 0; write < 2; ++write) {
    for (int error = 0; error < 2; ++error)
      into->statements[write][error] += from.statements[write][error];
  }
  into->rows += from.rows;
  into->bytes += from.bytes;
  into->latency.Add(from.latency);
  into->open += from.open;
  into->idle += from.idle;
  into->replica_statements += from.replica_statements;
}

void ExportShards(const std::map<std::string, WorkerStats::Shard>& shards, Families* out) {
  for (const auto& [id, shard] : shards) {
    out->Counter("foreshard_router_bytes_total", "Bytes of rows from shards.",
                 {{"shard", id}, {"direction", "out"}}, static_cast<double>(shard.bytes));
    out->Gauge("foreshard_router_server_connections", "Connections to shards.",
               {{"shard", id}, {"state", "idle"}}, static_cast<double>(shard.idle));
    out->Gauge("foreshard_router_server_connections", "Connections to shards.",
               {{"shard", id}, {"state", "used"}},
               static_cast<double>(shard.open - std::min(shard.open, shard.idle)));
    out->Counter("foreshard_router_replica_statements_total", "Statements that replicas answered.",
                 {{"shard", id}}, static_cast<double>(shard.replica_statements));
    out->Latency("foreshard_router_latency_seconds", "Time from sending a statement to its end.",
                 {{"shard", id}}, shard.latency);
  }
}

struct RangeSum {
  HeatCounters reads;
  HeatCounters writes;
};

void ExportRange(const std::string& shard, const std::string& range, const RangeSum& sum,
                 Families* out) {
  const auto kind = [&](const char* name, const HeatCounters& counters, const char* direction) {
    const double failed = static_cast<double>(counters.errors);
    out->Counter("foreshard_router_statements_total",
                 "Statements by shard, range, kind and result.",
                 {{"shard", shard}, {"range", range}, {"kind", name}, {"result", "ok"}},
                 static_cast<double>(counters.statements) - failed);
    out->Counter("foreshard_router_statements_total",
                 "Statements by shard, range, kind and result.",
                 {{"shard", shard}, {"range", range}, {"kind", name}, {"result", "error"}}, failed);
    out->Counter("foreshard_router_backend_seconds_total", "Time that shards worked.",
                 {{"shard", shard}, {"range", range}, {"kind", name}},
                 static_cast<double>(counters.backend_nanos) / 1e9);
    out->Counter("foreshard_router_rows_total", "Rows read from and written to shards.",
                 {{"shard", shard}, {"range", range}, {"direction", direction}},
                 static_cast<double>(counters.rows));
  };
  kind("read", sum.reads, "out");
  kind("write", sum.writes, "in");
}

void ExportTotals(const std::vector<WorkerStats>& workers, const RouterState& state,
                  Families* out) {
  WorkerStats sum;
  for (const WorkerStats& worker : workers) {
    sum.clients += worker.clients;
    sum.waiting += worker.waiting;
    sum.parked += worker.parked;
    sum.holds_expired = std::max(sum.holds_expired, worker.holds_expired);
    sum.parked_for.Add(worker.parked_for);
    sum.plan_hits += worker.plan_hits;
    sum.plan_misses += worker.plan_misses;
    sum.query_waits_expired += worker.query_waits_expired;
    sum.access_lines += worker.access_lines;
    sum.access_lines_dropped += worker.access_lines_dropped;
    for (const auto& [code, count] : worker.login_failures) sum.login_failures[code] += count;
  }
  out->Gauge("foreshard_router_client_connections", "Connections of clients.", {},
             static_cast<double>(sum.clients));
  out->Gauge("foreshard_router_waiting_clients", "Clients that wait for a server connection.", {},
             static_cast<double>(sum.waiting));
  out->Gauge("foreshard_parked_statements", "Statements that wait for a range that is being moved.",
             {}, static_cast<double>(sum.parked));
  out->Latency("foreshard_park_seconds", "How long statements were parked.", {}, sum.parked_for);
  out->Counter("foreshard_hold_expired_total", "Holds that ended without a release.", {},
               static_cast<double>(sum.holds_expired));
  out->Counter("foreshard_stale_owner_total",
               "Refusals of a shard that no longer owns the range (FS001).", {},
               static_cast<double>(state.stale_owner_total.load()));
  out->Counter("foreshard_stale_owner_given_up_total",
               "Such refusals that a client saw as an error.", {},
               static_cast<double>(state.stale_owner_given_up_total.load()));
  out->Counter("foreshard_lease_lapsed_total", "Leases that ended without renewal.", {},
               static_cast<double>(state.lease_lapsed_total.load()));
  out->Gauge("foreshard_router_in_doubt_transactions",
             "Two-phase transactions whose end is not known yet.", {},
             static_cast<double>(state.in_doubt.load()));
  out->Counter("foreshard_router_plan_cache_total", "Look-ups of statements.", {{"result", "hit"}},
               static_cast<double>(sum.plan_hits));
  out->Counter("foreshard_router_plan_cache_total", "Look-ups of statements.", {{"result", "miss"}},
               static_cast<double>(sum.plan_misses));
  out->Counter("foreshard_router_query_waits_expired_total",
               "Statements that waited too long for a server connection.", {},
               static_cast<double>(sum.query_waits_expired));
  const std::string access = "Statements taken for the access log.";
  out->Counter("foreshard_router_access_log_total", access, {{"result", "written"}},
               static_cast<double>(sum.access_lines));
  out->Counter("foreshard_router_access_log_total", access, {{"result", "dropped"}},
               static_cast<double>(sum.access_lines_dropped));
  out->Counter("foreshard_router_login_failures_total", "Refused logins by SQLSTATE.",
               {{"code", "28P01"}}, static_cast<double>(sum.login_failures["28P01"]));
  sum.login_failures.erase("28P01");
  for (const auto& [code, count] : sum.login_failures) {
    out->Counter("foreshard_router_login_failures_total", "Refused logins by SQLSTATE.",
                 {{"code", code}}, static_cast<double>(count));
  }
  const RouterState::View view = state.Current();
  out->Gauge("foreshard_router_table_epoch", "Epoch of the routing table in use.", {},
             view.table ? static_cast<double>(view.table->epoch().value) : 0.0);
}

}  // namespace

std::string FormatMetrics(const std::vector<WorkerStats>& workers, const RouterState& state) {
  Families out;
  std::map<std::string, WorkerStats::Shard> shards;
  std::map<std::pair<std::string, std::string>, RangeSum> ranges;
  RangeSum scatter;
  for (const WorkerStats& worker : workers) {
    for (const WorkerStats::Shard& shard : worker.shards) Add(&shards[shard.id], shard);
    for (const WorkerStats::Range& range : worker.ranges) {
      RangeSum& sum = ranges[{range.shard, model::ToString(range.range)}];
      sum.reads.Add(range.reads);
      sum.writes.Add(range.writes);
    }
    scatter.reads.Add(worker.scatter_reads);
    scatter.writes.Add(worker.scatter_writes);
  }
  ExportShards(shards, &out);
  for (const auto& [key, sum] : ranges) ExportRange(key.first, key.second, sum, &out);
  ExportRange("all", "scatter", scatter, &out);
  ExportTotals(workers, state, &out);
  return prometheus::TextSerializer().Serialize(out.Take());
}

}  // namespace foreshard::router
