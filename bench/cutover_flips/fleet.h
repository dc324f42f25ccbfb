#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "bench/cutover_flips/members.h"
#include "bench/cutover_flips/outages.h"
#include "bench/cutover_flips/proxy.h"
#include "migration/mover_work.h"
#include "migration/pg_shard.h"
#include "model/routing_table.h"
#include "operator/routers/https_router_control.h"
#include "tests/support/child_process.h"

// Two shards of real PostgreSQL servers and three real routers, made in a temporary folder, as the
// operator would have left them.

namespace foreshard::bench {

// The keys of the range that flips, as SQL says it of accounts.id.
inline constexpr const char* kMovingKeys =
    "hashint8extended(id, 0) >= '-4611686018427387904'::bigint AND hashint8extended(id, 0) < 0";

struct FleetOptions {
  bool fsync = false;
  std::int64_t rows = 20'000;
  bool cables = false;   // of the routers, which can be cut
  bool standby = false;  // of each shard, synchronous; it takes the place of a killed primary
};

// The hash range 40-80 of accounts.id, from shard s-aaaa to s-bbbb, or back.
migration::MigrationSpec FlipSpec(bool forward);

class Fleet {
 public:
  static Result<std::unique_ptr<Fleet>> Make(const FleetOptions& options);

  migration::MigrationSpec Spec(bool forward) const { return FlipSpec(forward); }
  std::string Conninfo(bool first, std::string_view user) const;
  std::unique_ptr<migration::PgShard> Shard(const migration::MigrationSpec& spec,
                                            migration::Side side) const;
  Result<std::unique_ptr<pg::Connection>> Connect(bool first, std::string_view user) const;

  // Through router 1, 2 or 3. The others but the first are deaf: nobody tells them anything, and
  // their file comes late. Nobody writes through the third, so that no refusal teaches it either.
  Result<std::unique_ptr<pg::Connection>> ConnectToRouter(int router) const;
  op::HttpsRouterControl& control() { return *control_; }
  void WriteTable(int router, const model::RoutingTable& table) const;
  model::RoutingTable FirstTable() const;
  // The sum of one metric over both routers.
  double Metric(std::string_view name) const;
  std::string RouterLog(int router) const;
  // Who does what on both shards, and who waits for whom: for people.
  std::string Sessions() const;

  // SIGKILL, as a node's end would do; and the same process again, on the same ports.
  void KillRouter(int router);
  Status ReviveRouter(int router);
  void KillShard(bool first);
  // The same server, or its standby as the primary.
  Status ReviveShard(bool first);
  Outages& outages() const { return *outages_; }

  std::filesystem::path folder() const { return files_.path(); }
  // Where the operator reaches the router that hears: through a cable if there is one.
  int admin_port() const { return control_cable_ ? control_cable_->port() : routers_[0].admin; }
  // With cables: the router that hears is cut off from the operator, a deaf one from both shards.
  void CutControl() { control_cable_->Cut(); }
  void HealControl() { control_cable_->Heal(); }
  void CutShards(int router);
  void HealShards(int router);

  const Clock& clock() const { return clock_; }
  Deadline Soon() const { return Deadline::After(clock_, std::chrono::seconds(20)); }

 private:
  struct Router {
    std::unique_ptr<support::ChildProcess> process;
    int clients = 0;
    int admin = 0;
    int metrics = 0;
  };

  Status StartServers(const FleetOptions& options);
  Status MakeDatabase(bool first);
  Members& shard(bool first) const { return *shards_[first ? 0 : 1]; }
  Status Load(const FleetOptions& options);
  Status MakeCertificates();
  Status LayCables();
  Status StartRouter(int number);
  Status AwaitService(int number) const;

  SystemClock clock_;
  support::TemporaryDirectory files_{"cutover"};
  std::unique_ptr<Members> shards_[kShards];
  Router routers_[kRouters];
  std::unique_ptr<op::HttpsRouterControl> control_;
  std::unique_ptr<Proxy> control_cable_;
  std::unique_ptr<Proxy> shard_cables_[kRouters][kShards];  // of the deaf ones
  std::unique_ptr<Outages> outages_ = std::make_unique<Outages>(clock_);
};

}  // namespace foreshard::bench
