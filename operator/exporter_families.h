#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "operator/exporter.h"

// The table of all metrics of the operator. Only exporter.cpp includes it, so that prometheus-cpp
// stays behind the door.

namespace foreshard::op {

class Exporter::Impl {
 public:
  template <typename Metric>
  using Family = prometheus::Family<Metric>;
  using Counter = prometheus::Counter;
  using Gauge = prometheus::Gauge;
  using Histogram = prometheus::Histogram;

  // What is asked at each scrape.
  struct Watched {
    std::string name;
    std::function<std::size_t()> depth;
    std::function<std::size_t()> active;
  };

  Family<Counter>& AddCounter(const char* name, const char* help) {
    return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
  }
  Family<Gauge>& AddGauge(const char* name, const char* help) {
    return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
  }
  Family<Histogram>& AddHistogram(const char* name, const char* help) {
    return prometheus::BuildHistogram().Name(name).Help(help).Register(registry);
  }

  prometheus::Registry registry;
  Family<Counter>& reconciles =
      AddCounter("controller_runtime_reconcile_total", "Passes, by controller and result.");
  Family<Counter>& errors =
      AddCounter("controller_runtime_reconcile_errors_total", "Passes that failed.");
  Family<Histogram>& times =
      AddHistogram("controller_runtime_reconcile_time_seconds", "Duration of a pass.");
  Family<Gauge>& active = AddGauge("controller_runtime_active_workers", "Workers in a pass.");
  Family<Gauge>& depth = AddGauge("workqueue_depth", "Names in the queue.");
  Family<Counter>& requests =
      AddCounter("rest_client_requests_total", "Requests to the API server; code 0: no answer.");
  Family<Gauge>& leader = AddGauge("leader_election_master_status", "1: this process leads.");
  Family<Gauge>& demand =
      AddGauge("foreshard_shard_demand", "Statements a second that clients ask of a shard.");
  Family<Gauge>& forecast = AddGauge(
      "foreshard_shard_forecast", "Forecast of the demand, by quantile and part of the horizon.");
  Family<Gauge>& headroom =
      AddGauge("foreshard_shard_headroom_percent", "Capacity minus the planned quantile of load.");
  Family<Gauge>& cpu = AddGauge("foreshard_shard_cpu_percent",
                                "CPU of the shard's primary in the newest bin, of its capacity.");
  Family<Gauge>& primary =
      AddGauge("foreshard_shard_primary", "1: the pod is the shard's primary.");
  Family<Gauge>& cpu_limit =
      AddGauge("foreshard_limit_cpu_percent",
               "spec.scaling.limitCpuPercent: above it a shard is in breach.");
  Family<Gauge>& fresh =
      AddGauge("foreshard_metrics_fresh", "1: Prometheus has samples of the newest bins.");
  Family<Gauge>& forecast_error = AddGauge(
      "foreshard_forecast_error", "Error of past forecasts divided by the better naive one's.");
  Family<Gauge>& coverage = AddGauge("foreshard_forecast_coverage",
                                     "Part of the past that lay inside its forecast interval.");
  Family<Gauge>& shard_error =
      AddGauge("foreshard_shard_forecast_error",
               "Error of past forecasts of a shard that part of the horizon ahead, divided by the "
               "better naive one's.");
  Family<Gauge>& shard_coverage =
      AddGauge("foreshard_shard_forecast_coverage",
               "Part of the past of a shard that lay inside its central 90 % that far ahead.");
  Family<Counter>& refits =
      AddCounter("foreshard_forecast_refits_total",
                 "Models of shards fitted again; refused: worse by over 5 % on the newest day.");
  Family<Counter>& drifts =
      AddCounter("foreshard_forecast_drift_alarms_total", "Shards whose load left its pattern.");
  Family<Gauge>& trusted =
      AddGauge("foreshard_forecast_trusted", "1: plans are made from the forecast.");
  Family<Counter>& plans = AddCounter("foreshard_plan_total", "Plans made, by decision.");
  Family<Histogram>& plan_seconds = AddHistogram("foreshard_plan_seconds", "Time to make a plan.");
  Family<Gauge>& phase =
      AddGauge("foreshard_migration_phase", "1: the migration is in this phase.");
  Family<Histogram>& phase_seconds =
      AddHistogram("foreshard_migration_seconds", "Time spent in a phase.");
  Family<Histogram>& estimate = AddHistogram("foreshard_migration_estimate_error_ratio",
                                             "Real duration divided by the estimate.");
  Family<Histogram>& hold =
      AddHistogram("foreshard_cutover_hold_seconds", "How long routers held a range.");
  Family<Histogram>& cutover_step =
      AddHistogram("foreshard_cutover_step_seconds",
                   "Where the time from HOLD to RELEASE went, by step of the cutover.");
  Family<Counter>& failures =
      AddCounter("foreshard_migration_failures_total", "Migrations that failed, by reason.");
  Family<Gauge>& leftovers =
      AddGauge("foreshard_leftover_objects",
               "Side objects that migrations in their clean-up have still to remove.");
  Family<Gauge>& stray_rows = AddGauge(
      "foreshard_stray_rows", "Rows on a shard that does not own them, when last looked for.");
  Family<Gauge>& references_differ =
      AddGauge("foreshard_reference_tables_differ",
               "Reference tables that were not the same on all shards when last compared.");
  Family<Gauge>& audit_pass = AddGauge("foreshard_audit_last_pass_timestamp_seconds",
                                       "When the newest complete audit began, since 1970.");
  Family<Gauge>& audit_interval =
      AddGauge("foreshard_audit_interval_seconds", "How often an audit is due; 0: never.");
  Family<Gauge>& backup_time = AddGauge("foreshard_backup_last_timestamp_seconds",
                                        "When the newest backup had ended, since 1970.");
  Family<Gauge>& backup_seconds =
      AddGauge("foreshard_backup_last_seconds", "How long it took, over all shards.");
  Family<Gauge>& backup_size = AddGauge("foreshard_backup_last_size_bytes", "Of the databases.");
  Family<Gauge>& backup_due =
      AddGauge("foreshard_backup_due_since_timestamp_seconds",
               "Since when a backup is due that has not ended, since 1970; 0: none is.");
  Family<Gauge>& backup_failures =
      AddGauge("foreshard_backup_failures", "Backups of single shards that failed.");
  Family<Gauge>& point_time = AddGauge("foreshard_backup_point_timestamp_seconds",
                                       "When the newest point was made, since 1970.");
  Family<Gauge>& point_interval =
      AddGauge("foreshard_backup_point_interval_seconds", "How often one is to be made.");
  Family<Gauge>& verified_time =
      AddGauge("foreshard_backup_verified_timestamp_seconds",
               "When the newest restore of all shards that found nothing wrong had ended, since 1970.");
  Family<Gauge>& verified_seconds =
      AddGauge("foreshard_backup_verification_last_seconds", "How long it took, over all shards.");
  Family<Gauge>& verification_due =
      AddGauge("foreshard_backup_verification_due_since_timestamp_seconds",
               "Since when backups are to be verified that are not, since 1970; 0: none is due.");
  Family<Gauge>& verification_failures =
      AddGauge("foreshard_backup_verification_failures", "Attempts to restore a shard that failed.");
  Family<Gauge>& verification_broken =
      AddGauge("foreshard_backup_verification_broken_shards",
               "Shards whose newest backup could not be restored when that was last tried.");
  Family<Gauge>& certificate_expiry =
      AddGauge("foreshard_certificate_expiry_timestamp_seconds",
               "When the certificate in a Secret of a set, or of the webhook (no set), expires, in "
               "seconds since 1970.");

  Family<Counter>& admissions =
      AddCounter("foreshard_admission_answers_total",
                 "Answers of the admission webhook; cut_off: connections without an answer, as "
                 "too many, too slow, or not TLS.");

  std::mutex mutex;
  std::vector<Watched> watched;
};

}  // namespace foreshard::op
