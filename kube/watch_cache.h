#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "kube/kube_api.h"

// A local copy of the objects of one kind, kept by list and watch.
//
//   list ---> watch ---> the stream ends ---> watch from the last version seen
//    ^                   410, too old  ---+
//    +-- list again <---------------------+
//
// An event says where to look, never what happened: `note` gets the name, and whoever is noted
// reads the cache or the API. A list that follows a 410 notes everything that differs, also what
// disappeared meanwhile.
//
// View:    this process; the copy may be behind. What is decided on it must be proved by a write
// with a resource version. Threads: Step() and Run() from one; the rest from any. `note` is called
// on Step's thread, without a lock.

namespace foreshard::kube {

struct WatchCacheOptions {
  ResourceKind kind;
  std::string name_space = {};  // "": all
  std::string label_selector = {};
  std::string field_selector = {};
  std::string index_label = {};  // WithLabel() finds objects by its value; "": no index
  std::chrono::seconds watch_timeout{300};
  std::chrono::milliseconds list_timeout{30'000};
  // Pause after a failure, doubled for each further one; and the least time between the beginnings
  // of two streams.
  std::chrono::milliseconds pause_min{200};
  std::chrono::milliseconds pause_max{30'000};
};

class WatchCache {
 public:
  using Note = std::function<void(const ObjectRef&)>;

  WatchCache(KubeApi& api, const Clock& clock, WatchCacheOptions options, Note note);

  // Lists if it must, then watches until the stream ends, breaks or `stop` is requested. Returns
  // how long to pause before the next Step: never 0 after a stream that broke or ended at once, so
  // that nobody spins.
  std::chrono::milliseconds Step(std::stop_token stop);

  // Steps and pauses until `stop`.
  void Run(std::stop_token stop);

  // Whether there was a complete list; before that an absent object means nothing.
  bool Synced() const;

  // Copies.
  std::optional<Object> Get(const ObjectRef& ref) const;
  std::vector<Object> All() const;
  // Those whose index label has this value. Cost: theirs, however many others there are. REQUIRES:
  // an index label.
  std::vector<Object> WithLabel(const std::string& value) const;
  std::size_t size() const;

  // How many lists were needed since the start; for a metric.
  std::int64_t lists() const;

 private:
  bool ListAll();
  void Put(const Object& object);
  void Erase(const ObjectRef& ref);
  void Unindex(const Object& object);
  bool OnEvent(const WatchEvent& event);
  std::chrono::milliseconds PauseAfterFailure();

  KubeApi& api_;
  const Clock& clock_;
  const WatchCacheOptions options_;
  const Note note_;

  // Only Step's thread.
  std::string version_;  // "": list first
  int failures_ = 0;

  mutable std::mutex mutex_;
  std::map<ObjectRef, Object> objects_;
  std::map<std::string, std::set<ObjectRef>> by_label_;  // value of the index label -> who has it
  bool synced_ = false;
  std::int64_t lists_ = 0;
};

}  // namespace foreshard::kube
