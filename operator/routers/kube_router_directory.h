#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/clock.h"
#include "kube/kube_api.h"
#include "operator/routers/https_router_control.h"
#include "operator/shards/ca_files.h"

namespace foreshard::op {

//
// The routers of each set: its pods, reached with the set's operator certificate. Threads: one
// owner.
class KubeRouterDirectory final : public RouterDirectory {
 public:
  KubeRouterDirectory(kube::KubeApi& kube, const Clock& clock, CaFiles& files)
      : kube_(kube), clock_(clock), files_(files) {}

  Result<RouterControl*> Open(const std::string& name_space, const std::string& shard_set,
                              Deadline deadline) override;
  // The same with its whole interface, for heat.
  Result<HttpsRouterControl*> OpenHttps(const std::string& name_space, const std::string& shard_set,
                                        Deadline deadline);

 private:
  struct Entry {
    std::string certificate;  // a changed one means a new context
    std::unique_ptr<HttpsRouterControl> control;
  };

  kube::KubeApi& kube_;
  const Clock& clock_;
  CaFiles& files_;
  std::map<kube::ObjectRef, Entry> entries_;
};

}  // namespace foreshard::op
