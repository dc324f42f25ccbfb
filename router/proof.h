#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace foreshard::router {

// `sql` raises FS001 on a shard that does not own what is about to be read or written. It holds for
// its snapshot; after `lock` it holds to the end of the transaction, which a cutover then waits
// for.
struct Proof {
  std::uint32_t shard = 0;
  std::int64_t migration = 0;
  std::string sql;
  std::string lock;
};

// That the shard has not lost the keys by the migration.
Proof MakeProof(std::uint32_t shard, std::string_view shard_id, std::int64_t migration);

// That it owns the keys by the migration. Where that is over no row speaks of it, and who was named
// by a refusal while it was under way may have been emptied since.
Proof MakeNamedProof(std::uint32_t shard, std::string_view shard_id, std::int64_t migration);

}  // namespace foreshard::router
