#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "router/catalogue.h"
#include "router/compiled_table.h"
#include "router/key.h"
#include "router/normalize.h"
#include "router/statement.h"

// Where does it go? A pure function of the statement, its values and the routing table.
//
// Nothing is guessed: a write whose key is unknown or NULL is refused, a read that several shards
// cannot answer exactly is refused, and each refusal names the clause or the column.

namespace foreshard::router {

struct ParameterValue {
  bool is_null = false;
  bool binary = false;
  std::uint32_t type_oid = 0;  // as declared in Parse; 0: not declared
  std::string_view bytes;
};

struct SessionFacts {
  std::optional<std::string> shard_key;  // SET foreshard.shard_key; a hint in the text wins
  bool cross_shard_writes = true;        // foreshard.cross_shard_writes
};

struct RouteRequest {
  const Statement& statement;
  std::string_view text;  // this statement's own text, the one `literals` were lifted from
  const Normalized& normalized;
  std::span<const ParameterValue> parameters;
  const Catalogue& catalogue;
  const CompiledTable& table;
  const SessionFacts& facts;
};

enum class RouteKind {
  kOneShard,       // parts has one entry; the client's text as it is unless `text` is set
  kAnyShard,       // no sharded table: the shard in use, or any
  kSeveralShards,  // a read or a write: parts, one a shard; combine answers with `merge`, or add up
                   // command tags
  kAllShards,      // DDL, reference writes, maintenance: every shard, the client's text
  kCopyIn,  // split rows with a CopySplitter (statement.copy); a reference table: every row to
            // every shard
  kLocal,   // transaction control, SET, SHOW of ours, PREPARE …: the session knows what to do
  kRefused,
};

// What goes to one shard.
struct RoutePart {
  std::uint32_t shard = 0;  // index into the table's shards
  std::string text;         // empty: the client's text
  // When `text` renumbered its parameters: for each new $n the number of the client's. Empty:
  // unchanged.
  std::vector<std::uint32_t> parameters;
  bool renumbered = false;          // `parameters` are those that the text has, even if none
  std::vector<std::uint32_t> rows;  // multi-row INSERT: which rows of the client's VALUES, in order
};

struct RouteDecision {
  RouteKind kind = RouteKind::kRefused;
  Refusal refusal;
  std::vector<RoutePart> parts;
  bool two_phase =
      false;  // writes on more than one shard: PREPARE TRANSACTION, decision row, COMMIT PREPARED
  bool read_only = false;              // may go to a replica
  const MergeRecipe* merge = nullptr;  // into the statement; null: concatenate rows, add up tags
  std::optional<std::int64_t> limit;   // resolved; for the merger
  std::int64_t offset = 0;
  bool rows_in_order =
      false;  // RETURNING of a split INSERT: give rows back in the order of the client's VALUES
  bool moves_rows = false;  // statement.key_change over two shards: parts are source, destination;
                            // the last key is the new one

  // For hold checks and counters. `scatter`: touches every key.
  bool scatter = false;
  std::vector<Key> keys;
  std::vector<Owner> owners;  // of each key

  void Clear();  // keeps the buffers
};

// `out` is overwritten; its buffers are reused. Cost on the hot path (one key, one shard): no
// allocation for bigint keys.
void Route(const RouteRequest& request, RouteDecision& out);

// After the same statement was refused by a shard (FS001) or the table changed, route again:
// nothing is remembered here.

// The key of one value, as the router understands it. Errors: code 22004 for NULL, 22P02, 22003,
// 22023 (a type we cannot read, such as numeric in binary).
Result<Key> KeyOfParameter(const model::KeySpace& space, const ParameterValue& value);

// `text` with the edits applied (token numbers of this text). Edits must not overlap.
std::string ApplyEdits(std::string_view text, std::span<const TextEdit> edits);

}  // namespace foreshard::router
