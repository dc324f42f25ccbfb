#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "router/plan_cache.h"
#include "router/prepared.h"
#include "router/route.h"
#include "router/session_host.h"
#include "router/session_settings.h"

// What a session keeps of each thing that is under way. Plain values; session.h says what they mean
// together.

namespace foreshard::router {

// What shards promise each for itself does not hold for them together.
inline const Refusal kNotSerializable{
    .sqlstate = "0A000",
    .message = "a SERIALIZABLE transaction on several shards",
    .hint = "Use REPEATABLE READ, which holds on each shard, or keep to one sharding key."};

// A server that is told to end says 57P01 where it looks for interrupts, and it looks for none
// between a commit and what tells of it (PostgreSQL, ProcessInterrupts): CommandComplete of a Query
// or a COMMIT, ReadyForQuery of a Sync. Whoever hears this first knows that everything was rolled
// back. tests/integration/router/farewell_test.cpp holds PostgreSQL to it.
inline constexpr std::string_view kAdminShutdown = "57P01";

// A commit waits for replicas, and somebody cancels that: PostgreSQL has committed, and says so
// with a warning that no replica may have it. The routine is its name in every language.
bool IsUnreplicated(std::string_view notice);
inline constexpr std::string_view kUnreplicated = "its wait for a replica was cancelled";

inline Refusal RetryTransaction(std::string message) {
  return {.sqlstate = "40001", .message = std::move(message), .hint = "Retry the transaction."};
}

inline constexpr std::string_view kConsistencySetting = "foreshard.consistency";

// A reply that is awaited.
struct SessionExpect {
  enum class Kind : std::uint8_t {
    kParse,
    kBind,
    kDescribeStatement,
    kDescribePortal,
    kExecute,
    kClose,
    kSync,
    kQuery,
    kLocal
  };
  Kind kind = Kind::kQuery;
  bool swallow = false;
  std::uint32_t work = 0;      // kExecute, kQuery: index into works_
  std::uint64_t prepared = 0;  // kParse: its id
  std::uint32_t hidden = 0;    // kQuery: results of ours that come before the client's
  std::uint32_t shift = 0;     // kQuery: characters of ours before the client's text
  std::uint32_t begin = 0;     // kLocal: bytes of local_
  std::uint32_t end = 0;
};
// Every statement writes a few of them into memory that its session last touched a thousand
// sessions ago.
static_assert(sizeof(SessionExpect) == 32);

// A statement that was sent, until its end; objects are reused.
struct SessionWork {
  bool write = false;
  bool insert = false;
  bool failed = false;
  std::uint32_t shard = 0;
  const CompiledTable* table = nullptr;
  std::vector<Key> keys;
  std::vector<Owner> owners;
  MonotonicTime started;
  std::optional<MonotonicTime> ended;
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;
  std::unique_ptr<AccessSample> sample;     // nearly always null
  std::vector<SessionCommand> configs;      // what set_config() set, likewise
  std::shared_ptr<const Statement> effect;  // SET and the like: to be remembered once it succeeded
  std::string text;                         // of `effect`
};

struct SessionPortal {
  enum class Where { kNone, kServer, kLocal, kFanout };
  Where where = Where::kNone;
  ServerLink* link = nullptr;
  std::shared_ptr<PreparedStatement> statement;
  std::string bind;               // kLocal, kFanout: body of the Bind
  std::uint32_t work = 0;         // kServer
  std::uint32_t describe_on = 0;  // kFanout: a shard that it will run on
  bool ran = false;               // kFanout, with a row limit: `rows` from rows_given on are left
  std::string rows;
  std::size_t rows_given = 0;  // bytes
  std::string tag;             // what goes before the number of rows when they have ended
};

struct SessionSavepoint {
  std::string name;
  SessionSettings settings;
};

// A Parse that no server was told yet.
struct SessionPendingParse {
  std::shared_ptr<PreparedStatement> statement;
  std::string name;
  std::string frame;  // of the unnamed statement: as the client sent it
};

// Named in this cycle; a server may still refuse it.
struct SessionUnproven {
  std::string name;
  std::uint64_t id = 0;
  bool confirmed = false;
};

// A question of our own to a server, and what it said.
struct SessionAside {
  ServerLink* link = nullptr;
  bool is_settings = false;
  bool describes = false;
  std::string description;  // RowDescription, whole
  std::string table;
  std::string functions;  // names, joined
  std::vector<std::string> rows;
  std::optional<Refusal> failure;
};

}  // namespace foreshard::router
