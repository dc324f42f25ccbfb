#include "operator/builders/routing_table.h"

#include <string>

#include "operator/api/routing_table_json.h"

namespace foreshard::op {
namespace {

// The i-th of n even cuts of the positions: the top byte first, so that the bounds of 2, 4, 8 …
// shards stay short.
std::string Cut(std::size_t index, std::size_t count) {
  __extension__ using Wide = unsigned __int128;
  const Wide space = Wide{1} << 64;
  return model::FormatPosition(static_cast<model::Position>(space * index / count));
}

}  // namespace

model::RoutingTable FirstRoutingTable(const SetName& set, const model::ShardingSpec& sharding,
                                      const std::vector<model::ShardId>& shards) {
  CHECK(!shards.empty(), "a set without shards", set.name);
  model::RoutingTable table;
  table.shard_set_name = set.name;
  table.epoch = {1};
  table.key_space = sharding.key_space;
  for (const model::ShardId& shard : shards) table.shards.push_back(AddressOf(set, shard));
  if (sharding.key_space.strategy == model::Strategy::kRange) {
    table.ranges.push_back({.range = {}, .shard = shards.front()});
    return table;
  }
  for (std::size_t i = 0; i < shards.size(); ++i) {
    const std::string from = i == 0 ? std::string() : Cut(i, shards.size());
    const std::string to = i + 1 == shards.size() ? std::string() : Cut(i + 1, shards.size());
    table.ranges.push_back({.range = {from, to}, .shard = shards[i]});
  }
  return table;
}

Value BuildRoutingTable(const SetName& set, const model::RoutingTable& table) {
  Value object = NewObject(set, {.api_version = "foreshard.dev/v1alpha1",
                                 .kind = "RoutingTable",
                                 .name = set.name,
                                 .component = Component::kRouter,
                                 .shard = {}});
  object.Set("spec", RoutingTableSpec(table));
  return object;
}

}  // namespace foreshard::op
