#pragma once

#include <chrono>
#include <cstdint>

// Limits of the mover's half. Those of the decisions: limits.h.

namespace foreshard::migration {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""min;
using std::chrono_literals::operator""h;

inline constexpr std::chrono::milliseconds kPollRows = 200ms;
inline constexpr std::chrono::milliseconds kPollRowsSwitching = 10ms;
inline constexpr std::chrono::milliseconds kRetryPause = 500ms;
inline constexpr std::chrono::milliseconds kReport = 500ms;  // between two writes of `progress`
inline constexpr std::chrono::milliseconds kProbeEvery = 100ms;
inline constexpr std::chrono::seconds kProbeWindow = 30s;  // of the 99th percentile
// Bytes that a server does not take. Linux counts a server that waits for a lock or a disk and does
// not read like one that is frozen (router/tcp_patience.h); the mover is in no hurry to know.
inline constexpr std::chrono::milliseconds kUserTimeout = 120s;
inline constexpr std::chrono::seconds kCall = 30s;  // one ordinary statement
inline constexpr std::chrono::seconds kSlotCreation =
    20s;  // waits for every open write transaction
inline constexpr std::chrono::hours kLongStatement =
    6h;  // an index, a digest, a chunk: ends with the phase's deadline
inline constexpr std::chrono::seconds kLagForCatchUp = 1s;
inline constexpr std::int64_t kDeletePages = 64;   // about 5,000 rows a batch
inline constexpr std::int64_t kPageBytes = 8'192;  // for the throttle, which need not be exact
inline constexpr std::int64_t kWarmPagesMax = 131'072;  // 1 GiB, however large the buffers are
inline constexpr int kApplyRestartsMax = 3;
inline constexpr int kVerifyPasses = 5;
// Rows that differ in the soak may be put right by a person: then the soak goes on.
inline constexpr std::chrono::seconds kMismatchLookAgain = 30s;
inline constexpr std::size_t kHotRowsMax = 100;
inline constexpr std::size_t kUnequalRowsMax = 100'000;
inline constexpr std::chrono::milliseconds kHotLock = 50ms;
inline constexpr std::chrono::milliseconds kTriggerLock = 50ms;
inline constexpr std::chrono::minutes kLongTransaction = 5min;
inline constexpr std::chrono::minutes kOldPrepared = 1min;

}  // namespace foreshard::migration
