#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>

#include "base/log.h"
#include "migration/copier.h"
#include "migration/crash_points.h"
#include "migration/digest.h"
#include "migration/mover_steps.h"
#include "migration/shard_objects.h"

namespace foreshard::migration {

namespace {

constexpr std::size_t kKeysPerStatement = 500;
constexpr int kHotTries = 20;
constexpr std::int64_t kRowsInMemory = 200'000;

// Two sessions for reading and one to write probes with, so that a probe can pass while rows are
// locked.
struct Reading {
  const Work& work;
  const Turn& turn;
  Side publisher_side;
  std::unique_ptr<pg::Connection> publisher;
  std::unique_ptr<pg::Connection> subscriber;
  std::unique_ptr<pg::Connection> prober;

  Status Probe() {
    const auto passed = PassProbe(*prober, *subscriber, work, publisher_side, 30s);
    if (passed) return Ok();
    if (Status kept = SlotIsKept(*prober, work, publisher_side); !kept) return kept;
    return passed.error();
  }
};

// One table as both sides see it in their snapshots.
struct Table {
  const TableInfo& info;
  TableSize publisher;
  TableSize subscriber;
};

Result<TableSize> ReadSize(pg::Connection& connection, const Work& work, const TableInfo& table) {
  const Result<pg::Rows> size = connection.Exec(
      "SELECT pg_relation_size($1::text::regclass) / current_setting('block_size')::bigint, "
      "current_setting('block_size')::bigint",
      {QuoteTable(table.name)}, work.In(kCall));
  if (!size) return size.error();
  // Few keys are found by the index; page ranges would read the whole table.
  const bool by_index = !work.spec().keys.empty() && !table.column.empty();
  return TableSize{by_index ? 0 : size->Int(0, 0), size->Int(0, 1)};
}

// Runs `each` with the pages of one slice after the other, each after its turn at the throttle.
Status ForEachSlice(const Work& work, const TableSize& size,
                    const std::function<Status(const std::string& pages)>& each) {
  const Chunk all{};
  for (std::int64_t page = 0;;) {
    const Chunk slice = SliceOf(all, page, work.SlicePages(size.page_bytes), size.pages);
    const std::int64_t pages =
        std::max<std::int64_t>(0, std::min(slice.end_page, size.pages) - page);
    if (!work.Take(pages * size.page_bytes)) return Error::Reobserve("the process ends");
    if (Status done = each(PagesSql(slice.first_page, slice.end_page)); !done) return done;
    if (slice.end_page == kOpenEnd) return Ok();
    page = slice.end_page;
  }
}

Result<Buckets> ReadBuckets(pg::Connection& connection, const Work& work, const TableInfo& table,
                            const TableSize& size) {
  Buckets buckets;
  const Status read = ForEachSlice(work, size, [&](const std::string& pages) -> Status {
    const Result<pg::Rows> rows =
        connection.Exec(BucketSql(work.spec(), table, pages), work.In(kLongStatement));
    if (!rows) return rows.error();
    for (std::size_t row = 0; row < rows->size(); ++row)
      AddBucket(buckets, rows->Int(row, 0), rows->Int(row, 1), rows->Text(row, 2));
    return Ok();
  });
  if (!read) return read.error();
  return buckets;
}

using Hashes = std::map<std::string, std::string>;

// The rows of some buckets, by key. For as many as fit into memory.
Result<Hashes> ReadRows(pg::Connection& connection, const Work& work, const TableInfo& table,
                        const TableSize& size, const std::vector<std::int64_t>& buckets) {
  Hashes hashes;
  const Status read = ForEachSlice(work, size, [&](const std::string& pages) -> Status {
    Result<pg::CopyOut> out = connection.StartCopyOut(
        fmt::format("COPY ({}) TO STDOUT",
                    RowHashSql(work.spec(), table, buckets, pages, /*ordered=*/false)),
        work.In(kLongStatement));
    if (!out) return out.error();
    std::string line;
    while (true) {
      line.clear();
      const Result<bool> more = out->Next(line, work.In(kLongStatement));
      if (!more) return more.error();
      if (!*more) return Ok();
      RowHash row = ParseRowHash(line);
      hashes.insert_or_assign(std::move(row.key), std::move(row.hash));
    }
  });
  if (!read) return read.error();
  return hashes;
}

// One side of the merge below: the row in hand.
class RowStream {
 public:
  static Result<RowStream> Start(pg::Connection& connection, const Work& work,
                                 const std::string& sql) {
    Result<pg::CopyOut> out =
        connection.StartCopyOut(fmt::format("COPY ({}) TO STDOUT", sql), work.In(kLongStatement));
    if (!out) return out.error();
    RowStream stream(*out, work);
    if (Status first = stream.Step(); !first) return first.error();
    return stream;
  }
  const std::optional<RowHash>& row() const { return row_; }
  Status Step() {
    buffer_.clear();
    const Result<bool> more = out_.Next(buffer_, work_->In(kLongStatement));
    if (!more) return more.error();
    row_ = *more ? std::optional<RowHash>(ParseRowHash(buffer_)) : std::nullopt;
    return Ok();
  }

