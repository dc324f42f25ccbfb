#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "router/access_log.h"
#include "router/catalogue.h"
#include "router/replicas.h"

// router.json, as the operator writes it (ConfigMap <set>-router) or a user without Kubernetes.

namespace foreshard::router {

enum class TlsMode { kDisable, kPrefer, kRequire };

struct RouterConfig {
  std::string shard_set;
  std::string name_space;
  std::string database;
  CatalogueSpec tables;  // with the key space
  std::size_t server_connections_per_shard = 20;
  std::size_t client_connections_max = 2'000;
  TlsMode tls_mode = TlsMode::kPrefer;                  // towards clients
  Consistency read_consistency = Consistency::kStrong;  // of a session that does not say
  std::int64_t bounded_staleness_millis = 500;
  std::int64_t park_max_millis = 20'000;
  std::int64_t query_wait_millis = 60'000;     // a statement, for a server connection (57014)
  std::optional<AccessLogOptions> access_log;  // none: as the command line says
  std::int64_t routers = 1;  // share the shards' connections
};

// Errors: kGiveUp naming the field and what would be accepted.
Result<RouterConfig> ParseRouterConfig(std::string_view json);
Result<TlsMode> ParseTlsMode(std::string_view text);

}  // namespace foreshard::router
