#pragma once

#include <stop_token>
#include <string>

#include "base/clock.h"
#include "base/random.h"
#include "kube/kube_api.h"
#include "model/key_space.h"
#include "router/table_feed.h"

// Feeds the router's table from its RoutingTable object: list, then watch, for ever. While the API
// server is gone the last table stays and this tries again.
//
// Owner: main(), one thread that calls Run().

namespace foreshard::router {

class KubeTableFeed {
 public:
  struct Options {
    std::string name_space;
    std::string name;  // of the ShardSet and of its RoutingTable
    model::KeySpace key_space;
    std::chrono::milliseconds retry_first{200};
    std::chrono::milliseconds retry_max{5'000};
  };

  KubeTableFeed(kube::KubeApi& api, TableFeed& feed, const Clock& clock, Options options);

  // One get and one watch, until the watch ends, breaks or `stop` is requested. Good: ask again at
  // once.
  Status Step(std::stop_token stop);

  // Step() with pauses after errors, until `stop`. The pause ends at once when stopped.
  void Run(std::stop_token stop, Random& random);

 private:
  void Offer(const kube::Object& object);

  kube::KubeApi& api_;
  TableFeed& feed_;
  const Clock& clock_;
  Options options_;
};

}  // namespace foreshard::router
