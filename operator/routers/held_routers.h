#pragma once

#include "backup/barrier_world.h"
#include "model/routing_table.h"
#include "operator/routers/router_control.h"

namespace foreshard::op {

// All routers of a set, held at once for a point: every range and every pin of the table. Holds are
// numbered below zero, so that none is taken for a migration's.
// Threads: one owner, as RouterControl.
class HeldRouters final : public backup::PointRouters {
 public:
  HeldRouters(RouterControl& control, model::RoutingTable table)
      : control_(control), table_(std::move(table)) {}

  Result<bool> Hold(backup::PointNumber number, Deadline deadline) override;
  Status Release(backup::PointNumber number, Deadline deadline) override;

 private:
  RouterControl& control_;
  model::RoutingTable table_;
  std::vector<std::string> held_;  // asked to
};

}  // namespace foreshard::op
