#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

// Every queue, buffer and wait of the router has an end; here they stand together. What a user may
// change is in config.h.

namespace foreshard::router {

inline constexpr std::size_t kClientMessageBytesMax =
    64 * 1024 * 1024;  // one message of a client (54000)
inline constexpr std::size_t kServerMessageBytesMax =
    1'024 * 1024 * 1024;                               // PostgreSQL's own limit
inline constexpr std::size_t kKeptBufferBytes = 1024;  // an idle connection keeps, each way
inline constexpr std::size_t kAuthMessageBytesMax = 10'000;
inline constexpr std::size_t kClientBacklogBytesMax =
    1024 * 1024;  // unread by a slow client: its servers wait
inline constexpr std::size_t kServerBacklogBytesMax =
    1024 * 1024;  // unread by a slow server: its client waits
inline constexpr std::size_t kBatchBytesMax = 1024 * 1024;  // kept for a retry of what did nothing
inline constexpr std::size_t kStatementsPerSessionMax =
    10'000;                                                    // named prepared statements (54000)
inline constexpr std::size_t kStatementsPerServerMax = 1'000;  // then the server starts with none
inline constexpr std::size_t kSettingsBytesMax = 64 * 1024;    // of SET, replayed on servers
inline constexpr std::size_t kScatterBytesMax = 64 * 1024 * 1024;  // kept to merge answers (53200)
inline constexpr std::size_t kMovedRowsMax = 10'000;  // by one UPDATE of their key (54000)
inline constexpr std::size_t kAccessLinesMax = 20;    // of an event loop in 20 ms; more are counted
inline constexpr std::size_t kShapeBytesMax = 1'000;  // of a statement in the access log
inline constexpr std::size_t kReleaseBufferBytes =
    4 * 1024;  // larger buffers are not kept by idle connections

inline constexpr std::chrono::milliseconds kStartupTimeout{60'000};
inline constexpr std::chrono::milliseconds kServerLoginTimeout{15'000};
inline constexpr std::chrono::milliseconds kForgetPause{300'000};  // between looks at old decisions
inline constexpr std::chrono::milliseconds kServerIdleTimeout{600'000};
// The first number of the lock that writers of moving keys hold (migration/shard_schema.sql).
inline constexpr int kGateLock = 1'179'862'868;
inline constexpr std::chrono::milliseconds kReconnectPauseMin{10};
inline constexpr std::chrono::milliseconds kReconnectPauseMax{500};
// Between two shards that both refuse, at first and after a while: a cutover takes milliseconds.
inline constexpr std::chrono::milliseconds kStaleOwnerFirstPause{1};
inline constexpr std::chrono::milliseconds kStaleOwnerPause{10};
inline constexpr std::chrono::milliseconds kLameDuck{2'000};  // still accepting, no longer ready
inline constexpr std::chrono::milliseconds kDrainTimeout{
    25'000};  // below a Kubernetes grace period of 30 s
inline constexpr std::chrono::milliseconds kReplicaLook{100};        // how far is each replayed?
inline constexpr std::chrono::milliseconds kReplicaSilence{1'000};   // then it gets no more reads
inline constexpr std::chrono::milliseconds kReplicaOut{1'000};       // after a failure
inline constexpr std::chrono::milliseconds kReplicaResolve{5'000};   // where are they?
inline constexpr std::chrono::milliseconds kReplicasWanted{60'000};  // looked at so long after use
inline constexpr const char* kSpanningLockTimeout = "10s";  // of a transaction on several shards
inline constexpr std::chrono::milliseconds kUserTimeout{
    5'000};  // a frozen server; twice that if it did not read before (tcp_patience.h)

}  // namespace foreshard::router
