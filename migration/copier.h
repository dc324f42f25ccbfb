#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "migration/mover_work.h"

// Copying the snapshot's rows: each chunk is a range of pages of one table, and arrives in one
// transaction together with its mark in foreshard.chunk_done, so it is there exactly once however
// often the process ends.

namespace foreshard::migration {

inline constexpr std::int64_t kOpenEnd =
    4'294'967'295;  // end_page of a table's last chunk: no upper bound

struct Chunk {
  std::size_t table = 0;  // index into the tables
  std::int64_t number = 0;
  std::int64_t first_page = 0;
  std::int64_t end_page = kOpenEnd;
  bool operator==(const Chunk&) const = default;
};

struct TableSize {
  std::int64_t pages = 0;  // 0: not known, or nothing that is read by pages
  std::int64_t page_bytes = 8'192;
};

struct DoneChunk {
  std::int64_t number = 0;
  std::int64_t end_page = 0;
};

// Chunks of one table that are still to be done. The last one is open-ended; when an open-ended one
// is done already, nothing behind it is planned. `pages`: the table's size now. REQUIRES:
// pages_per_chunk > 0.
std::vector<Chunk> PlanChunks(std::size_t table, std::int64_t pages, std::int64_t pages_per_chunk,
                              const std::vector<DoneChunk>& done);

// The part of `chunk` from `page` on, of at most `pages` pages. `size`: pages of the table, at
// least those of the snapshot; what comes behind them belongs to the last part. REQUIRES: pages >
// 0.
Chunk SliceOf(const Chunk& chunk, std::int64_t page, std::int64_t pages, std::int64_t size);

// " AND ctid >= ..." of a range of pages; "" for all of them.
std::string PagesSql(std::int64_t first_page, std::int64_t end_page);

// The SELECT of one chunk, for COPY ... TO STDOUT.
std::string ChunkSql(const MigrationSpec& spec, const TableInfo& table, const Chunk& chunk);

// Copies all chunks that are not done yet with options.copy_workers workers under the snapshot.
// Errors: kReobserve with reason SnapshotGone when the snapshot is not there any more.
Status CopyChunks(const Work& work, const Turn& turn, const std::string& snapshot);

}  // namespace foreshard::migration
