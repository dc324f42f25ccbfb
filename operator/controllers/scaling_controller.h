#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "kube/kube_api.h"
#include "operator/controllers/scaling_decide.h"
#include "operator/forecasts/background_learner.h"
#include "operator/forecasts/forecast_store.h"
#include "operator/metrics/metrics.h"
#include "operator/plans/problem_store.h"
#include "operator/reconciler.h"
#include "operator/records/move_record_store.h"
#include "operator/routers/heat_source.h"

namespace foreshard::op {

// What the exporter shows of one pass.
struct ScalingReport {
  const ScalingObservation* seen = nullptr;
  const ScalingDecision* decision = nullptr;
  const ScalingMemory* memory = nullptr;
  double plan_seconds = 0;
};

struct ScalingControllerOptions {
  kube::KubeApi& kube;
  HeatSource& heat;
  const Clock& clock;
  std::string default_prometheus_url;  // for sets that name none; "": such a set has no metrics
  // Makes the client of one URL; production passes PrometheusHttp::Create.
  std::function<Result<std::unique_ptr<Metrics>>(const std::string& url)> open_metrics;
  std::function<void(const ScalingReport&)> on_pass;
  std::function<void(const kube::ObjectRef&)> on_gone{};  // the set is deleted
  // Learns beside the passes; null: regressions are fitted within them, and there is no network.
  BackgroundLearner* learner = nullptr;
};

// metrics -> forecast -> plan -> ShardMigration, once a bin for each set.
//
// Threads: one worker a set at a time; different sets side by side.
class ScalingController final : public Reconciler {
 public:
  explicit ScalingController(ScalingControllerOptions options);
  ~ScalingController() override;

  Result<Outcome> Reconcile(const kube::ObjectRef& ref, Deadline deadline) override;

 private:
  struct Entry {
    std::string url;
    std::unique_ptr<Metrics> metrics;
    ScalingMemory memory;
    ForecastStore store;
    ProblemStore problems;
    MoveRecordReader moves;  // into memory.kept
    bool read = false;       // what was stored
  };

  std::shared_ptr<Entry> EntryOf(const kube::ObjectRef& ref);
  void OpenMetrics(Entry& entry, const model::ShardSet& set) const;
  void Recall(Entry& entry, const model::ShardSet& set, Deadline deadline) const;
  void Keep(Entry& entry, const ScalingObservation& seen, Deadline deadline) const;

  ScalingControllerOptions options_;
  std::mutex mutex_;
  std::map<kube::ObjectRef, std::shared_ptr<Entry>> entries_;
};

}  // namespace foreshard::op
