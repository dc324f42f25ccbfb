#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "router/statement.h"

// How answers of several shards become one: rows go in message by message, rows come out as soon as
// they are certain.
//
// Exact or refused (0A000 with the clause): text is ordered only under COLLATE "C" (written, or the
// database's), sums and averages are integer and numeric arithmetic as PostgreSQL's, floating-point
// sums are refused, and so is DISTINCT or GROUP BY over a type whose equality is not that of its
// text.
//
// Threads: one owner. Memory: what is queued, groups and distinct rows, bounded by bytes_max (54000
// beyond).
//
//   Merger merger(recipe, {.shards = 2, .limit = decision.limit, .offset = decision.offset});
//   for each message of shard i:  'T' -> RowDescription(i, body)   'D' -> DataRow(i, body)   'C' ->
//   Done(i, tag) after each batch:             merger.Take(out) appends whole messages ('T' once,
//   then 'D's) when merger.finished():       send CommandTag(); a shard that is not done yet may be
//   cancelled or drained

namespace foreshard::router {

struct MergeOptions {
  std::size_t shards = 0;
  std::optional<std::int64_t> limit;
  std::int64_t offset = 0;
  bool text_orders_as_bytes = false;  // kCollationQuery said yes on every shard
  std::size_t bytes_max = std::size_t{64} << 20;
  // What the shards were asked for in Bind: none (as RowDescription says), one for all, or one a
  // shard column.
  std::vector<std::int16_t> formats = {};
  bool send_row_description = true;  // simple queries; false where Describe answered already
};

// One boolean: text of this database compares as bytes wherever no COLLATE is written.
inline constexpr std::string_view kCollationQuery =
    "SELECT d.datlocprovider = 'c' AND d.datcollate IN ('C', 'POSIX', 'C.UTF-8', 'C.utf8') AND NOT "
    "EXISTS (SELECT FROM "
    "pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid WHERE "
    "c.relnamespace NOT IN "
    "(11, 99, 'information_schema'::pg_catalog.regnamespace) AND a.attnum > 0 AND a.attcollation "
    "NOT IN (0, 100, 950, 951)) "
    "FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()";

class Merger {
 public:
  // `recipe` may be null: rows are concatenated as they come.
  Merger(const MergeRecipe* recipe, MergeOptions options);
  ~Merger();
  Merger(Merger&&) noexcept;
  Merger& operator=(Merger&&) noexcept;

  // Bodies without type byte and length. Errors: kGiveUp with a SQLSTATE in `code`; the merge is
  // over then.
  Status RowDescription(std::size_t shard, std::string_view body);
  Status DataRow(std::size_t shard, std::string_view body);
  Status Done(std::size_t shard, std::string_view command_tag);

  // Appends what is certain: complete backend messages. Errors as above.
  Status Take(std::string& out);

  bool finished() const;           // all rows the client will see were taken
  std::string CommandTag() const;  // "SELECT 42"; of writes: the sum of the shards' tags
  std::uint64_t rows() const;
  std::size_t queued_bytes() const;  // back-pressure: stop reading from shards above a limit
  bool wants(
      std::size_t shard) const;  // false: this shard's rows only queue up; read another one first

  // RowDescription for the client (hidden columns removed, types of combined columns as
  // PostgreSQL's), for Describe.
  static Result<std::string> ClientRowDescription(const MergeRecipe* recipe, std::string_view body);

 private:
  class Body;
  std::unique_ptr<Body> body_;
};

// Result formats for a shard's Bind: the client's, and text for the hidden columns.
std::vector<std::int16_t> ShardFormats(const MergeRecipe* recipe,
                                       std::vector<std::int16_t> client_formats);

// "INSERT 0 2" + "INSERT 0 3" = "INSERT 0 5"; "UPDATE 1" + "UPDATE 0" = "UPDATE 1"; tags without a
// count: the first.
std::string AddCommandTags(const std::vector<std::string>& tags);

// Rows of a split INSERT … RETURNING back in the order of the client's VALUES. Rows of shard i come
// in the order of rows[i].
class RowInterleaver {
 public:
  explicit RowInterleaver(std::vector<std::vector<std::uint32_t>> rows);
  void DataRow(std::size_t shard, std::string_view body);
  void Take(std::string& out);      // appends 'D' messages whose turn has come
  void TakeRest(std::string& out);  // at the end: what is left if a shard gave fewer rows

 private:
  std::vector<std::vector<std::uint32_t>> rows_;
  std::vector<std::size_t> seen_;
  std::vector<std::optional<std::string>> waiting_;  // by row
  std::size_t next_ = 0;
};

}  // namespace foreshard::router
