#include "operator/exporter.h"

#include <prometheus/text_serializer.h>

#include "operator/exporter_families.h"
#include "operator/exporter_labels.h"

namespace foreshard::op {
namespace {

using prometheus::Family;
using prometheus::Gauge;
using Labels = prometheus::Labels;

const char* ResultOf(const Result<Outcome>& result) {
  if (result) return result->look_again_after.count() > 0 ? kResults[1] : kResults[0];
  return result.error().kind == Error::Kind::kGiveUp ? kResults[3] : kResults[2];
}

}  // namespace

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

void Exporter::SetVerificationState(const std::string& name_space, const std::string& set,
                                    const VerificationState& state) {
  const Labels labels = {{"namespace", name_space}, {"shardset", set}};
  Show(impl_->verification_due, labels, state.due_since);
  Show(impl_->verified_time, labels, state.time);
  Show(impl_->verified_seconds, labels, state.seconds);
  Show(impl_->verification_failures, labels, state.failures);
  Show(impl_->verification_broken, labels, state.broken_shards);
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
    for (const Impl::Watched& one : impl_->watched) {
      impl_->depth.Add({{"name", one.name}}).Set(static_cast<double>(one.depth()));
      impl_->active.Add({{"controller", one.name}}).Set(static_cast<double>(one.active()));
    }
  }
  return prometheus::TextSerializer().Serialize(impl_->registry.Collect());
}

}  // namespace foreshard::op
