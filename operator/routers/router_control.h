#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/deadline.h"
#include "base/result.h"
#include "model/routing_table.h"

// RouterControl: all routers of one set, as the operator talks to them (docs/router-control.md).
//
// Bodies:  `HttpsRouterControl` (https_router_control.h) and `FakeRouterControl` (tests/fakes).
// Both pass
//          tests/contract/router_control_contract.h.
// View:    the routers that Routers() names; another one may have started since. That costs time,
// never a row: the gate is
//          inside PostgreSQL, and nothing here is needed for correctness but leases, which end by
//          themselves.
// Threads: one owner. Calls to several routers run side by side; a call returns when all asked ones
// answered or at `deadline`. Errors:  per router. Refused, silent or lost: kRetry or kReobserve.
// 400: kGiveUp. 409 (older epoch): kReobserve.

namespace foreshard::op {

struct HoldRequest {
  std::string migration;
  model::MigrationNumber number;
  std::vector<model::KeyRange> ranges;
  std::vector<std::string> keys;
  model::Epoch epoch;
  std::chrono::milliseconds deadline{500};
  std::chrono::milliseconds drain{100};
  std::int64_t parked_statements_max = 10'000;
  std::int64_t parked_bytes_max = 8 << 20;
};

struct HoldAnswer {
  bool drained = false;
  std::int64_t parked = 0;
  std::int64_t in_flight = 0;
};

struct ReleaseRequest {
  std::string migration;
  model::MigrationNumber number;
  std::optional<model::RoutingTable> table;  // none: let go with the old one
};

struct ReleaseAnswer {
  model::Epoch epoch;
  std::int64_t released = 0;
};

// From the answer on, Strong reads of the range need a lease or a proof (owner_check).
struct LeaseRequest {
  model::MigrationNumber number;
  bool leased = true;
  std::vector<model::KeyRange> ranges;
  std::vector<std::string> keys;
  std::vector<std::string> excluded{};  // pinned keys in the ranges: they stay where they are
  model::ShardId gaining{};  // where the keys go, so that a router may have connections there
};

struct TableAnswer {
  model::Epoch epoch;
  std::int64_t parked = 0;
};

template <typename Answer>
struct RouterReply {
  std::string router;
  Result<Answer> answer;
};

template <typename Answer>
using RouterReplies = std::vector<RouterReply<Answer>>;

struct Acknowledged {};

class RouterControl {
 public:
  virtual ~RouterControl() = default;

  // By name, ordered. Known to us; whether they hear us is seen by asking.
  virtual std::vector<std::string> Routers() const = 0;

  virtual RouterReplies<HoldAnswer> Hold(const std::vector<std::string>& routers,
                                         const HoldRequest& request, Deadline deadline) = 0;
  virtual RouterReplies<ReleaseAnswer> Release(const std::vector<std::string>& routers,
                                               const ReleaseRequest& request,
                                               Deadline deadline) = 0;
  virtual RouterReplies<Acknowledged> Lease(const std::vector<std::string>& routers,
                                            const LeaseRequest& request, Deadline deadline) = 0;
  virtual RouterReplies<TableAnswer> ReadTable(const std::vector<std::string>& routers,
                                               Deadline deadline) = 0;
};

// The routers of each set. Bodies: operator/routers/kube_router_directory.h and tests/fakes.
class RouterDirectory {
 public:
  virtual ~RouterDirectory() = default;

  // The routers of a set as they are now. The object belongs to the directory and lives until the
  // next Open of the same set.
  virtual Result<RouterControl*> Open(const std::string& name_space, const std::string& shard_set,
                                      Deadline deadline) = 0;
};

}  // namespace foreshard::op
