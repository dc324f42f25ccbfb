#pragma once

#include <chrono>
#include <cstddef>

// Every limit of a barrier. Source: docs/adr/0041.

namespace foreshard::backup {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""min;

// Clients wait from HOLD to RELEASE, as in a cutover; a router ends the hold by itself after this.
inline constexpr std::chrono::milliseconds kHoldDeadline = 250ms;
inline constexpr std::chrono::milliseconds kHoldDrain = 100ms;
inline constexpr std::chrono::milliseconds kHoldAnswer = 150ms;  // drain plus a round trip
// But a statement of an open transaction that has touched nothing yet goes on after this long
// (HoldLimits of router/hold.h): the hold keeps the order no longer than that.
inline constexpr std::chrono::milliseconds kTransactionPark = 200ms;
// A point counts only if all its parts were answered this long before that: the routers' clocks may
// run a little faster than ours.
inline constexpr std::chrono::milliseconds kHoldMargin = 30ms;

inline constexpr std::chrono::milliseconds kConnect = 5s;  // before anybody waits
inline constexpr std::chrono::milliseconds kLockTimeout = 100ms;
inline constexpr std::chrono::milliseconds kShardCall = 150ms;  // lock_timeout and a round trip
// The lock ends with its session. Where nobody tells the server that the session is over (the
// machine of the operator vanished), the server ends it after so long without a statement.
inline constexpr std::chrono::milliseconds kLockIdleMax = 1s;
inline constexpr std::chrono::milliseconds kReleaseAnswer = 1s;

inline constexpr std::chrono::milliseconds kStateRead = 5s;
inline constexpr std::chrono::milliseconds kSwitchCall = 5s;
inline constexpr std::chrono::milliseconds kArchiveLimit = 5min;  // from the last point
inline constexpr std::chrono::milliseconds kArchiveLook = 200ms;
inline constexpr std::chrono::milliseconds kKeepLimit = 1min;  // from the last segment archived

inline constexpr std::size_t kCallsAtOnce = 16;  // shards asked side by side

}  // namespace foreshard::backup
