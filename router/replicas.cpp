#include "router/replicas.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "router/limits.h"

namespace foreshard::router {
namespace {

constexpr std::size_t kLooksMax = 128;
constexpr double kLatencyShare = 0.1;             // of the newest answer
constexpr double kLatencySecondsAtFirst = 0.001;  // so that one that is new is tried

struct Name {
  Consistency consistency;
  const char* folded;
  const char* shown;
};
constexpr std::array<Name, 4> kNames = {{
    {Consistency::kStrong, "strong", "strong"},
    {Consistency::kReadYourWrites, "readyourwrites", "read_your_writes"},
    {Consistency::kBounded, "bounded", "bounded"},
    {Consistency::kEventual, "eventual", "eventual"},
}};

}  // namespace

std::optional<Consistency> ParseConsistency(std::string_view text) {
  std::string folded;
  for (const char c : text) {
    if (c != '_' && c != '-' && c != ' ')
      folded += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  }
  for (const Name& name : kNames) {
    if (folded == name.folded) return name.consistency;
  }
  return std::nullopt;
}

const char* ToString(Consistency consistency) {
  for (const Name& name : kNames) {
    if (name.consistency == consistency) return name.shown;
  }
  Unreachable(consistency);
}

void Replicas::Add(Number member) { members_.try_emplace(member); }

void Replicas::Remove(Number member) { members_.erase(member); }

std::vector<Replicas::Number> Replicas::members() const {
  std::vector<Number> numbers;
  for (const auto& [number, member] : members_) numbers.push_back(number);
  return numbers;
}

void Replicas::OwnersChanged(MonotonicTime now) {
  owners_since_ = now;
  looks_.clear();
}

// A position before the one that was seen last is of another history: a new primary's.
void Replicas::PrimaryAt(MonotonicTime asked, std::uint64_t position) {
  if (asked <= owners_since_) return;
  if (!looks_.empty() && position < looks_.back().position) looks_.clear();
  looks_.push_back({.asked = asked, .position = position});
  if (looks_.size() > kLooksMax) looks_.pop_front();
}

void Replicas::MemberAt(Number member, MonotonicTime now, std::uint64_t position,
                        std::string_view zone) {
  const auto found = members_.find(member);
  if (found == members_.end()) return;
  found->second.position = position;
  found->second.zone = std::string(zone);
  found->second.heard = now;
}

void Replicas::Failed(Number member, MonotonicTime now) {
  const auto found = members_.find(member);
  if (found == members_.end()) return;
  found->second.heard.reset();
  found->second.out_until = now + kReplicaOut;
}

void Replicas::Answered(Number member, std::chrono::nanoseconds latency) {
  const auto found = members_.find(member);
  if (found == members_.end()) return;
  const double seconds = std::chrono::duration<double>(latency).count();
  double& mean = found->second.latency_seconds;
  mean = mean == 0 ? seconds : mean + kLatencyShare * (seconds - mean);
}

std::optional<MonotonicTime> Replicas::FreshAsOf(const Member& member) const {
  for (auto look = looks_.rbegin(); look != looks_.rend(); ++look) {
    if (look->position <= member.position) return look->asked;
  }
  return std::nullopt;
}

std::optional<MonotonicTime> Replicas::FreshAsOf(Number member) const {
  const auto found = members_.find(member);
  return found == members_.end() ? std::nullopt : FreshAsOf(found->second);
}

bool Replicas::Satisfies(const Member& member, const Choice& choice, MonotonicTime now) const {
  if (now < member.out_until || !member.heard || now - *member.heard > kReplicaSilence)
    return false;
  const std::optional<MonotonicTime> fresh = FreshAsOf(member);
  if (!fresh) return false;
  switch (choice.demand.consistency) {
    case Consistency::kStrong:
      return false;
    case Consistency::kReadYourWrites:
      return *fresh > choice.demand.last_write;
    case Consistency::kBounded:
      return now - *fresh <= choice.bound;
    case Consistency::kEventual:
      return true;
  }
  Unreachable(choice.demand.consistency);
}

std::optional<Replicas::Number> Replicas::Choose(const Choice& choice, MonotonicTime now) const {
  std::optional<Number> best;
  bool best_near = false;
  double best_cost = 0;
  for (const Load& load : choice.load) {
    const auto found = members_.find(load.number);
    if (found == members_.end() || !Satisfies(found->second, choice, now)) continue;
    const Member& member = found->second;
    const bool near = !choice.zone.empty() && member.zone == choice.zone;
    const double latency =
        member.latency_seconds == 0 ? kLatencySecondsAtFirst : member.latency_seconds;
    const double cost = (static_cast<double>(load.in_flight) + 1) * latency;
    if (best && (best_near > near || (best_near == near && best_cost <= cost))) continue;
    best = load.number;
    best_near = near;
    best_cost = cost;
  }
  return best;
}

}  // namespace foreshard::router
