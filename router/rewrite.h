#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "router/compiled_table.h"
#include "router/route.h"
#include "router/statement.h"

// The texts that shards get when the client's own will not do.

namespace foreshard::router {

// INSERT with these rows of its VALUES only; parameters renumbered. REQUIRES: statement.insert.
void RewriteRows(std::string_view text, const Statement& statement, RoutePart& part);

// What this shard gets of a statement that several shards answer: the recipe's edits, one LIMIT,
// and, while keys move, a filter that hides copies of other shards' rows. Leaves part.text empty
// when nothing changes.
struct ShardText {
  const Statement& statement;
  std::string_view text;
  const CompiledTable& table;
  std::optional<std::int64_t> limit;  // rows a shard must give at most
};
void RewriteForShard(const ShardText& request, RoutePart& part);

// Names parameters $1, $2 … without gaps; `numbers` says which of the client's each one is. True:
// they are others than all of the client's `highest`, in their order.
bool RenumberParameters(std::string& text, std::uint32_t highest,
                        std::vector<std::uint32_t>& numbers);

// The text from that token (of those that TextEdit counts) to its end.
std::string_view TextFromToken(std::string_view text, std::uint32_t token);

}  // namespace foreshard::router
