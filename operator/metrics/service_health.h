#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "migration/service.h"
#include "model/shard_set.h"
#include "operator/metrics/demand_query.h"

namespace foreshard::op {

// ServiceHealth: how the clients of one shard were served in the window that ends at a time.
//
// Bodies:  `MetricsServiceHealth` below, and one in tests/fakes.
// View:    what the routers counted and Prometheus scraped; nothing where it knows nothing.
// Errors:  those of Metrics.
class ServiceHealth {
 public:
  virtual ~ServiceHealth() = default;
  virtual Result<std::optional<migration::ServiceSeen>> Read(const model::ShardSet& set,
                                                             const model::ShardId& shard,
                                                             WallTime end,
                                                             std::chrono::seconds window,
                                                             Deadline deadline) = 0;
};

// PromQL of the three numbers.
std::string ServiceRateExpression(const MetricsTarget& target, const model::ShardId& shard);
std::string ServiceErrorsExpression(const MetricsTarget& target, const model::ShardId& shard);
std::string ServiceP99Expression(const MetricsTarget& target, const model::ShardId& shard);

// Over Prometheus: the set's own, else the one given. Threads: one owner.
class MetricsServiceHealth final : public ServiceHealth {
 public:
  using Open = std::function<Result<std::unique_ptr<Metrics>>(const std::string& url)>;
  MetricsServiceHealth(std::string default_url, Open open)
      : default_url_(std::move(default_url)), open_(std::move(open)) {}

  Result<std::optional<migration::ServiceSeen>> Read(const model::ShardSet& set,
                                                     const model::ShardId& shard, WallTime end,
                                                     std::chrono::seconds window,
                                                     Deadline deadline) override;

 private:
  std::string default_url_;
  Open open_;
  std::map<std::string, std::unique_ptr<Metrics>> opened_;  // by URL
};

}  // namespace foreshard::op
