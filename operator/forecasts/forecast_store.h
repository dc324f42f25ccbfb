#pragma once

#include <map>
#include <set>
#include <string>

#include "kube/kube_api.h"
#include "operator/builders/names.h"
#include "operator/forecasts/load_book.h"
#include "operator/forecasts/saved_forecast.h"

// Keeps what is known of a set's load across restarts: one ConfigMap a shard and one for the
// network, all owned by the ShardSet, so that they go with it. A cache: nothing here fails a pass,
// what is damaged or of another version is discarded with a line in the log, and a foreign object
// of the same name is left alone.

namespace foreshard::op {

inline constexpr const char* kForecastLabel = "foreshard.dev/forecast-of";  // the set's name

class ForecastStore {
 public:
  // Once, before the first pass of a set. Cost: one list.
  SavedForecasts Read(kube::KubeApi& kube, const SetName& set, Deadline deadline);

  // Writes what was not written for an hour and has seen newer bins since, a few shards a pass; a
  // set without load is not written at all. Removes what shards that are gone have left.
  void Keep(kube::KubeApi& kube, const SetName& set, const LoadBook& book, model::BinIndex now,
            Deadline deadline);

 private:
  struct Kept {
    model::BinIndex tried_at = 0;  // also when it failed: once an hour is often enough
    model::BinIndex last = 0;      // newest bin of what was written; -1: nothing was
  };

  bool WriteOne(kube::KubeApi& kube, const SetName& set, const std::string& name,
                const std::string& json, Deadline deadline);
  void RemoveGone(kube::KubeApi& kube, const SetName& set, const LoadBook& book, Deadline deadline);

  std::map<std::string, Kept> kept_;  // by what it is of: a shard's id, or "network"
  std::set<std::string> ours_;        // names of objects that are there and carry our label
};

}  // namespace foreshard::op
