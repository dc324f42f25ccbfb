#include "operator/exporter.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <map>
#include <mutex>
#include <vector>

#include "operator/exporter_labels.h"

namespace foreshard::op {
namespace {

using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;
using prometheus::Histogram;
using Labels = prometheus::Labels;

const char* ResultOf(const Result<Outcome>& result) {
  if (result) return result->look_again_after.count() > 0 ? kResults[1] : kResults[0];
  return result.error().kind == Error::Kind::kGiveUp ? kResults[3] : kResults[2];
}

struct Watched {
  std::string name;
  std::function<std::size_t()> depth;
  std::function<std::size_t()> active;
};

}  // namespace

class Exporter::Impl {
 public:
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

Exporter::Exporter() : impl_(std::make_unique<Impl>()) {
  impl_->leader.Add({{"name", "foreshard-operator"}}).Set(0);
  for (const char* method : kMethods) impl_->requests.Add({{"code", "200"}, {"method", method}});
  for (const char* decision : kDecisions) impl_->plans.Add({{"decision", decision}});
  for (const char* reason : kFailures) impl_->failures.Add({{"reason", reason}});
  for (const char* type : kTypes) {
    for (const char* phase : kPhases)
      impl_->phase_seconds.Add({{"type", type}, {"phase", phase}}, kPhaseBuckets);
  }
  impl_->plan_seconds.Add({}, kPlanBuckets);
  for (const char* result : {"accepted", "refused"}) impl_->refits.Add({{"result", result}});
  impl_->drifts.Add({});
  impl_->hold.Add({}, kHoldBuckets);
  for (const char* step : kCutoverSteps) impl_->cutover_step.Add({{"step", step}}, kHoldBuckets);
  impl_->estimate.Add({}, kRatioBuckets);
  impl_->leftovers.Add({}).Set(0);
  for (const char* answer : kAdmissions) impl_->admissions.Add({{"answer", answer}});
}

Exporter::~Exporter() = default;

void Exporter::AddController(const std::string& name, std::function<std::size_t()> depth,
                             std::function<std::size_t()> active) {
  for (const char* result : kResults)
    impl_->reconciles.Add({{"controller", name}, {"result", result}});
  impl_->errors.Add({{"controller", name}});
  impl_->times.Add({{"controller", name}}, kPassBuckets);
  const std::scoped_lock lock(impl_->mutex);
  impl_->watched.push_back({name, std::move(depth), std::move(active)});
}

void Exporter::OnPass(const PassReport& report) {
  const std::string& controller = report.controller;
  impl_->reconciles.Add({{"controller", controller}, {"result", ResultOf(*report.result)}})
      .Increment();
  if (!*report.result) impl_->errors.Add({{"controller", controller}}).Increment();
  impl_->times.Add({{"controller", controller}}, kPassBuckets)
      .Observe(std::chrono::duration<double>(report.took).count());
}

void Exporter::OnRequest(int code, std::string_view method) {
  impl_->requests.Add({{"code", std::to_string(code)}, {"method", std::string(method)}})
      .Increment();
}

void Exporter::SetLeader(bool leads) {
  impl_->leader.Add({{"name", "foreshard-operator"}}).Set(leads ? 1 : 0);
}

namespace {

Labels OfCertificate(const Exporter::CertificateKey& certificate) {
  return {{"namespace", certificate.name_space},
          {"shardset", certificate.set},
          {"secret", certificate.secret}};
}

Labels OfShard(const Exporter::ShardKey& shard) {
  return {{"namespace", shard.name_space}, {"shardset", shard.set}, {"shard", shard.shard}};
}

void Forget(Family<Gauge>& family, const Labels& labels) {
  if (family.Has(labels)) family.Remove(&family.Add(labels));
}

// What is not known is not shown.
void Show(Family<Gauge>& family, const Labels& labels, std::optional<double> value) {
  value ? family.Add(labels).Set(*value) : Forget(family, labels);
}

}  // namespace

void Exporter::SetDemand(const ShardKey& shard, double statements_per_second) {
  impl_->demand.Add(OfShard(shard)).Set(statements_per_second);
}

void Exporter::SetForecast(const ShardKey& shard, std::string_view quantile, std::string_view ahead,
                           double value) {
  Labels labels = OfShard(shard);
  labels.emplace("quantile", quantile);
  labels.emplace("ahead", ahead);
  impl_->forecast.Add(labels).Set(value);
}

void Exporter::SetForecastAccuracy(const ShardKey& shard, std::string_view ahead, double error,
                                   double coverage) {
  Labels labels = OfShard(shard);
  labels.emplace("ahead", ahead);
  impl_->shard_error.Add(labels).Set(error);
  impl_->shard_coverage.Add(labels).Set(coverage);
}

void Exporter::SetHeadroom(const ShardKey& shard, double percent) {
  impl_->headroom.Add(OfShard(shard)).Set(percent);
}

void Exporter::SetCpu(const ShardKey& shard, std::optional<double> percent) {
  Show(impl_->cpu, OfShard(shard), percent);
}

void Exporter::SetPrimary(const ShardKey& shard, const std::string& pod, bool is) {
  Labels labels = OfShard(shard);
  labels.emplace("pod", pod);
  Show(impl_->primary, labels, is ? std::optional(1.0) : std::nullopt);
}

void Exporter::ForgetShard(const ShardKey& shard) {
  Forget(impl_->cpu, OfShard(shard));
  Forget(impl_->demand, OfShard(shard));
  Forget(impl_->headroom, OfShard(shard));
  for (const char* ahead : {"0.25", "0.5", "1"}) {
    Labels labels = OfShard(shard);
    labels.emplace("ahead", ahead);
    Forget(impl_->shard_error, labels);
    Forget(impl_->shard_coverage, labels);
    for (const char* quantile : {"0.5", "0.95"}) {
      Labels of_quantile = labels;
      of_quantile.emplace("quantile", quantile);
      Forget(impl_->forecast, of_quantile);
    }
  }
}

void Exporter::SetForecastQuality(const std::string& name_space, const std::string& set,
                                  double error, double coverage, bool trusted) {
  const Labels labels = {{"namespace", name_space}, {"shardset", set}};
  impl_->forecast_error.Add(labels).Set(error);
  impl_->coverage.Add(labels).Set(coverage);
  impl_->trusted.Add(labels).Set(trusted ? 1 : 0);
}

void Exporter::OnForecastLearned(double accepted, double refused, double drift_alarms) {
  impl_->refits.Add({{"result", "accepted"}}).Increment(accepted);
  impl_->refits.Add({{"result", "refused"}}).Increment(refused);
  impl_->drifts.Add({}).Increment(drift_alarms);
}

void Exporter::SetLimits(const std::string& name_space, const std::string& set, bool metrics_fresh,
                         double cpu_limit_percent) {
  const Labels labels = {{"namespace", name_space}, {"shardset", set}};
  impl_->fresh.Add(labels).Set(metrics_fresh ? 1 : 0);
  impl_->cpu_limit.Add(labels).Set(cpu_limit_percent);
}

void Exporter::ForgetSet(const std::string& name_space, const std::string& set) {
  const Labels labels = {{"namespace", name_space}, {"shardset", set}};
  for (Family<Gauge>* family : {&impl_->forecast_error, &impl_->coverage, &impl_->trusted,
                                &impl_->fresh, &impl_->cpu_limit}) {
    Forget(*family, labels);
  }
}

void Exporter::OnPlan(std::string_view decision, double seconds) {
  impl_->plans.Add({{"decision", std::string(decision)}}).Increment();
  impl_->plan_seconds.Add({}, kPlanBuckets).Observe(seconds);
}

void Exporter::SetMigrationPhase(const MigrationKey& migration, std::string_view phase) {
  for (const char* known : kPhases) {
    const Labels labels = {{"namespace", migration.name_space},
                           {"shardset", migration.set},
                           {"migration", migration.name},
                           {"type", migration.type},
                           {"phase", known}};
    if (phase.empty()) {
      Forget(impl_->phase, labels);
    } else {
      impl_->phase.Add(labels).Set(phase == known ? 1 : 0);
    }
  }
}

void Exporter::OnMigrationPhaseOver(std::string_view type, std::string_view phase, double seconds) {
  impl_->phase_seconds
      .Add({{"type", std::string(type)}, {"phase", std::string(phase)}}, kPhaseBuckets)
      .Observe(seconds);
}

void Exporter::OnMigrationOver(const MigrationKey& migration, std::string_view failure_reason,
                               double estimate_ratio) {
  SetMigrationPhase(migration, "");
  if (!failure_reason.empty())
    impl_->failures.Add({{"reason", std::string(failure_reason)}}).Increment();
  if (estimate_ratio > 0) impl_->estimate.Add({}, kRatioBuckets).Observe(estimate_ratio);
}

void Exporter::OnCutoverStep(std::string_view step, double seconds) {
  impl_->cutover_step.Add({{"step", std::string(step)}}, kHoldBuckets).Observe(seconds);
}

void Exporter::OnHold(double seconds) { impl_->hold.Add({}, kHoldBuckets).Observe(seconds); }

void Exporter::SetLeftovers(double objects) { impl_->leftovers.Add({}).Set(objects); }

void Exporter::SetStrayRows(const ShardKey& shard, std::optional<double> rows) {
  Show(impl_->stray_rows, OfShard(shard), rows);
}

void Exporter::SetReferenceTablesDiffer(const std::string& name_space, const std::string& set,
                                        std::optional<double> tables) {
  Show(impl_->references_differ, {{"namespace", name_space}, {"shardset", set}}, tables);
}

void Exporter::SetAuditTimes(const std::string& name_space, const std::string& set,
                             std::optional<double> last_pass,
                             std::optional<double> interval_seconds) {
  const Labels labels = {{"namespace", name_space}, {"shardset", set}};
  Show(impl_->audit_pass, labels, last_pass);
  Show(impl_->audit_interval, labels, interval_seconds);
}

void Exporter::SetBackup(const std::string& name_space, const std::string& set,
                         const std::string& type, const BackupNumbers& numbers) {
  const Labels labels = {{"namespace", name_space}, {"shardset", set}, {"type", type}};
  Show(impl_->backup_time, labels, numbers.time);
  Show(impl_->backup_seconds, labels, numbers.seconds);
  Show(impl_->backup_size, labels, numbers.size_bytes);
}

void Exporter::SetBackupState(const std::string& name_space, const std::string& set,
                              const BackupState& state) {
  const Labels labels = {{"namespace", name_space}, {"shardset", set}};
  Show(impl_->backup_due, labels, state.due_since);
  Show(impl_->backup_failures, labels, state.failures);
  Show(impl_->point_time, labels, state.point_time);
  Show(impl_->point_interval, labels, state.point_interval);
}

void Exporter::OnAdmission(std::string_view answer) {
  impl_->admissions.Add({{"answer", std::string(answer)}}).Increment();
}

void Exporter::SetCertificateExpiry(const CertificateKey& certificate, double time) {
  impl_->certificate_expiry.Add(OfCertificate(certificate)).Set(time);
}

void Exporter::ForgetCertificate(const CertificateKey& certificate) {
  Forget(impl_->certificate_expiry, OfCertificate(certificate));
}

std::string Exporter::Text() {
  {
    const std::scoped_lock lock(impl_->mutex);
    for (const Watched& one : impl_->watched) {
      impl_->depth.Add({{"name", one.name}}).Set(static_cast<double>(one.depth()));
      impl_->active.Add({{"controller", one.name}}).Set(static_cast<double>(one.active()));
    }
  }
  return prometheus::TextSerializer().Serialize(impl_->registry.Collect());
}

}  // namespace foreshard::op
