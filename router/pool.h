#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "base/clock.h"
#include "router/server_link.h"

// Which server connection carries it? The pool of one event loop: pure bookkeeping of connections
// that others make and close.
//
// Connections of one user to one database of one shard form a group. Idle ones are given out last
// in, first out; who waits is served first come, first served. All groups of a shard share its
// limit: when it is reached, an idle connection of another group gives way.
//
// Threads: one owner.

namespace foreshard::router {

using GroupId = std::uint32_t;
using WaiterId = std::uint32_t;

class Pool {
 public:
  struct Group {
    std::uint32_t shard = 0;
    std::string user;
    std::string database;
  };
  struct Answer {
    ServerLink* use = nullptr;  // yours now
    bool connect = false;       // open a connection for the group
    ServerLink* close_first =
        nullptr;  // an idle one of another group: close it, it no longer counts
  };
  struct Expired {
    WaiterId waiter;
    GroupId group;
  };

  void SetLimit(std::size_t per_shard) { limit_ = per_shard; }
  GroupId GroupFor(std::uint32_t shard, const std::string& user, const std::string& database);
  const Group& group(GroupId id) const { return groups_[id].key; }
  std::size_t groups() const { return groups_.size(); }

  // A server, or a place in the queue (then Released() or Connected() names the waiter).
  Answer Acquire(GroupId id, WaiterId waiter, MonotonicTime now);
  void StopWaiting(WaiterId waiter);

  // Its clients will come here all at once: room for as many connections as `like` has, beyond
  // those that the group has already. Returns how many the caller is to open.
  std::size_t Warm(GroupId id, GroupId like);
  // A connection of the group is free: the waiter who gets it, or it is idle now.
  std::optional<WaiterId> Free(GroupId id, ServerLink& link, MonotonicTime now);
  // After Answer::connect: it is there (call Free() next), or it failed.
  void Connected(GroupId id);
  void ConnectFailed(GroupId id);
  // A connection, idle or in use, is no more.
  void Closed(GroupId id, ServerLink& link);
  // A group that waits while its shard has room: open a connection for it.
  std::optional<GroupId> WantsConnection(std::uint32_t shard);

  std::vector<Expired> Expire(MonotonicTime queued_before);
  std::vector<WaiterId> TakeWaiters(GroupId id);
  std::vector<std::pair<GroupId, ServerLink*>> TakeIdle(
      MonotonicTime idle_before);  // they no longer count

  std::size_t open(std::uint32_t shard) const;
  std::size_t idle(std::uint32_t shard) const;
  std::size_t waiting() const;

 private:
  struct Idle {
    ServerLink* link;
    MonotonicTime since;
  };
  struct Waiting {
    WaiterId waiter;
    MonotonicTime since;
  };
  struct State {
    Group key;
    std::vector<Idle> idle;
    std::deque<Waiting> waiting;
    std::size_t connecting = 0;
    std::size_t open = 0;  // connecting, idle or in use
  };

  bool MayConnect(State& group);
  void Opened(State& group);
  void Ended(State& group);

  std::size_t limit_ = 20;
  std::vector<State> groups_;
  std::map<std::tuple<std::uint32_t, std::string, std::string>, GroupId> by_key_;
  std::vector<std::size_t> open_;  // by shard
};

}  // namespace foreshard::router