 private:
  RowStream(const pg::CopyOut& out, const Work& work) : out_(out), work_(&work) {}

  pg::CopyOut out_;
  const Work* work_;
  std::string buffer_;
  std::optional<RowHash> row_;
};

// Keys that stand on one side only or have different rows; both streams are ordered by key. For
// more rows than memory holds: each side sorts them in one statement, which nothing paces.
Result<std::vector<std::string>> MergeRows(Reading& reading, const TableInfo& table,
                                           const std::vector<std::int64_t>& buckets) {
  const std::string sql = RowHashSql(reading.work.spec(), table, buckets, "", /*ordered=*/true);
  Result<RowStream> left = RowStream::Start(*reading.publisher, reading.work, sql);
  if (!left) return left.error();
  Result<RowStream> right = RowStream::Start(*reading.subscriber, reading.work, sql);
  if (!right) return right.error();
  std::vector<std::string> unequal;
  while (left->row() || right->row()) {
    const bool take_left = left->row() && (!right->row() || left->row()->key <= right->row()->key);
    const bool take_right = right->row() && (!left->row() || right->row()->key <= left->row()->key);
    if (!(take_left && take_right && left->row()->hash == right->row()->hash)) {
      // Behind the limit the streams are still read to their end: a broken COPY would cost the
      // session.
      if (unequal.size() <= kUnequalRowsMax)
        unequal.push_back(take_left ? left->row()->key : right->row()->key);
    }
    if (take_left) {
      if (Status next = left->Step(); !next) return next.error();
    }
    if (take_right) {
      if (Status next = right->Step(); !next) return next.error();
    }
  }
  return unequal;
}

Result<Hashes> ReadHashes(pg::Connection& connection, const Work& work, const TableInfo& table,
                          const std::vector<std::string>& keys, bool lock) {
  const Result<pg::Rows> rows =
      connection.Exec(RowsByKeySql(work.spec(), table, keys, lock), work.In(kLongStatement));
  if (!rows) return rows.error();
  Hashes hashes;
  for (std::size_t row = 0; row < rows->size(); ++row)
    hashes[rows->Text(row, 0)] = rows->Text(row, 1);
  return hashes;
}

std::vector<std::string> StillUnequal(const std::vector<std::string>& keys, const Hashes& left,
                                      const Hashes& right) {
  std::vector<std::string> unequal;
  for (const std::string& key : keys) {
    const auto a = left.find(key);
    const auto b = right.find(key);
    const bool absent = a == left.end() && b == right.end();
    const bool equal = a != left.end() && b != right.end() && a->second == b->second;
    if (!absent && !equal) unequal.push_back(key);
  }
  return unequal;
}

// Reads the rows on the publisher, lets a probe pass, reads them on the subscriber: what did not
// change in between is equal.
Result<std::vector<std::string>> LookAgain(Reading& reading, const TableInfo& table,
                                           const std::vector<std::string>& keys) {
  std::vector<std::string> unequal;
  for (std::size_t begin = 0; begin < keys.size(); begin += kKeysPerStatement) {
    const auto end = std::min(keys.size(), begin + kKeysPerStatement);
    const std::vector<std::string> some(keys.begin() + static_cast<std::ptrdiff_t>(begin),
                                        keys.begin() + static_cast<std::ptrdiff_t>(end));
    const Result<Hashes> left = ReadHashes(*reading.publisher, reading.work, table, some, false);
    if (!left) return left.error();
    if (Status passed = reading.Probe(); !passed) return passed.error();
    const Result<Hashes> right = ReadHashes(*reading.subscriber, reading.work, table, some, false);
    if (!right) return right.error();
    const std::vector<std::string> rest = StillUnequal(some, *left, *right);
    unequal.insert(unequal.end(), rest.begin(), rest.end());
  }
  return unequal;
}

// Hot rows stand still for a moment under FOR SHARE; clients that want them wait for one probe.
Result<std::vector<std::string>> LookUnderLock(Reading& reading, const TableInfo& table,
                                               const std::vector<std::string>& keys) {
  std::vector<std::string> some(
      keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(std::min(keys.size(), kHotRowsMax)));
  Result<pg::Transaction> transaction = pg::Transaction::Begin(
      *reading.publisher, fmt::format("BEGIN; SET LOCAL lock_timeout = {}", kHotLock.count()),
      reading.work.In(kCall));
  if (!transaction) return transaction.error();
  const Result<Hashes> left = ReadHashes(*reading.publisher, reading.work, table, some, true);
  if (!left) return left.error();
  if (Status passed = reading.Probe(); !passed) return passed.error();
  const Result<Hashes> right = ReadHashes(*reading.subscriber, reading.work, table, some, false);
  if (!right) return right.error();
  if (Status committed = transaction->Commit(reading.work.In(kCall)); !committed)
    return committed.error();
  std::vector<std::string> unequal = StillUnequal(some, *left, *right);
  unequal.insert(unequal.end(), keys.begin() + static_cast<std::ptrdiff_t>(some.size()),
                 keys.end());
  return unequal;
}

Error Mismatch(const TableInfo& table, std::size_t rows) {
  // How many, not which: keys are clients' data.
  return Error::GiveUp(fmt::format("{} rows of {} differ between the shards", rows, table.name),
                       "DigestMismatch");
}

Status SettleRows(Reading& reading, const TableInfo& table, std::vector<std::string> keys) {
  for (int pass = 3; pass <= kVerifyPasses && !keys.empty(); ++pass) {
    Result<std::vector<std::string>> rest = LookAgain(reading, table, keys);
    if (!rest) return rest.error();
    keys = std::move(*rest);
  }
  int tries = 0;
  while (!keys.empty()) {
    const std::size_t before = keys.size();
    Result<std::vector<std::string>> rest = LookUnderLock(reading, table, keys);
    if (!rest && rest.error().kind != Error::Kind::kRetry) return rest.error();
    if (rest) keys = std::move(*rest);
    tries = keys.size() < before ? 0 : tries + 1;
    if (tries == kHotTries) return Mismatch(table, keys.size());
    if (!Pause(reading.work.stop, rest.ok() ? 1ms : 20ms))
      return Error::Reobserve("the process ends");
  }
  return Ok();
}

// The same in memory, slice by slice.
Result<std::vector<std::string>> CompareRows(Reading& reading, const Table& table,
                                             const std::vector<std::int64_t>& buckets) {
  const Result<Hashes> left =
      ReadRows(*reading.publisher, reading.work, table.info, table.publisher, buckets);
  if (!left) return left.error();
  const Result<Hashes> right =
      ReadRows(*reading.subscriber, reading.work, table.info, table.subscriber, buckets);
  if (!right) return right.error();
  std::set<std::string> keys;
  for (const Hashes* side : {&*left, &*right}) {
    for (const auto& [key, hash] : *side) keys.insert(key);
  }
  return StillUnequal({keys.begin(), keys.end()}, *left, *right);
}

std::int64_t RowsIn(const Buckets& buckets, const std::vector<std::int64_t>& some) {
  std::int64_t rows = 0;
  for (const std::int64_t bucket : some) {
    const auto found = buckets.find(bucket);
    if (found != buckets.end()) rows += found->second.rows;
  }
  return rows;
}

// Both sides as of nearly the same moment: what was committed before it on the publisher has
// arrived. What differs then is what clients wrote in the few milliseconds between, or it is wrong.
Result<std::vector<std::string>> CompareTable(Reading& reading, const TableInfo& info) {
  const Work& work = reading.work;
  constexpr const char* kBegin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
  Result<pg::Transaction> left = pg::Transaction::Begin(*reading.publisher, kBegin, work.In(kCall));
  if (!left) return left.error();
  const Result<TableSize> publisher = ReadSize(*reading.publisher, work, info);  // its snapshot
  if (!publisher) return publisher.error();
  if (Status passed = reading.Probe(); !passed) return passed.error();
  Result<pg::Transaction> right =
      pg::Transaction::Begin(*reading.subscriber, kBegin, work.In(kCall));
  if (!right) return right.error();
  const Result<TableSize> subscriber = ReadSize(*reading.subscriber, work, info);
  if (!subscriber) return subscriber.error();
  const Table table{info, *publisher, *subscriber};

  const Result<Buckets> here = ReadBuckets(*reading.publisher, work, info, table.publisher);
  if (!here) return here.error();
  const Result<Buckets> there = ReadBuckets(*reading.subscriber, work, info, table.subscriber);
  if (!there) return there.error();
  const std::vector<std::int64_t> unequal = UnequalBuckets(*here, *there);
  work.board.Count([&](MoverCounters& counters) {
    counters.buckets_unequal += static_cast<std::int64_t>(unequal.size());
    counters.buckets_equal += kBuckets - static_cast<std::int64_t>(unequal.size());
  });
  if (unequal.empty()) return std::vector<std::string>();
  const std::int64_t rows = std::max(RowsIn(*here, unequal), RowsIn(*there, unequal));
  return rows <= kRowsInMemory ? CompareRows(reading, table, unequal)
                               : MergeRows(reading, info, unequal);
}

Status VerifyTable(Reading& reading, const TableInfo& table) {
  const Result<std::vector<std::string>> keys = CompareTable(reading, table);
  if (!keys) return keys.error();
  if (keys->empty()) return Ok();
  if (keys->size() > kUnequalRowsMax) return Mismatch(table, keys->size());
  if (Status passed = reading.Probe(); !passed) return passed;
  return SettleRows(reading, table, *keys);
}

// What both sides will read.
Result<std::int64_t> BytesToRead(Reading& reading, const std::vector<TableInfo>& tables) {
  std::int64_t bytes = 0;
  for (const TableInfo& table : tables) {
    for (pg::Connection* side : {reading.publisher.get(), reading.subscriber.get()}) {
      const Result<TableSize> size = ReadSize(*side, reading.work, table);
      if (!size) return size.error();
      bytes += size->pages * size->page_bytes;
    }
  }
  return bytes;
}

}  // namespace

Status Verify(const Work& work, const Turn& turn, Side publisher) {
  auto left = work.Connect(publisher);
  if (!left) return left.error();
  auto right = work.Connect(Peer(publisher));
  if (!right) return right.error();
  auto prober = work.Connect(publisher);
  if (!prober) return prober.error();
  const Result<std::vector<TableInfo>> tables = ReadTables(**left, work.spec(), work.In(kCall));
  if (!tables) return tables.error();
  Reading reading{work, turn, publisher, std::move(*left), std::move(*right), std::move(*prober)};
  if (Status passed = reading.Probe(); !passed) return passed;
  work.board.Change([](Progress& progress) {
    progress.verified_buckets = 0;
    progress.digest_equal = false;
  });
  const Result<std::int64_t> bytes = BytesToRead(reading, *tables);
  if (!bytes) return bytes.error();
  const BulkWork bulk(work.throttle, *bytes, work.stop);
  for (const TableInfo& table : *tables) {
    // Reference tables travel forwards only, to a new destination.
    if (publisher == Side::kDestination && table.column.empty()) continue;
    CrashPoint(Edge::kBefore, "mover.verify.bucket");
    if (Status equal = VerifyTable(reading, table); !equal) return equal;
    CrashPoint(Edge::kAfter, "mover.verify.bucket");
    work.board.Change([](Progress& progress) { progress.verified_buckets += kBuckets; });
    const Status ours =
        StillOurs(*reading.publisher, work.spec(), turn.token(publisher), work.In(kCall));
    if (!ours) return ours;
  }
  work.board.Change([](Progress& progress) { progress.digest_equal = true; });
  return Ok();
}

}  // namespace foreshard::migration
