#pragma once

#include <map>
#include <mutex>
#include <set>

#include "operator/controllers/audit_observe.h"
#include "operator/exporter.h"

namespace foreshard::op {

// Turns what the newest complete pass through the shards of each set has found into metrics. A set
// that was not looked through yet shows zeros.
//
// Threads: any.
class AuditMeter {
 public:
  explicit AuditMeter(Exporter& exporter) : exporter_(exporter) {}

  void Look(const AuditObservation& seen);
  // The set is gone.
  void Forget(const kube::ObjectRef& set);

 private:
  Exporter& exporter_;
  std::mutex mutex_;
  std::map<kube::ObjectRef, std::set<model::ShardId>> shown_;
};

}  // namespace foreshard::op
