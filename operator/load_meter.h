#pragma once

#include <map>
#include <mutex>
#include <string>

#include "kube/kube_api.h"
#include "operator/controllers/scaling_controller.h"
#include "operator/exporter.h"

namespace foreshard::op {

// Turns what a pass of the scaling controller knew into metrics: demand, forecast, headroom, CPU
// and primary of each shard, quality and limits of the set. A shard or a set that is gone leaves no
// series behind.
//
// Threads: any.
class LoadMeter {
 public:
  explicit LoadMeter(Exporter& exporter) : exporter_(exporter) {}

  void Look(const ScalingReport& report);
  void Forget(const kube::ObjectRef& set);

 private:
  using Primaries = std::map<std::string, std::string>;  // pods by shard

  void ShowPrimaries(const model::ShardSet& set, const Primaries& before, Primaries& now);
  void ShowLearning(const kube::ObjectRef& set, const forecast::Counts& now);
  void ForgetLocked(const kube::ObjectRef& set);

  Exporter& exporter_;
  std::mutex mutex_;
  std::map<kube::ObjectRef, Primaries> shown_;
  std::map<kube::ObjectRef, forecast::Counts> counted_;
};

}  // namespace foreshard::op
