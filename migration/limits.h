#pragma once

#include <chrono>

// Every limit of the pure half. Source: design page "migration", sections 6 and 7.

namespace foreshard::migration {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""min;

// Phases.
inline constexpr std::chrono::seconds kPreflightLimit = 2min;
inline constexpr std::chrono::seconds kPreparingLimit = 10min;
inline constexpr std::chrono::seconds kReadyLimit =
    30min;  // then the digests are too old: Verifying again

// A cutover.
inline constexpr int kAttemptsMax = 10;
inline constexpr std::chrono::milliseconds kAttemptBudget = 1'500ms;  // from HOLD to open
inline constexpr std::chrono::milliseconds kHoldDeadline = 500ms;
inline constexpr std::chrono::milliseconds kHoldRenewal = 200ms;
inline constexpr std::chrono::milliseconds kHoldDrain = 100ms;
inline constexpr std::chrono::milliseconds kHoldAnswer = 150ms;  // drain plus a round trip
inline constexpr std::chrono::milliseconds kCloseRetries = 600ms;
inline constexpr std::chrono::milliseconds kSentinelLimit = 500ms;
inline constexpr std::chrono::milliseconds kTakeWait = 100ms;  // for the sentinel, at one asking
inline constexpr std::chrono::milliseconds kShardCall =
    350ms;  // one gate function: 300 ms of lock_timeout and a trip
inline constexpr std::chrono::milliseconds kPollPause = 1ms;
inline constexpr std::chrono::milliseconds kReleaseAnswer = 1'000ms;
// Before an attempt, so nobody waits for it: transactions through routers that do not answer get
// this long to end by themselves.
inline constexpr std::chrono::milliseconds kSilentTransaction = 5s;
// And to connect again, so that no statement waits for a login and then for the cutover: until none
// has come for a while, or this is over.
inline constexpr std::chrono::milliseconds kSilentRest = 150ms;
inline constexpr std::chrono::milliseconds kSilentLook = 25ms;
inline constexpr std::chrono::milliseconds kSilentReconnect = 1s;
inline constexpr std::chrono::milliseconds kFirstRetryPause = 5s;
inline constexpr std::chrono::milliseconds kLastRetryPause = 5min;

// Ready (6.4).
inline constexpr std::chrono::milliseconds kProbeLagMax = 50ms;
// After this long in Ready a single slow probe among many no longer keeps a cutover away (ADR
// 0015).
inline constexpr std::chrono::seconds kLagPatience = 30s;
inline constexpr std::chrono::milliseconds kHolderAgeMax = 200ms;
inline constexpr std::chrono::milliseconds kProgressAgeMax = 5s;
inline constexpr std::chrono::milliseconds kLeaseLeft = 5s;
inline constexpr int kProbes = 3;  // right before HOLD

// Soak: rollback needs the reverse stream closer than this.
inline constexpr std::chrono::milliseconds kRollbackLagMax = 1s;

}  // namespace foreshard::migration
