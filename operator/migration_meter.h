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
  // Objects that its clean-up has still to remove; the metric is the sum.
  void SetLeftovers(const kube::ObjectRef& migration, std::size_t objects);
  // It is gone, or somebody else leads: nothing of it is shown any more.
  void Forget(const kube::ObjectRef& migration);

 private:
  struct Known {
    Exporter::MigrationKey key;
    std::string phase;
    MonotonicTime since;
    MonotonicTime began;
  };

  void ShowLeftovers();

  Exporter& exporter_;
  const Clock& clock_;
  std::mutex mutex_;
  std::map<std::string, Known> known_;  // by uid
  std::map<kube::ObjectRef, std::size_t> leftovers_;
};

}  // namespace foreshard::op
