#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "kube/kube_api.h"

namespace foreshard::op {

// Tells what a controller would look at from what merely ticks: Patroni renews annotations of pods
// and Endpoints every few seconds, and the API server counts versions. And remembers of which set
// an object was, since one that is gone says nothing.
//
// Threads: any.
class EventFilter {
 public:
  struct Verdict {
    bool changed = false;
    bool awaited = false;   // a ShardSet that somebody edited, and nobody has acted on since
    std::string shard_set;  // of its label; "" where it has none
    std::string migration;
  };

  // `object` without JSON: it is gone.
  Verdict Look(const kube::ResourceKind& kind, const kube::Object& object);

 private:
  struct Known {
    std::string digest;
    std::string shard_set;
    std::string migration;
  };

  std::mutex mutex_;
  std::map<std::pair<kube::ResourceKind, kube::ObjectRef>, Known> known_;
};

}  // namespace foreshard::op
