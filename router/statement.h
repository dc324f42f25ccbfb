#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "router/catalogue.h"

// What one statement means, as far as routing cares. Made once by `classify`, kept in the plan
// cache, immutable.
//
// It never holds bytes of the text: places are numbers of tokens, values are numbers of literals or
// parameters. So it is right for every text with the same cache key.

namespace foreshard::router {

enum class StatementKind {
  kEmpty,
  kRead,  // SELECT, VALUES, TABLE
  kInsert,
  kUpdate,
  kDelete,
  kTruncate,     // all shards, two-phase
  kLockTable,    // all shards, in a transaction
  kCopyIn,       // COPY … FROM STDIN
  kCopyOut,      // COPY … TO STDOUT
  kDdl,          // all shards, two-phase unless no_transaction
  kMaintenance,  // VACUUM, ANALYZE, REINDEX, CLUSTER, REFRESH: all shards
  kBegin,
  kCommit,
  kRollback,
  kSavepoint,
  kReleaseSavepoint,
  kRollbackToSavepoint,
  kSet,  // SET, SET LOCAL, SET … TO DEFAULT, SET TRANSACTION, SET SESSION CHARACTERISTICS
  kSetConstraints,
  kReset,  // RESET name, RESET ALL
  kShow,
  kDiscard,
  kPrepare,  // SQL-level; `inner` is the statement
  kExecute,  // SQL-level; `arguments`
  kDeallocate,
  kDeclareCursor,  // `inner` is the query
  kFetch,          // also MOVE: goes where the transaction is
  kCloseCursor,
  kNotify,
  kUnlisten,  // nothing listens, so nothing to do: answered locally
  kExplain,   // `inner` is explained; one shard only
  kDo,        // DO, CALL: only with foreshard.shard_key
  kRefused,   // `refusal` says why
};

const char* ToString(StatementKind kind);
// Reads or writes rows, nothing else.
bool IsPlain(StatementKind kind);

// Also for errors found later: what the client is told.
struct Refusal {
  std::string sqlstate;
  std::string message;
  std::string hint;
  bool operator==(const Refusal&) const = default;
};

// Where a value comes from.
struct ValueSource {
  enum class From : std::uint8_t {
    kLiteral,         // literal number `index` of this statement's text
    kParameter,       // $index (from 1)
    kParameterArray,  // = ANY($index): each element
    kLiteralArray,    // = ANY('{…}')
    kConstant,        // `constant`: a literal that was not lifted
    kNull,            // NULL, written so
    kDefault,         // DEFAULT, or the column is not in an INSERT's list
    kUnknown,         // an expression whose value we cannot know
  };
  From from = From::kUnknown;
  std::uint32_t index = 0;
  bool negative = false;  // a minus sign stands before the literal
  std::string constant;
  bool operator==(const ValueSource&) const = default;
};

// The sharding column of one or more tables is one of these values.
using KeyList = std::vector<ValueSource>;

// A run of tokens [first, first + count).
struct TokenSpan {
  std::uint32_t first = 0;
  std::uint32_t count = 0;
  bool operator==(const TokenSpan&) const = default;
};

// Replaces the span (count 0: inserts before `first`) by before + the text of `copy` + after.
struct TextEdit {
  TokenSpan span;
  std::string before;
  std::optional<TokenSpan> copy = std::nullopt;
  std::string after = {};
  bool operator==(const TextEdit&) const = default;
};

struct SortKey {
  std::uint32_t column = 0;  // of the shard's row
  bool descending = false;
  bool nulls_first = false;
  bool collate_c = false;  // COLLATE "C" was written
  bool hidden = false;     // `column` counts the hidden ones: after a star nobody knows how many
                           // columns stand before them
  bool operator==(const SortKey&) const = default;
};

enum class Combine : std::uint8_t {
  kKeep,   // a plain column; in a grouped read part of the group
  kCount,  // add counts
  kSum,
  kMin,
  kMax,
  kAverage,  // shards send the sum here and the count in `partner`
  kAnd,
  kOr,
};

struct OutputColumn {
  Combine combine = Combine::kKeep;
  std::uint32_t partner = 0;  // kAverage: the hidden column with the count
  bool collate_c = false;     // kMin, kMax of text
  bool operator==(const OutputColumn&) const = default;
};

// How the answers of several shards become one. Columns of a shard's row: first what the client
// sees, then the hidden ones.
struct MergeRecipe {
  bool grouped =
      false;  // has aggregates or GROUP BY: rows with equal kKeep columns (and groups) combine
  bool distinct = false;
  std::vector<OutputColumn>
      columns;  // grouped: one for each shard column, hidden ones included. Else empty: all kKeep
  std::vector<SortKey> sort;
  // Where `key` stands in rows of that many columns.
  std::size_t PlaceOf(const SortKey& key, std::size_t columns_in_all) const {
    return key.hidden ? columns_in_all - hidden + key.column : key.column;
  }
  std::uint32_t hidden = 0;  // trailing columns the client never sees
  std::optional<ValueSource> limit;
  std::optional<ValueSource> offset;
  std::vector<TokenSpan>
      limits;  // LIMIT, OFFSET, FETCH as written: replaced by one LIMIT for the shards
  std::uint32_t limit_at = 0;   // the token before which that LIMIT goes
  std::vector<TextEdit> edits;  // what else makes the shards' text from the client's
  bool operator==(const MergeRecipe&) const = default;
};

// Where a sharded table's name stands in the text, so that a filter of ownership can be put around
// it while keys move.
struct TableSpot {
  TokenSpan name;  // with ONLY, if it was written
  bool only = false;
  std::string qualified;
  std::string column;
  std::string alias;  // to add when the text has none; else empty
  bool operator==(const TableSpot&) const = default;
};

// UPDATE and DELETE cannot read from a sub-select, so the filter is added to their WHERE.
struct WhereSpot {
  std::uint32_t insert_at = 0;  // token before which the condition goes; == tokens: at the end
  std::optional<TokenSpan> condition;  // what stands after WHERE, to be put into parentheses
  std::string target;                  // alias or name of the target, quoted
  std::string column;
  bool operator==(const WhereSpot&) const = default;
};

struct InsertRows {
  std::vector<TokenSpan> rows;  // each `( … )` of VALUES
  KeyList keys;                 // one a row
  bool skips_rows =
      false;  // ON CONFLICT DO NOTHING, or DO UPDATE with a WHERE: a row may give no answer
  bool operator==(const InsertRows&) const = default;
};

// UPDATE that sets the sharding column itself. On one shard it is an UPDATE like any other.
struct KeyChange {
  ValueSource value;
  std::string schema;  // of the table, as names in the catalogue
  std::string table;
  std::string column;
  bool alone = false;  // nothing else is set
  // If so: what makes it an UPDATE that changes nothing and tells where the rows are.
  std::vector<TextEdit> edits;
  bool operator==(const KeyChange&) const = default;
};

struct CopyShape {
  enum class Format : std::uint8_t { kText, kCsv, kBinary };
  std::string qualified;  // table; empty for COPY (query) TO
  TableClass table_class = TableClass::kUnknown;
  Format format = Format::kText;
  char delimiter = '\t';
  char quote = '"';
  char escape = '"';
  std::string null_text = "\\N";
  bool header = false;
  std::uint32_t key_column = 0;  // position of the sharding column in each row
  std::uint32_t columns = 0;     // 0: not known
  bool operator==(const CopyShape&) const = default;
};

struct SessionCommand {
  std::string
      name;  // setting, prepared statement, cursor, savepoint; lower case where SQL folds it
  std::string value;        // SET: the value as SHOW would print it, list items joined by ", "
  bool to_default = false;  // SET … TO DEFAULT
  bool local = false;       // SET LOCAL
  bool all = false;         // RESET ALL, DEALLOCATE ALL, DISCARD ALL, CLOSE ALL
  std::string target;  // DISCARD: ALL, PLANS, SEQUENCES, TEMP. BEGIN, SET TRANSACTION: "isolation
                       // level …, read only"
  bool with_hold = false;  // DECLARE … WITH HOLD
  bool chain = false;      // COMMIT AND CHAIN
  bool operator==(const SessionCommand&) const = default;
};

// A call of set_config() that will be run once.
struct SetConfig {
  std::string name;             // lower case
  std::string value;            // unless `parameter` says which parameter it is
  bool is_null = false;         // back to the default
  std::uint32_t parameter = 0;  // $n
  bool local = false;
  bool operator==(const SetConfig&) const = default;
};

struct Statement {
  StatementKind kind = StatementKind::kEmpty;
  Refusal refusal;           // kRefused
  Refusal unless_shard_key;  // refused unless foreshard.shard_key or a hint says where (sqlstate
                             // empty: no)
  Refusal not_on_several;    // refused if it comes to more than one shard (sqlstate empty: no)
  std::vector<std::string> tables;  // sharded and reference tables it names, qualified, each once
  bool reads_sharded = false;       // names a sharded table at all
  bool writes = false;              // INSERT, UPDATE, DELETE, TRUNCATE, also inside WITH
  bool writes_reference = false;    // the target is a reference table: all shards, two-phase
  bool locks_rows = false;          // FOR UPDATE, FOR SHARE
  bool locks_reference = false;     // of reference tables alone: all must meet on one shard
  bool returns_rows = false;        // SELECT, RETURNING, SHOW, EXPLAIN …
  bool no_transaction = false;      // CREATE INDEX CONCURRENTLY, VACUUM …: refuses BEGIN
  // Keys. Each sharded table's column is in one of the lists; `keys_complete` says that no table is
  // without one.
  std::vector<KeyList> keys;
  bool keys_complete = false;
  bool keys_lead = false;  // keys[0] says which shards to ask when several must be
  bool key_unknown =
      false;  // a write compares its key with something we cannot know: refused (22023)
  std::string key_column;  // for messages: "customers.id"
  // Rows of different tables meet only where keys are equal, so each shard can do its part alone.
  bool colocated = false;
  Refusal not_colocated;  // else: why several shards cannot answer; names the clause

