#pragma once

#include <chrono>
#include <cstddef>

// Every limit of the operator's loops, by name.

namespace foreshard::op {

inline constexpr std::chrono::milliseconds kBackoffFirst{100};
inline constexpr std::chrono::milliseconds kBackoffLongest{60'000};
inline constexpr std::chrono::milliseconds kReobservePause{50};
inline constexpr double kReconcilesPerSecond =
    50.0;  // of all keys together, once the burst is used up
inline constexpr double kReconcileBurst = 200.0;
inline constexpr std::chrono::seconds kReconcileTimeLimit{60};
inline constexpr std::size_t kWorkers = 4;
inline constexpr std::size_t kRollingSetsMax = 20;  // unless the operator is told otherwise
// Until everybody trusts a list of authorities that was written into Secrets: kubelets look once in
// one or two minutes, what runs in pods follows within a minute.
inline constexpr std::chrono::milliseconds kAuthoritySettles{600'000};
inline constexpr std::size_t kQueueKeysMax = 100'000;

}  // namespace foreshard::op
