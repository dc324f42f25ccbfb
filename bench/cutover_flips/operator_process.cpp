#include "bench/cutover_flips/operator_process.h"

#include <fmt/format.h>

#include "base/log.h"
#include "bench/cutover_flips/records.h"
#include "migration/mover_work.h"
#include "migration/pg_shard.h"
#include "operator/controllers/migration_controller.h"

namespace foreshard::bench {

namespace {

using namespace std::chrono_literals;

class Shards final : public migration::ShardDirectory {
 public:
  Shards(const OperatorProcessOptions& options, const Clock& clock)
      : options_(options), clock_(clock) {}

  Result<std::unique_ptr<migration::Shard>> Open(const migration::MigrationSpec& spec,
                                                 migration::Side side, Deadline) override {
    return std::unique_ptr<migration::Shard>(std::make_unique<migration::PgShard>(
        migration::PgShardOptions{.spec = spec,
                                  .side = side,
                                  .conninfo = Conninfo(migration::ShardOf(spec, side)),
                                  .peer_conninfo = Conninfo(migration::PeerOf(spec, side))},
        clock_));
  }

  Result<migration::HighWater> ReadHighWater(const std::string&, const std::string&,
                                             const model::ShardId& shard,
                                             Deadline deadline) override {
    auto connection = pg::Connection::Connect({.conninfo = Conninfo(shard)}, clock_, deadline);
    if (!connection) return connection.error();
    return migration::ReadHighWater(**connection, deadline);
  }

 private:
  const std::string& Conninfo(const model::ShardId& shard) const {
    return shard.value == "s-aaaa" ? options_.first : options_.second;
  }

  const OperatorProcessOptions& options_;
  const Clock& clock_;
};

class Routers final : public op::RouterDirectory {
 public:
  explicit Routers(op::HttpsRouterControl& control) : control_(control) {}
  Result<op::RouterControl*> Open(const std::string&, const std::string&, Deadline) override {
    return static_cast<op::RouterControl*>(&control_);
  }

 private:
  op::HttpsRouterControl& control_;
};

// One pass; how long the next one may wait.
std::chrono::milliseconds Pass(op::MigrationController& controller, Records& records,
                               const Clock& clock) {
  const auto newest = records.Newest();
  if (!newest || !*newest || records.Settled((*newest)->name)) return 20ms;
  const auto outcome =
      controller.Reconcile({(*newest)->name_space, (*newest)->name}, Deadline::After(clock, 20s));
  if (!outcome) {
    log::Info("pass_failed",
              {{"kind", ToString(outcome.error().kind)}, {"why", outcome.error().message}});
    return 20ms;
  }
  if (outcome->look_again_after > 0ms) return std::min(outcome->look_again_after, 100ms);
  const auto after = records.Newest();
  if (after && *after && migration::IsTerminal(*migration::ParsePhase((*after)->status.phase))) {
    records.Settle((*after)->name);
  }
  return 20ms;
}

}  // namespace

Result<std::unique_ptr<op::HttpsRouterControl>> MakeControl(const OperatorProcessOptions& options,
                                                            const Clock& clock) {
  const auto context = op::TlsContext::Load({.ca_file = options.folder + "/tls/ca.crt",
                                             .certificate_file = options.folder + "/operator.crt",
                                             .key_file = options.folder + "/operator.key"});
  if (!context) return context.error();
  auto control = std::make_unique<op::HttpsRouterControl>(*context, clock);
  control->SetRouters({{.name = "router-1",
                        .host = "127.0.0.1",
                        .port = options.router_admin,
                        .server_name = "bench-router"}});
  return control;
}

int RunOperatorProcess(const OperatorProcessOptions& options) {
  const SystemClock clock;
  const auto control = MakeControl(options, clock);
  if (!control) {
    fmt::print(stderr, "{}\n", control.error().message);
    return 2;
  }
  Records records(options.folder);
  Shards shards(options, clock);
  Routers routers(**control);
  op::MigrationController controller(
      {.store = records,
       .shards = shards,
       .routers = routers,
       .clock = clock,
       .lease = [&] { return op::LeaseSeen{.transitions = options.leader, .left = 15s}; },
       .pause = [](std::chrono::milliseconds duration) { return migration::Pause({}, duration); }});
  for (;;) migration::Pause({}, Pass(controller, records, clock));
}

}  // namespace foreshard::bench
