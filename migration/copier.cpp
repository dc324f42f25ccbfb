#include "migration/copier.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <set>
#include <thread>

#include "base/log.h"
#include "migration/copy_rate.h"
#include "migration/crash_points.h"
#include "migration/mover_steps.h"
#include "migration/shard_objects.h"

namespace foreshard::migration {

namespace {

constexpr std::size_t kCopyBuffer = 256 * 1024;

// What the workers share. The queue only shrinks; the first error ends all.
struct Copying {
  Copying(const Work& the_work, const Turn& the_turn, std::string the_snapshot)
      : work(the_work), turn(the_turn), snapshot(std::move(the_snapshot)) {}

  const Work& work;
  const Turn& turn;
  std::string snapshot;
  std::vector<TableInfo> tables;
  std::vector<std::int64_t> filenodes;
  std::vector<TableSize> sizes;  // in the snapshot, or later

  std::mutex mutex;
  CopyRate rate;
  std::vector<Chunk> queue;  // the next one is the last
  std::optional<Error> error;

  std::optional<Chunk> Take() {
    const std::lock_guard lock(mutex);
    if (error || queue.empty() || work.stop.stop_requested()) return std::nullopt;
    const Chunk chunk = queue.back();
    queue.pop_back();
    return chunk;
  }
  void Fail(const Error& why) {
    const std::lock_guard lock(mutex);
    if (!error) error = why;
  }
  // After the rows of a chunk were counted, and once before the first.
  void Measure() {
    const std::lock_guard lock(mutex);
    work.board.Change([&](Progress& progress) {
      rate.Saw(work.clock.Monotonic(), progress.copied_rows);
      progress.copy_rows_per_second = static_cast<std::int64_t>(rate.RowsPerSecond());
      progress.copy_seconds_left = rate.SecondsLeft(progress.total_rows);
    });
  }
};

// What the chunks that are left will read.
std::int64_t BytesOf(const Copying& copying) {
  std::int64_t bytes = 0;
  for (const Chunk& chunk : copying.queue) {
    const TableSize& size = copying.sizes[chunk.table];
    bytes += std::max<std::int64_t>(0, std::min(chunk.end_page, size.pages) - chunk.first_page) *
             size.page_bytes;
  }
  return bytes;
}

Result<pg::Transaction> BeginInSnapshot(pg::Connection& source, const Work& work,
                                        const std::string& snapshot) {
  Result<pg::Transaction> transaction = pg::Transaction::Begin(
      source, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", work.In(kCall));
  if (!transaction) return transaction;
  const Result<pg::Rows> taken =
      source.Exec("SET TRANSACTION SNAPSHOT " + pg::QuoteLiteral(snapshot), work.In(kCall));
  if (taken) return transaction;
  const std::string& code = taken.error().code;
  if (code == "22023" || code == "42704" || code == "55000")
    return Error::Reobserve("the snapshot is gone", "SnapshotGone");
  return taken.error();
}

// VACUUM FULL and CLUSTER renumber pages; the lock keeps them out for the rest of the transaction.
Result<std::int64_t> LockAndReadFilenode(pg::Connection& source, const Work& work,
                                         const TableInfo& table) {
  const Result<pg::Rows> locked = source.Exec(
      fmt::format("LOCK TABLE {} IN ACCESS SHARE MODE", QuoteTable(table.name)), work.In(kCall));
  if (!locked) return locked.error();
  const Result<pg::Rows> node =
      source.Exec("SELECT pg_relation_filenode($1::text::regclass)::bigint",
                  {QuoteTable(table.name)}, work.In(kCall));
  if (!node) return node.error();
  return node->Int(0, 0);
}

struct Moved {
  std::int64_t rows = 0;
  std::int64_t bytes = 0;
};

// One slice of a chunk. `paced`: its pages have been taken from the bucket already; else each
// buffer is.
Status StreamSlice(pg::Connection& source, pg::CopyIn& in, const Work& work, const std::string& sql,
                   bool paced, Moved& moved) {
  Result<pg::CopyOut> out =
      source.StartCopyOut(fmt::format("COPY ({}) TO STDOUT", sql), work.In(kCall));
  if (!out) return out.error();
  std::string buffer;
  while (true) {
    const Result<bool> more = out->Next(buffer, work.In(5min));
    if (!more) return more.error();
    if (buffer.size() >= kCopyBuffer || !*more) {
      const auto bytes = static_cast<std::int64_t>(buffer.size());
      moved.bytes += bytes;
      if (Status written = in.Write(buffer, work.In(5min)); !written) return written;
      buffer.clear();
      if (!paced && !work.Take(bytes)) return Error::Reobserve("the process ends");
    }
    if (!*more) return Ok();
    if (work.stop.stop_requested()) return Error::Reobserve("the process ends");
  }
}

Result<Moved> Stream(pg::Connection& source, pg::Connection& destination, const Work& work,
                     const TableInfo& table, const Chunk& chunk, const TableSize& size) {
  Result<pg::CopyIn> in = destination.StartCopyIn(
      fmt::format("COPY {} ({}) FROM STDIN", QuoteTable(table.name), ColumnList(table)),
      work.In(kCall));
  if (!in) return in.error();
  Moved moved;
  const bool paced = size.pages > 0;
  for (std::int64_t page = chunk.first_page;;) {
    const Chunk slice = SliceOf(chunk, page, work.SlicePages(size.page_bytes), size.pages);
    const std::int64_t pages = std::min(slice.end_page, size.pages) - page;
    if (paced && !work.Take(pages * size.page_bytes)) return Error::Reobserve("the process ends");
    const Status sent =
        StreamSlice(source, *in, work, ChunkSql(work.spec(), table, slice), paced, moved);
    if (!sent) return sent.error();
    if (slice.end_page == chunk.end_page) break;
    page = slice.end_page;
  }
  const Result<std::int64_t> rows = in->Finish(work.In(5min));
  if (!rows) return rows.error();
  moved.rows = *rows;
  return moved;
}

Status CopyOne(pg::Connection& source, pg::Connection& destination, Copying& copying,
               const Chunk& chunk) {
  const Work& work = copying.work;
  const TableInfo& table = copying.tables[chunk.table];
  Result<pg::Transaction> reading = BeginInSnapshot(source, work, copying.snapshot);
  if (!reading) return reading.error();
  const Result<std::int64_t> filenode = LockAndReadFilenode(source, work, table);
  if (!filenode) return filenode.error();
  if (*filenode != copying.filenodes[chunk.table]) {
    return Error::Reobserve(fmt::format("table {} was rewritten", table.name), "TableRewritten");
  }
  Result<pg::Transaction> writing = pg::Transaction::Begin(destination, "BEGIN", work.In(kCall));
  if (!writing) return writing.error();
  const Result<Moved> moved =
      Stream(source, destination, work, table, chunk, copying.sizes[chunk.table]);
  if (!moved) return moved.error();
  const Result<pg::Rows> marked = destination.Exec(
      "INSERT INTO foreshard.chunk_done VALUES ($1, $2, $3, $4, $5, $6, $7, $8::bigint::oid)",
      {work.spec().number.value, table.name, chunk.number, chunk.first_page, chunk.end_page,
       moved->rows, moved->bytes, *filenode},
      work.In(kCall));
  if (!marked) return marked.error();
  const Status ours =
      StillOurs(destination, work.spec(), copying.turn.destination_token, work.In(kCall));
  if (!ours) return ours;
  CrashPoint(Edge::kBefore, "mover.copy.chunk_commit");
  const Status committed = writing->Commit(work.In(kCall));
  if (!committed) return committed;
  CrashPoint(Edge::kAfter, "mover.copy.chunk_commit");
  work.board.Change([&](Progress& progress) {
    progress.copied_rows += moved->rows;
    progress.copied_bytes += moved->bytes;
  });
  work.board.Count([&](MoverCounters& counters) {
    counters.copied_rows += moved->rows;
    counters.copied_bytes += moved->bytes;
  });
  copying.Measure();
  return reading->Commit(work.In(kCall));
}

void Worker(Copying& copying) {
  auto source = copying.work.Connect(Side::kSource);
  if (!source) return copying.Fail(source.error());
  auto destination = copying.work.ConnectToCopy(Side::kDestination);
  if (!destination) return copying.Fail(destination.error());
  // Triggers and foreign keys of clients have had their say on the source; the gate is for clients.
  const Result<pg::Rows> replica =
      (*destination)->Exec("SET session_replication_role = replica", copying.work.In(kCall));
  if (!replica) return copying.Fail(replica.error());
  while (const std::optional<Chunk> chunk = copying.Take()) {
    const Status copied = CopyOne(**source, **destination, copying, *chunk);
    if (!copied) return copying.Fail(copied.error());
  }
}

// A table that was rewritten since its first chunk begins again: its pages have other numbers now.
Result<std::vector<DoneChunk>> DoneOf(pg::Connection& destination, const Work& work,
                                      const Turn& turn, const TableInfo& table,
                                      std::int64_t filenode) {
  const Result<pg::Rows> rows = destination.Exec(
      "SELECT chunk, end_page, filenode::bigint, rows, bytes FROM foreshard.chunk_done WHERE "
      "migration_id = $1 AND table_name = $2 "
      "ORDER BY chunk",
      {work.spec().number.value, table.name}, work.In(kCall));
  if (!rows) return rows.error();
  std::vector<DoneChunk> done;
  bool rewritten = false;
  for (std::size_t row = 0; row < rows->size(); ++row) {
    done.push_back({rows->Int(row, 0), rows->Int(row, 1)});
    rewritten = rewritten || rows->Int(row, 2) != filenode;
  }
  if (!rewritten) {
    work.board.Change([&](Progress& progress) {
      for (std::size_t row = 0; row < rows->size(); ++row) {
        progress.copied_rows += rows->Int(row, 3);
        progress.copied_bytes += rows->Int(row, 4);
      }
    });
    return done;
  }
  log::Warning("copy_restarts_table", {{"table", table.name}, {"chunks", done.size()}});
  const Result<pg::Rows> replica =
      destination.Exec("SET session_replication_role = replica", work.In(kCall));
  if (!replica) return replica.error();
  if (Status deleted = DeleteMovingRows(destination, work, turn, Side::kDestination, table);
      !deleted)
    return deleted.error();
  const Status forgotten = ExecOurs(
      destination, work, turn, Side::kDestination,
      {fmt::format("DELETE FROM foreshard.chunk_done WHERE migration_id = {} AND table_name = {}",
                   work.spec().number, pg::QuoteLiteral(table.name))},
      kCall);
  if (!forgotten) return forgotten.error();
  return std::vector<DoneChunk>();
}

Status Plan(Copying& copying) {
  const Work& work = copying.work;
  auto source = work.Connect(Side::kSource);
  if (!source) return source.error();
  auto destination = work.Connect(Side::kDestination);
  if (!destination) return destination.error();
  Result<pg::Transaction> reading = BeginInSnapshot(**source, work, copying.snapshot);
  if (!reading) return reading.error();
  Result<std::vector<TableInfo>> tables = ReadTables(**source, work.spec(), work.In(kCall));
  if (!tables) return tables.error();
  copying.tables = std::move(*tables);
  work.board.Change([](Progress& progress) {
    progress.copied_rows = 0;
    progress.copied_bytes = 0;
  });
  for (std::size_t i = 0; i < copying.tables.size(); ++i) {
    const TableInfo& table = copying.tables[i];
    const Result<std::int64_t> filenode = LockAndReadFilenode(**source, work, table);
    if (!filenode) return filenode.error();
    copying.filenodes.push_back(*filenode);
    const Result<pg::Rows> size = (*source)->Exec(
        "SELECT pg_relation_size($1::text::regclass) / current_setting('block_size')::bigint, "
        "current_setting('block_size')::bigint",
        {QuoteTable(table.name)}, work.In(kCall));
    if (!size) return size.error();
    const Result<std::vector<DoneChunk>> done =
        DoneOf(**destination, work, copying.turn, table, *filenode);
    if (!done) return done.error();
    const std::int64_t per_chunk =
        std::max<std::int64_t>(1, work.options.chunk_bytes / size->Int(0, 1));
    // Few keys are found by the index; page ranges would read the whole table.
    const bool by_index = !work.spec().keys.empty() && !table.column.empty();
    const std::vector<Chunk> chunks =
        PlanChunks(i, by_index ? 0 : size->Int(0, 0), per_chunk, *done);
    copying.sizes.push_back({by_index ? 0 : size->Int(0, 0), size->Int(0, 1)});
    copying.queue.insert(copying.queue.end(), chunks.rbegin(), chunks.rend());
  }
  std::vector<std::string> names;
  for (const TableInfo& table : copying.tables) names.push_back(table.name);
  const Result<pg::Rows> let = (*destination)->Exec(LetCopySql(names), work.In(kCall));
  return let ? Ok() : Status(let.error());
}

}  // namespace

std::vector<Chunk> PlanChunks(std::size_t table, std::int64_t pages, std::int64_t pages_per_chunk,
                              const std::vector<DoneChunk>& done) {
  CHECK(pages_per_chunk > 0, "chunks of no pages");
  std::set<std::int64_t> numbers;
  std::int64_t planned_to = kOpenEnd;  // the first number that an open-ended chunk has covered
  for (const DoneChunk& one : done) {
    numbers.insert(one.number);
    if (one.end_page == kOpenEnd) planned_to = std::min(planned_to, one.number);
  }
  const std::int64_t count =
      std::max<std::int64_t>(1, (pages + pages_per_chunk - 1) / pages_per_chunk);
  std::vector<Chunk> chunks;
  for (std::int64_t number = 0; number < count && number < planned_to; ++number) {
    if (numbers.contains(number)) continue;
    const bool last = number + 1 == count;
    chunks.push_back({table, number, number * pages_per_chunk,
                      last ? kOpenEnd : (number + 1) * pages_per_chunk});
  }
  return chunks;
}

Chunk SliceOf(const Chunk& chunk, std::int64_t page, std::int64_t pages, std::int64_t size) {
  CHECK(pages > 0, "slices of no pages");
  Chunk slice = chunk;
  slice.first_page = page;
  const std::int64_t end = page + pages;
  if (end < std::min(chunk.end_page, size)) slice.end_page = end;
  return slice;
}

std::string PagesSql(std::int64_t first_page, std::int64_t end_page) {
  std::string sql;
  if (first_page > 0) sql += fmt::format(" AND ctid >= '({},0)'::tid", first_page);
  if (end_page != kOpenEnd) sql += fmt::format(" AND ctid < '({},0)'::tid", end_page);
  return sql;
}

std::string ChunkSql(const MigrationSpec& spec, const TableInfo& table, const Chunk& chunk) {
  return fmt::format("SELECT {} FROM {} WHERE {}{}", ColumnList(table), QuoteTable(table.name),
                     MovingRowsSql(spec, table), PagesSql(chunk.first_page, chunk.end_page));
}

Status CopyChunks(const Work& work, const Turn& turn, const std::string& snapshot) {
  Copying copying(work, turn, snapshot);
  if (Status planned = Plan(copying); !planned) return planned;
  copying.Measure();
  {
    const BulkWork bulk(work.throttle, BytesOf(copying), work.stop);
    std::vector<std::jthread> workers;
    for (int i = 0; i < work.options.copy_workers; ++i)
      workers.emplace_back([&copying] { Worker(copying); });
  }
  if (copying.error) return *copying.error;
  if (work.stop.stop_requested()) return Error::Reobserve("the process ends");
  return Ok();
}

}  // namespace foreshard::migration
