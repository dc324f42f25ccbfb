#include "operator/builders/switchover.h"

#include <fmt/format.h>

#include <sstream>

#include "operator/builders/annotations.h"

namespace foreshard::op {

std::string SwitchoverName(const SetName& set, const model::ShardId& shard) {
  return ShardName(set, shard) + "-failover";
}

std::string SyncName(const SetName& set, const model::ShardId& shard) {
  return ShardName(set, shard) + "-sync";
}

Value BuildSwitchover(const SetName& set, const model::ShardId& shard, const Switchover& asked) {
  Value object = NewObject(set, {.api_version = "v1",
                                 .kind = "Endpoints",
                                 .name = SwitchoverName(set, shard),
                                 .component = Component::kShard,
                                 .shard = shard});
  object.Member("metadata").Member("labels").Set(kClusterLabel, ShardName(set, shard));
  object.Member("metadata").Set(
      "annotations",
      Value::Object({{"leader", asked.leader},
                     {"member", asked.successor},
                     {kSwitchoverAnnotation,
                      fmt::format("{} {}", asked.leader_uid, FormatRfc3339(asked.asked_at))}}));
  return object;
}

std::optional<WallTime> SwitchoverAskedAt(const Value& endpoints, const std::string& leader_uid) {
  const std::string note = endpoints["metadata"]["annotations"][kSwitchoverAnnotation].Text();
  if (!note.starts_with(leader_uid + " ")) return std::nullopt;
  return ParseRfc3339(note.substr(leader_uid.size() + 1));
}

std::vector<std::string> MembersInSync(const Value& endpoints, const std::string& leader) {
  const Value& annotations = endpoints["metadata"]["annotations"];
  std::vector<std::string> members;
  if (annotations["leader"].Text() != leader) return members;
  std::istringstream names(annotations["sync_standby"].Text());
  for (std::string name; std::getline(names, name, ',');) members.push_back(name);
  return members;
}

}  // namespace foreshard::op
