#pragma once

#include "model/shard_set.h"
#include "operator/api/value.h"

// What all our pods have in common: Pod Security "restricted", a read-only root, quantities.

namespace foreshard::op {

Value PodSecurity(int uid, int gid);
Value ContainerSecurity();
Value ResourcesJson(const model::ComputeResources& resources);

Value EmptyDir(std::string_view name);
Value MemoryDir(std::string_view name, std::string_view size_limit);
Value SecretVolume(std::string_view name, std::string_view secret, int mode);
Value ConfigVolume(std::string_view name, std::string_view config_map);
Value Mount(std::string_view name, std::string_view path, bool read_only = false);
Value EnvText(std::string_view name, std::string_view value);
Value EnvSecret(std::string_view name, std::string_view secret, std::string_view key);
Value EnvField(std::string_view name, std::string_view field_path);
Value HttpProbe(std::string_view path, int port, std::string_view scheme);

}  // namespace foreshard::op
