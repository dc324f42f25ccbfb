#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>

#include "kube/kube_api.h"
#include "operator/controllers/scaling_controller.h"
#include "operator/exporter.h"

namespace foreshard::op {

// Turns what a pass of the scaling controller knew into metrics: demand, forecast and headroom of
// each shard. A shard or a set that is gone leaves no series behind.
//
// Threads: any.
class LoadMeter {
 public:
  explicit LoadMeter(Exporter& exporter) : exporter_(exporter) {}

  void Look(const ScalingReport& report);
  void Forget(const kube::ObjectRef& set);

 private:
  Exporter& exporter_;
  std::mutex mutex_;
  std::map<kube::ObjectRef, std::set<std::string>> shown_;  // shards
};

}  // namespace foreshard::op
