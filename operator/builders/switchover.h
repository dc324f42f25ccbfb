#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "operator/builders/names.h"

// How Patroni is asked to change its leader: by Endpoints of its own store, as its patronictl does.
// Nobody needs a way to its REST API for that. Patroni takes `leader` and `member` away again when
// it has done so, or refuses.

namespace foreshard::op {

// orders-s-4kq7-failover, orders-s-4kq7-sync
std::string SwitchoverName(const SetName& set, const model::ShardId& shard);
std::string SyncName(const SetName& set, const model::ShardId& shard);

struct Switchover {
  std::string leader;      // pod
  std::string leader_uid;  // its uid: its successor has the same name
  std::string successor;   // pod
  WallTime asked_at{};
};
Value BuildSwitchover(const SetName& set, const model::ShardId& shard, const Switchover& asked);

// Since when the pod with this uid has been asked; nothing: it has not been.
std::optional<WallTime> SwitchoverAskedAt(const Value& endpoints, const std::string& leader_uid);

// Pods that are in sync with `leader`, from what Patroni keeps about it.
std::vector<std::string> MembersInSync(const Value& endpoints, const std::string& leader);

}  // namespace foreshard::op
