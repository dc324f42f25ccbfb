#pragma once

#include <string>
#include <vector>

#include "base/deadline.h"
#include "base/result.h"
#include "model/ids.h"
#include "model/key_space.h"

// HeatSource: which keys caused the load of each range, as all routers of a set saw it, merged.
//
// Bodies:  `HttpsHeatSource` (https_heat_source.h) and a fake in tests/fakes.
// View:    the routers that answered; a silent one only makes the sample smaller.
// Errors:  kRetry when no router answered.

namespace foreshard::op {

struct HeatKey {
  std::string key;    // canonical
  double weight = 0;  // backend time it stands for, seconds
};

struct RangeHeat {
  model::KeyRange range;
  model::ShardId shard;
  double backend_seconds = 0;
  std::vector<HeatKey> samples;   // weighted reservoir
  std::vector<HeatKey> hot_keys;  // heaviest keys of the range
};

class HeatSource {
 public:
  virtual ~HeatSource() = default;
  virtual Result<std::vector<RangeHeat>> ReadHeat(const std::string& name_space,
                                                  const std::string& shard_set,
                                                  const model::KeySpace& space,
                                                  Deadline deadline) = 0;
};

}  // namespace foreshard::op
