#include "bench/cutover_flips/members.h"

#include <fmt/format.h>

#include <utility>

#include "tests/support/await.h"

namespace foreshard::bench {

namespace {

using namespace std::chrono_literals;
using support::PostgresServer;

// Of all that stream only a standby calls itself so: subscriptions must not count as standbys.
constexpr const char* kWaitForStandby =
    "ALTER SYSTEM SET synchronous_standby_names = 'walreceiver'";

Status AwaitSynchronous(const PostgresServer& primary) {
  return support::Await("the standby is in sync", 30s, [&primary] {
    const auto synchronous =
        primary.Sql("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'");
    return support::Seen(synchronous.ok() && synchronous->substr(0, 1) == "1",
                         synchronous.ok() ? *synchronous : synchronous.error().message);
  });
}

}  // namespace

Result<std::unique_ptr<Members>> Members::Make(bool fsync) {
  // PostgreSQL starts one worker of a subscription in so long a time: with its own 5 s every second
  // flip would wait for that.
  auto made = PostgresServer::Create({.settings = {{"fsync", fsync ? "on" : "off"},
                                                   {"wal_retrieve_retry_interval", "500ms"},
                                                   {"synchronous_commit", "on"},
                                                   {"shared_buffers", "128MB"},
                                                   {"max_wal_size", "4GB"},
                                                   {"autovacuum_naptime", "5s"}}});
  if (!made) return made.error();
  return std::unique_ptr<Members>(new Members(std::move(*made)));
}

Status Members::AddStandby() {
  for (const char* sql : {kWaitForStandby, "SELECT pg_reload_conf()"}) {
    if (const auto set = primary_->Sql(sql); !set) return set.error();
  }
  auto standby = PostgresServer::CreateStandby(*primary_);
  if (!standby) return standby.error();
  standby_ = std::move(*standby);
  if (service_ == nullptr) {
    auto service = Proxy::Start(primary_->port());
    if (!service) return service.error();
    service_ = std::move(*service);
  }
  return AwaitSynchronous(*primary_);
}

std::string Members::Conninfo(std::string_view user) const {
  return fmt::format("host={0} port={1} dbname=app user={2} password={2} connect_timeout=10",
                     PostgresServer::kHost, port(), user);
}

Status Members::Revive() {
  if (standby_ == nullptr) return primary_->Start();
  primary_ = std::exchange(standby_, nullptr);
  if (const auto promoted = primary_->Sql("SELECT pg_promote()"); !promoted)
    return promoted.error();
  service_->LeadTo(primary_->port());
  return AddStandby();
}

}  // namespace foreshard::bench
