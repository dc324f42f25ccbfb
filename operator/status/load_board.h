#pragma once

#include <map>
#include <mutex>

#include "kube/kube_api.h"
#include "operator/controllers/scaling_controller.h"
#include "operator/status/page_state.h"

namespace foreshard::op {

// Load and forecast of all shards as the last pass of each set knew them, for the page. A set that
// is gone, or whose pass made no plan, has none.
//
// Threads: any.
class LoadBoard {
 public:
  void Look(const ScalingReport& report);
  void Forget(const kube::ObjectRef& set);
  std::map<model::ShardId, ShardPicture> Of(const kube::ObjectRef& set) const;

 private:
  mutable std::mutex mutex_;
  std::map<kube::ObjectRef, std::map<model::ShardId, ShardPicture>> pictures_;
};

}  // namespace foreshard::op
