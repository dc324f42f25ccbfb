#include "bench/cutover_flips/flags.h"

#include <algorithm>
#include <thread>

namespace foreshard::bench {

double Quantile(const std::vector<double>& sorted, double quantile) {
  if (sorted.empty()) return 0;
  const auto rank = static_cast<std::size_t>(quantile * static_cast<double>(sorted.size()));
  return sorted[std::min(rank, sorted.size() - 1)];
}

nlohmann::json Settings(const Flags& flags) {
  return {{"fsync", flags.fleet.fsync},
          {"synchronous_commit", "on"},
          {"standby", flags.fleet.standby},
          {"tls_clients", false},
          {"tls_shards", false},
          {"tls_router_control", true},
          {"routers", kRouters},
          {"deaf_routers", kRouters - 1},
          {"deaf_millis", 300},
          {"flips", flags.flips},
          {"clients", flags.clients.movers},
          {"other_range_writers", flags.clients.others},
          {"register_clients", flags.registers},
          {"seed", flags.seed},
          {"think_micros", flags.think_micros},
          {"rows", flags.fleet.rows},
          {"vacuum_loop", true},
          {"long_readers", 2},
          {"cores", static_cast<std::int64_t>(std::thread::hardware_concurrency())}};
}

}  // namespace foreshard::bench
