#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/ids.h"

// The question of `plan --what-if`, in words:
//
//   [traffic|load|demand] AMOUNT [DAY] [HOURS] [shard S[,S...]]
//
//   AMOUNT  x3, 3x, +50%, -20%, 50% more, 20% less, doubles, triples, halves
//   DAY     now, today, tomorrow, Friday (the next one), 2026-11-27
//   HOURS   from 09:00 to 12:00, 09:00-12:00, at 09:00 [for 2h]
//
// or: event NAME, the next occurrence of a LoadEvent of the set.
//
// Small words ("on", "of", "the") may stand anywhere; times are UTC. Without DAY and HOURS: from
// now on, as far as the forecast reaches. DAY alone: the whole day, or what is left of it.

namespace foreshard::plugin {

struct Question {
  double factor = 1;
  WallTime from{};
  WallTime to{};
  std::vector<model::ShardId> shards{};  // empty: all
  std::string event{};                   // of this LoadEvent; the rest is not known yet
};

inline constexpr std::chrono::hours kAheadMost{24 * 35};
inline constexpr std::chrono::hours kLengthMost{24 * 7};

// Errors: kGiveUp, reason BadQuestion: which words were not understood, and what could stand there.
Result<Question> ParseQuestion(const std::string& text, WallTime now,
                               std::chrono::milliseconds horizon);

}  // namespace foreshard::plugin
