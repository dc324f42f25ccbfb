#pragma once

#include <map>
#include <mutex>
#include <string>

#include "base/clock.h"
#include "kube/kube_api.h"
#include "model/migration.h"
#include "operator/exporter.h"

namespace foreshard::op {

// Turns what is seen of migrations into metrics: where they stand, how long each phase took, how
// they ended.
//
// Threads: any.
class MigrationMeter {
 public:
  MigrationMeter(Exporter& exporter, const Clock& clock) : exporter_(exporter), clock_(clock) {}

  void Look(const model::ShardMigration& migration);

 private:
  struct Known {
    std::string phase;
    MonotonicTime since;
    MonotonicTime began;
  };

  Exporter& exporter_;
  const Clock& clock_;
  std::mutex mutex_;
  std::map<std::string, Known> known_;  // by uid
};

}  // namespace foreshard::op