  std::optional<MergeRecipe> merge;  // a read that several shards can answer exactly
  Refusal not_mergeable;             // else: why not

  std::optional<InsertRows> insert;
  std::optional<KeyChange> key_change;
  std::vector<TableSpot> table_spots;
  std::vector<WhereSpot> where_spots;

  std::optional<CopyShape> copy;
  SessionCommand session;
  std::vector<SetConfig> set_configs;      // what a SELECT sets
  std::vector<ValueSource> arguments;      // EXECUTE
  std::shared_ptr<const Statement> inner;  // PREPARE, DECLARE, EXPLAIN
  std::uint32_t inner_first = 0;           // token at which the inner statement begins

  // INSERT or COPY without a list of columns: the list as it was learned, so that a table which has
  // changed since gives an error and not a row in the wrong place.
  std::optional<TextEdit> names_columns;
  std::string needs_columns_of;  // learn this table's columns (kColumnsQuery) and classify again;
                                 // else `refusal`
  std::vector<std::string> functions;  // called, and not known to the catalogue: learn them, and
                                       // classify again
  bool runs_unseen = false;  // calls a function that may write: treated as a write of its shard
  bool on_primary = false;   // calls a function that means something on the primary only
  std::vector<std::uint32_t> types;      // PREPARE: OIDs of the parameters
  std::vector<std::uint32_t> looked_at;  // literals whose value decided something here

  bool operator==(const Statement&) const;  // compares `inner` deeply
};

}  // namespace foreshard::router
