#pragma once

#include <string>
#include <vector>

#include "model/routing_table.h"
#include "model/shard_set.h"
#include "operator/api/value.h"

// How everything of a set is called, and the labels it carries. One place, since controllers find
// things by name.

namespace foreshard::op {

inline constexpr const char* kSetLabel = "foreshard.dev/shardset";
inline constexpr const char* kComponentLabel = "foreshard.dev/component";
inline constexpr const char* kShardLabel = "foreshard.dev/shard";
inline constexpr const char* kClusterLabel = "foreshard.dev/cluster";  // Patroni's scope
inline constexpr const char* kRoleLabel = "foreshard.dev/role";  // Patroni's: master | replica
inline constexpr const char* kHashAnnotation = "foreshard.dev/applied-hash";
inline constexpr const char* kFinalizer = "foreshard.dev/shardset";

inline constexpr int kPostgresPort = 5432;
inline constexpr int kPatroniPort = 8008;
inline constexpr int kExporterPort = 9187;
inline constexpr int kRouterAdminPort = 8443;
inline constexpr int kRouterMetricsPort = 9187;
inline constexpr int kMoverMetricsPort = 9187;  // the mover's default

enum class Component { kShard, kRouter, kMover, kBackup, kVerification };
std::string_view ToText(Component component);

// Which set an object is of.
struct SetName {
  std::string name_space;
  std::string name;
  std::string uid;  // for owner references; "" makes none
};
SetName NameOf(const model::ShardSet& set);

std::string RouterName(const SetName& set);                              // orders-router
std::string ShardName(const SetName& set, const model::ShardId& shard);  // orders-s-4kq7
std::string ReplicasName(const SetName& set,
                         const model::ShardId& shard);                  // orders-s-4kq7-replicas
std::string PodsName(const SetName& set, const model::ShardId& shard);  // orders-s-4kq7-pods
std::string ShardAccountName(const SetName& set);                       // orders-shard
std::string AuthoritySecret(const SetName& set);                        // orders-ca
std::string RouterTlsSecret(const SetName& set);
std::string ShardTlsSecret(const SetName& set);
std::string OperatorTlsSecret(const SetName& set);
std::string ClientSecret(const SetName& set);  // orders-app
std::string InternalSecret(const SetName& set);
std::string UsersSecret(const SetName& set);

model::ShardAddress AddressOf(const SetName& set, const model::ShardId& shard);

// "orders-router", "orders-router.shop", "….svc", "….svc.cluster.local".
std::vector<std::string> ServiceDnsNames(const SetName& set, const std::string& service);

// The ids of the shards made at creation, a function of the set's uid: random, and the same in
// every pass and after every restart. Also for a new shard of a migration: the first of
// NewShardIds(uid of the migration, 1) that is not taken.
std::vector<model::ShardId> NewShardIds(std::string_view uid, int count);

// Labels and selectors. `shard` may be empty.
Value Labels(const SetName& set, Component component, const model::ShardId& shard);
std::string SetSelector(const SetName& set);     // "foreshard.dev/shardset=orders"
std::string RouterSelector(const SetName& set);  // with the component, as status.routerSelector

// apiVersion, kind, metadata with labels and the owner reference.
struct Header {
  std::string api_version;
  std::string kind;
  std::string name;
  Component component = Component::kShard;
  model::ShardId shard;  // may be empty
};
Value NewObject(const SetName& set, const Header& header);

// A ConfigMap in which the operator keeps what it would else forget with its process; without data.
// It belongs to the set and is found by `label`, but is no part of its desired state.
Value KeptConfigMap(const SetName& set, const std::string& name, std::string_view label);

// Puts the hash of the whole object into its annotations, so that a field which is no longer wanted
// is seen too.
Value Hashed(Value object);

// FNV-1a, 64 bits, as hex. For telling texts apart, never for secrets.
std::string HashText(std::string_view text);

}  // namespace foreshard::op
