#include "operator/routers/https_heat_source.h"

#include "operator/routers/heat_json.h"

namespace foreshard::op {

Result<std::vector<RangeHeat>> HttpsHeatSource::ReadHeat(const std::string& name_space,
                                                         const std::string& shard_set,
                                                         const model::KeySpace& space,
                                                         Deadline deadline) {
  const std::lock_guard lock(mutex_);
  const Result<HttpsRouterControl*> control = routers_.OpenHttps(name_space, shard_set, deadline);
  if (!control) return control.error();
  std::vector<RangeHeat> heat;
  bool answered = false;
  Error last = Error::Retry("the set has no router");
  for (const std::string& router : (*control)->Routers()) {
    const Result<std::string> body = (*control)->Ask(router, "GET", "/v1/heat", "", deadline);
    if (!body) {
      last = body.error();
      continue;
    }
    Result<std::vector<RangeHeat>> part = ParseHeat(*body, space);
    if (!part) {
      last = part.error();
      continue;
    }
    answered = true;
    MergeHeat(heat, *std::move(part));
  }
  if (!answered) return last;
  return heat;
}

}  // namespace foreshard::op
