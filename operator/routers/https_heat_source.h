#pragma once

#include <mutex>

#include "operator/routers/heat_source.h"
#include "operator/routers/kube_router_directory.h"

namespace foreshard::op {

// Heat over the routers' admin port. Threads: any; one call at a time.
class HttpsHeatSource final : public HeatSource {
 public:
  HttpsHeatSource(kube::KubeApi& kube, const Clock& clock, CaFiles& files)
      : routers_(kube, clock, files) {}

  Result<std::vector<RangeHeat>> ReadHeat(const std::string& name_space,
                                          const std::string& shard_set,
                                          const model::KeySpace& space, Deadline deadline) override;

 private:
  std::mutex mutex_;
  KubeRouterDirectory routers_;
};

}  // namespace foreshard::op
