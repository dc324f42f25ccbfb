#pragma once

#include "operator/controllers/backup_observe.h"
#include "operator/exporter.h"

namespace foreshard::op {

// Turns what is known of each set's backups into metrics. A set without a wish for any shows none.
//
// Threads: any.
class BackupMeter {
 public:
  explicit BackupMeter(Exporter& exporter) : exporter_(exporter) {}

  void Look(const BackupObservation& seen);
  // The set is gone.
  void Forget(const kube::ObjectRef& set);

 private:
  Exporter& exporter_;
};

}  // namespace foreshard::op
