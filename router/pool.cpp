#include "router/pool.h"

#include <algorithm>

#include "base/check.h"

namespace foreshard::router {

GroupId Pool::GroupFor(std::uint32_t shard, const std::string& user, const std::string& database) {
  const auto [place, made] =
      by_key_.try_emplace({shard, user, database}, static_cast<GroupId>(groups_.size()));
  if (made) {
    groups_.push_back({});
    groups_.back().key = {shard, user, database};
    if (open_.size() <= shard) open_.resize(shard + 1, 0);
  }
  return place->second;
}

bool Pool::MayConnect(State& group) {
  if (group.connecting >= group.waiting.size() || open_[group.key.shard] >= limit_) return false;
  Opened(group);
  return true;
}

void Pool::Opened(State& group) {
  ++group.connecting;
  ++group.open;
  ++open_[group.key.shard];
}

void Pool::Ended(State& group) {
  --group.open;
  --open_[group.key.shard];
}

std::size_t Pool::Warm(GroupId id, GroupId like) {
  const std::size_t wanted = groups_[like].open;
  State& group = groups_[id];
  std::size_t opened = 0;
  for (; group.open < wanted && open_[group.key.shard] < limit_; ++opened) Opened(group);
  return opened;
}

Pool::Answer Pool::Acquire(GroupId id, WaiterId waiter, MonotonicTime now) {
  State& group = groups_[id];
  Answer answer;
  if (!group.idle.empty()) {
    answer.use = group.idle.back().link;
    group.idle.pop_back();
    return answer;
  }
  group.waiting.push_back({waiter, now});
  if (group.connecting < group.waiting.size() && open_[group.key.shard] >= limit_) {
    // The shard is full: somebody else's idle connection, the one that rested longest, gives way.
    State* donor = nullptr;
    for (State& other : groups_) {
      if (other.key.shard != group.key.shard || other.idle.empty()) continue;
      if (donor == nullptr || other.idle.front().since < donor->idle.front().since) donor = &other;
    }
    if (donor != nullptr) {
      answer.close_first = donor->idle.front().link;
      donor->idle.erase(donor->idle.begin());
      Ended(*donor);
    }
  }
  answer.connect = MayConnect(group);
  return answer;
}

void Pool::StopWaiting(WaiterId waiter) {
  for (State& group : groups_) {
    std::erase_if(group.waiting,
                  [waiter](const Waiting& waiting) { return waiting.waiter == waiter; });
  }
}

std::optional<WaiterId> Pool::Free(GroupId id, ServerLink& link, MonotonicTime now) {
  State& group = groups_[id];
  if (!group.waiting.empty()) {
    const WaiterId waiter = group.waiting.front().waiter;
    group.waiting.pop_front();
    return waiter;
  }
  group.idle.push_back({&link, now});
  return std::nullopt;
}

void Pool::Connected(GroupId id) {
  CHECK(groups_[id].connecting > 0, "a connection nobody asked for");
  --groups_[id].connecting;
}

void Pool::ConnectFailed(GroupId id) {
  Connected(id);
  Ended(groups_[id]);
}

void Pool::Closed(GroupId id, ServerLink& link) {
  State& group = groups_[id];
  std::erase_if(group.idle, [&link](const Idle& idle) { return idle.link == &link; });
  Ended(group);
}

std::optional<GroupId> Pool::WantsConnection(std::uint32_t shard) {
  if (shard >= open_.size() || open_[shard] >= limit_) return std::nullopt;
  State* first = nullptr;
  for (State& group : groups_) {
    if (group.key.shard != shard || group.connecting >= group.waiting.size()) continue;
    if (first == nullptr || group.waiting.front().since < first->waiting.front().since)
      first = &group;
  }
  if (first == nullptr || !MayConnect(*first)) return std::nullopt;
  return static_cast<GroupId>(first - groups_.data());
}

std::vector<Pool::Expired> Pool::Expire(MonotonicTime queued_before) {
  std::vector<Expired> expired;
  for (GroupId id = 0; id < groups_.size(); ++id) {
    std::deque<Waiting>& waiting = groups_[id].waiting;
    while (!waiting.empty() && waiting.front().since <= queued_before) {
      expired.push_back({waiting.front().waiter, id});
      waiting.pop_front();
    }
  }
  return expired;
}

std::vector<WaiterId> Pool::TakeWaiters(GroupId id) {
  std::vector<WaiterId> waiters;
  for (const Waiting& waiting : groups_[id].waiting) waiters.push_back(waiting.waiter);
  groups_[id].waiting.clear();
  return waiters;
}

std::vector<std::pair<GroupId, ServerLink*>> Pool::TakeIdle(MonotonicTime idle_before) {
  std::vector<std::pair<GroupId, ServerLink*>> taken;
  for (GroupId id = 0; id < groups_.size(); ++id) {
    std::vector<Idle>& idle = groups_[id].idle;
    while (!idle.empty() && idle.front().since <= idle_before) {
      taken.emplace_back(id, idle.front().link);
      idle.erase(idle.begin());
      Ended(groups_[id]);
    }
  }
  return taken;
}

std::size_t Pool::open(std::uint32_t shard) const {
  return shard < open_.size() ? open_[shard] : 0;
}

std::size_t Pool::idle(std::uint32_t shard) const {
  std::size_t count = 0;
  for (const State& group : groups_) count += group.key.shard == shard ? group.idle.size() : 0;
  return count;
}

std::size_t Pool::waiting() const {
  std::size_t count = 0;
  for (const State& group : groups_) count += group.waiting.size();
  return count;
}

}  // namespace foreshard::router
