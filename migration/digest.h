#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "migration/catalog.h"
#include "migration/spec.h"

// Digests of the moving rows: sums that ignore the order of rows, by bucket, then row by row where
// buckets differ. Both sides run the same text, with columns by name and the same settings of
// output.

namespace foreshard::migration {

inline constexpr int kBuckets = 256;

struct Bucket {
  std::int64_t rows = 0;
  std::uint64_t digest = 0;  // sum of the rows' hashes modulo 2^64
  bool operator==(const Bucket&) const = default;
};
using Buckets = std::map<std::int64_t, Bucket>;

// bucket, rows, digest of the moving rows in some pages (PagesSql).
std::string BucketSql(const MigrationSpec& spec, const TableInfo& table, const std::string& pages);

// Adds a row of BucketSql. `digest`: a number of any size, as text.
void AddBucket(Buckets& buckets, std::int64_t bucket, std::int64_t rows, std::string_view digest);

// key, hash of each moving row in the given buckets and pages; for COPY ... TO STDOUT. A key is the
// text of an array of the primary key's values. `ordered`: by the bytes of key.
std::string RowHashSql(const MigrationSpec& spec, const TableInfo& table,
                       const std::vector<std::int64_t>& buckets, const std::string& pages,
                       bool ordered);

// key, hash of the moving rows with these keys. `lock`: FOR SHARE.
std::string RowsByKeySql(const MigrationSpec& spec, const TableInfo& table,
                         const std::vector<std::string>& keys, bool lock);

// Buckets that differ, ordered.
std::vector<std::int64_t> UnequalBuckets(const Buckets& publisher, const Buckets& subscriber);

// "key<TAB>hash\n" of COPY, with its escapes undone.
struct RowHash {
  std::string key;
  std::string hash;
  bool operator==(const RowHash&) const = default;
};
RowHash ParseRowHash(std::string_view line);

}  // namespace foreshard::migration
