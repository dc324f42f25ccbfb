#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

// Which member of a shard may answer a read that need not come from the primary?
//
// All is told in one number, a member's *fresh as of* time T: whatever the shard had committed
// before T can be seen there. A look at the primary at T finds the log at some position; a member
// that is later seen to have replayed it is fresh as of T, whatever its own clock says.
//
//   Strong          the primary
//   ReadYourWrites  fresh as of a moment after the session's last write was acknowledged
//   Bounded         fresh as of now - bound, or later
//   Eventual        any
//
// Whatever is asked: a member that is not fresh as of the last change of owners is none. It may
// not yet have the rows that came to its shard.
//
// Of those left, the ones in our zone, and of these the one with the least (in flight + 1) x
// latency. One that fails, or is not heard of, is out for a while.
//
// View: one event loop's. Threads: one owner.

namespace foreshard::router {

enum class Consistency : std::uint8_t { kStrong, kReadYourWrites, kBounded, kEventual };

// "ReadYourWrites", "read_your_writes", "read-your-writes": capitals and separators do not matter.
std::optional<Consistency> ParseConsistency(std::string_view text);
const char* ToString(Consistency consistency);  // as SHOW prints it: "read_your_writes"

struct ReadDemand {
  Consistency consistency = Consistency::kStrong;
  MonotonicTime last_write{};  // when the session last heard that a write of its own was done
};

class Replicas {
 public:
  using Number = std::uint32_t;
  struct Load {
    Number number = 0;
    std::size_t in_flight = 0;
  };

  void Add(Number member);
  void Remove(Number member);
  std::vector<Number> members() const;
  bool empty() const { return members_.empty(); }

  // Until the primary was looked at after this, nobody is fresh.
  void OwnersChanged(MonotonicTime now);
  // What a look that began at `asked` found.
  void PrimaryAt(MonotonicTime asked, std::uint64_t position);
  void MemberAt(Number member, MonotonicTime now, std::uint64_t position, std::string_view zone);
  void Failed(Number member, MonotonicTime now);
  void Answered(Number member, std::chrono::nanoseconds latency);

  // Nothing: the primary. `load` has an entry for each member.
  struct Choice {
    const ReadDemand& demand;
    std::chrono::milliseconds bound;
    std::string_view zone;  // ours; empty: not known
    const std::vector<Load>& load;
  };
  std::optional<Number> Choose(const Choice& choice, MonotonicTime now) const;
  std::optional<MonotonicTime> FreshAsOf(Number member) const;

 private:
  struct Look {
    MonotonicTime asked;
    std::uint64_t position;
  };
  struct Member {
    std::uint64_t position = 0;
    std::string zone;
    std::optional<MonotonicTime> heard;
    MonotonicTime out_until{};
    double latency_seconds = 0;
  };
  bool Satisfies(const Member& member, const Choice& choice, MonotonicTime now) const;
  std::optional<MonotonicTime> FreshAsOf(const Member& member) const;

  std::map<Number, Member> members_;
  std::deque<Look> looks_;  // at the primary, oldest first
  MonotonicTime owners_since_{};
};

}  // namespace foreshard::router
