#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "operator/work_queue.h"

namespace foreshard::op {

// The operator's metrics, in the names of docs and dashboards. Every label value that is known is
// there from the start, at zero. prometheus-cpp stays in the source file.
//
// Threads: any.
class Exporter {
 public:
  Exporter();
  ~Exporter();

  // Also makes the series of a controller, before its first pass.
  void AddController(const std::string& name, std::function<std::size_t()> depth,
                     std::function<std::size_t()> active);
  void OnPass(const PassReport& report);
  void OnRequest(int code, std::string_view method);
  void SetLeader(bool leads);

  // Of one shard: demand and its forecast. `ahead`: "0.25", "0.5", "1" of the horizon; `quantile`:
  // "0.5", "0.95".
  struct ShardKey {
    std::string name_space;
    std::string set;
    std::string shard;
  };
  void SetDemand(const ShardKey& shard, double statements_per_second);
  void SetForecast(const ShardKey& shard, std::string_view quantile, std::string_view ahead,
                   double value);
  // How good the forecasts that far ahead were lately: mean error against that of the better naive
  // one (last value, day before), and the share of outcomes inside the central 90 %.
  void SetForecastAccuracy(const ShardKey& shard, std::string_view ahead, double error,
                           double coverage);
  void SetHeadroom(const ShardKey& shard, double percent);
  // Not known: the series goes.
  void SetCpu(const ShardKey& shard, std::optional<double> percent);
  // `pod` is the shard's primary, or is not any more.
  void SetPrimary(const ShardKey& shard, const std::string& pod, bool is);
  void ForgetShard(const ShardKey& shard);
  void SetForecastQuality(const std::string& name_space, const std::string& set, double error,
                          double coverage, bool trusted);
  // What happened since the last call.
  void OnForecastLearned(double accepted, double refused, double drift_alarms);
  void SetLimits(const std::string& name_space, const std::string& set, bool metrics_fresh,
                 double cpu_limit_percent);
  // The series of the set itself; ForgetShard() takes those of its shards.
  void ForgetSet(const std::string& name_space, const std::string& set);
  void OnPlan(std::string_view decision, double seconds);

  struct MigrationKey {
    std::string name_space;
    std::string set;
    std::string name;
    std::string type;
  };
  void SetMigrationPhase(const MigrationKey& migration, std::string_view phase);
  void OnMigrationPhaseOver(std::string_view type, std::string_view phase, double seconds);
  void OnMigrationOver(const MigrationKey& migration, std::string_view failure_reason,
                       double estimate_ratio);
  // `step`: of CutoverReport::steps.
  void OnCutoverStep(std::string_view step, double seconds);
  void OnHold(double seconds);
  void SetLeftovers(double objects);

  // Rows of a shard that it does not own, when it was last looked through. Not known: the series
  // goes.
  void SetStrayRows(const ShardKey& shard, std::optional<double> rows);
  void SetReferenceTablesDiffer(const std::string& name_space, const std::string& set,
                                std::optional<double> tables);
  // When the newest complete pass began, in seconds since 1970, and how often one is due; 0: never.
  void SetAuditTimes(const std::string& name_space, const std::string& set,
                     std::optional<double> last_pass, std::optional<double> interval_seconds);

  // Of the newest base backup of a type; what is not known goes.
  struct BackupNumbers {
    std::optional<double> time;  // it had ended, in seconds since 1970
    std::optional<double> seconds;
    std::optional<double> size_bytes;
  };
  void SetBackup(const std::string& name_space, const std::string& set, const std::string& type,
                 const BackupNumbers& numbers);
  struct BackupState {
    std::optional<double> due_since;  // in seconds since 1970; 0: none is due
    std::optional<double> failures;
    std::optional<double> point_time;
    std::optional<double> point_interval;
  };
  void SetBackupState(const std::string& name_space, const std::string& set,
                      const BackupState& state);
  // Of restores that prove backups; what is not known goes.
  struct VerificationState {
    std::optional<double> due_since;  // in seconds since 1970; 0: none is due
    std::optional<double> time;       // the newest that found nothing wrong had ended
    std::optional<double> seconds;
    std::optional<double> failures;
    std::optional<double> broken_shards;
  };
  void SetVerificationState(const std::string& name_space, const std::string& set,
                            const VerificationState& state);

  // What the admission webhook answered: allowed, refused, unreadable, or cut_off.
  void OnAdmission(std::string_view answer);

  struct CertificateKey {
    std::string name_space;
    std::string set;
    std::string secret;
  };
  // Seconds since 1970. The set of the webhook's own certificate is "".
  void SetCertificateExpiry(const CertificateKey& certificate, double time);
  void ForgetCertificate(const CertificateKey& certificate);

  // The text exposition format.
  std::string Text();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace foreshard::op
