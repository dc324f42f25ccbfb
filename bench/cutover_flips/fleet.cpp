#include "bench/cutover_flips/fleet.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <sstream>

#include "migration/shard_schema.h"
#include "operator/api/routing_table_json.h"
#include "operator/certificates.h"
#include "tests/support/await.h"

namespace foreshard::bench {

namespace {

using namespace std::chrono_literals;
using migration::MigrationSpec;
using migration::Side;

constexpr const char* kRouterConfig = R"({
  "shardSet": "bench", "namespace": "bench", "database": "app",
  "strategy": "Hash", "keyType": "Bigint",
  "tables": [{"name": "public.accounts", "column": "id"},
             {"name": "public.entries", "column": "account_id"}],
  "referenceTables": [], "serverConnectionsPerShard": 40, "clientConnections": 200,
  "tlsMode": "Prefer", "readConsistency": "Strong", "boundedStalenessMillis": 500,
  "parkMaxMillis": 20000, "routers": 2})";

constexpr const char* kTables =
    "SET ROLE app; CREATE TABLE public.accounts (id bigint PRIMARY KEY, v bigint NOT NULL DEFAULT "
    "0, pad text); "
    "CREATE TABLE public.entries (account_id bigint NOT NULL REFERENCES public.accounts, id bigint "
    "NOT NULL, note text, "
    "PRIMARY KEY (account_id, id))";

// "name":number of a line of the router's log.
int PortIn(const std::string& log, const std::string& name) {
  const std::string key = "\"" + name + "\":";
  const std::size_t event = log.find("\"event\":\"listening\"");
  const std::size_t at = event == std::string::npos ? event : log.find(key, event);
  if (at == std::string::npos) return 0;
  int port = 0;
  std::from_chars(log.data() + at + key.size(), log.data() + log.size(), port);
  return port;
}

// One GET over loopback; "" when it fails.
std::string Get(int port, const std::string& path) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string answer;
  if (::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
    const std::string request =
        fmt::format("GET {} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path);
    if (::send(socket, request.data(), request.size(), MSG_NOSIGNAL) > 0) {
      std::array<char, 65536> buffer{};
      for (ssize_t got = 0; (got = ::recv(socket, buffer.data(), buffer.size(), 0)) > 0;) {
        answer.append(buffer.data(), static_cast<std::size_t>(got));
      }
    }
  }
  ::close(socket);
  return answer;
}

}  // namespace

Result<std::unique_ptr<Fleet>> Fleet::Make(const FleetOptions& options) {
  auto fleet = std::make_unique<Fleet>();
  if (Status started = fleet->StartServers(options); !started) return started.error();
  if (Status loaded = fleet->Load(options); !loaded) return loaded.error();
  if (Status made = fleet->MakeCertificates(); !made) return made.error();
  auto admin = fleet->Connect(true, "foreshard");
  if (!admin) return admin.error();
  const auto verifier =
      (*admin)->Exec("SELECT rolpassword FROM pg_authid WHERE rolname = 'app'", fleet->Soon());
  if (!verifier) return verifier.error();
  fleet->files_.Write("router.json", kRouterConfig);
  fleet->files_.Write("users", fmt::format("app {}\n", verifier->Text(0, 0)));
  if (options.cables) {
    if (Status laid = fleet->LayCables(); !laid) return laid.error();
  }
  for (int number = 1; number <= kRouters; ++number) {
    fleet->WriteTable(number, fleet->FirstTable());
    if (Status started = fleet->StartRouter(number); !started) return started.error();
    if (Status serves = fleet->AwaitService(number); !serves) return serves.error();
  }
  if (options.cables) {
    auto cable = Proxy::Start(fleet->routers_[0].admin);
    if (!cable) return cable.error();
    fleet->control_cable_ = std::move(*cable);
  }
  const auto context = op::TlsContext::Load({.ca_file = fleet->files_.File("tls/ca.crt"),
                                             .certificate_file = fleet->files_.File("operator.crt"),
                                             .key_file = fleet->files_.File("operator.key")});
  if (!context) return context.error();
  fleet->control_ = std::make_unique<op::HttpsRouterControl>(*context, fleet->clock_);
  fleet->control_->SetRouters({{.name = "router-1",
                                .host = "127.0.0.1",
                                .port = fleet->routers_[0].admin,
                                .server_name = "bench-router"}});
  return fleet;
}

Status Fleet::StartServers(const FleetOptions& options) {
  for (auto& members : shards_) {
    auto made = Members::Make(options.fsync);
    if (!made) return made.error();
    members = std::move(*made);
  }
  for (const bool first : {true, false}) {
    if (Status made = MakeDatabase(first); !made) return made;
  }
  return Ok();
}

Status Fleet::MakeDatabase(bool first) {
  support::PostgresServer& server = shard(first).primary();
  for (const char* sql :
       {"CREATE ROLE foreshard SUPERUSER LOGIN PASSWORD 'foreshard'",
        "CREATE ROLE app LOGIN PASSWORD 'app'", "CREATE DATABASE app OWNER app"}) {
    if (const auto made = server.Sql(sql); !made) return made.error();
  }
  if (!first) {
    // One verifier on every shard: the router logs in with the client key that it recovers from it.
    const auto verifier =
        shard(true).primary().Sql("SELECT rolpassword FROM pg_authid WHERE rolname = 'app'");
    if (!verifier) return verifier.error();
    const std::string text = verifier->substr(0, verifier->find('\n'));
    if (const auto set = server.Sql("ALTER ROLE app PASSWORD " + pg::QuoteLiteral(text)); !set)
      return set.error();
  }
  if (const auto made =
          server.Sql(std::string("ALTER SCHEMA public OWNER TO app; ") + kTables, "app");
      !made)
    return made.error();
  auto admin = Connect(first, "foreshard");
  if (!admin) return admin.error();
  return migration::InstallShardSchema(**admin, Soon());
}

Status Fleet::Load(const FleetOptions& options) {
  for (const bool first : {true, false}) {
    auto admin = Connect(first, "foreshard");
    if (!admin) return admin.error();
    const auto loaded =
        (*admin)->Exec(fmt::format("INSERT INTO public.accounts SELECT k, 0, repeat('x', 100) FROM "
                                   "generate_series(1::bigint, {}) k "
                                   "WHERE hashint8extended(k, 0) {} 0",
                                   options.rows, first ? "<" : ">="),
                       Deadline::After(clock_, 60s));
    if (!loaded) return loaded.error();
    // What autovacuum would do to two new servers at once, in the middle of the first flips.
    for (const char* database : {"app", "postgres", "template1"}) {
      const auto vacuumed = shard(first).primary().Sql("VACUUM (FREEZE, ANALYZE)", database);
      if (!vacuumed) return vacuumed.error();
    }
    if (!options.standby) continue;
    if (Status added = shard(first).AddStandby(); !added) return added;
  }
  return Ok();
}

Status Fleet::MakeCertificates() {
  const auto authority = op::MakeAuthority("bench", clock_.Wall());
  if (!authority) return authority.error();
  const auto router = op::IssueCertificate(
      *authority, {.common_name = "bench-router", .dns_names = {"bench-router"}}, clock_.Wall());
  if (!router) return router.error();
  const auto client = op::IssueCertificate(
      *authority,
      {.common_name = "foreshard-operator", .dns_names = {}, .server = false, .client = true},
      clock_.Wall());
  if (!client) return client.error();
  std::filesystem::create_directories(files_.path() / "tls");
  files_.Write("tls/ca.crt", authority->certificate_pem);
  files_.Write("tls/tls.crt", router->certificate_pem);
  files_.Write("tls/tls.key", router->key_pem);
  files_.Write("operator.crt", client->certificate_pem);
  files_.Write("operator.key", client->key_pem);
  return Ok();
}

Status Fleet::StartRouter(int number) {
  Router& router = routers_[number - 1];
  const auto listen = [](int port) { return fmt::format("127.0.0.1:{}", port); };
  auto started =
      support::ChildProcess::Start({.command = {FORESHARD_ROUTER_PROGRAM,
                                                "--config",
                                                files_.File("router.json"),
                                                "--users",
                                                files_.File("users"),
                                                "--tls-directory",
                                                files_.File("tls"),
                                                "--listen",
                                                listen(router.clients),
                                                "--admin-listen",
                                                listen(router.admin),
                                                "--metrics-listen",
                                                listen(router.metrics),
                                                "--table-file",
                                                files_.File(fmt::format("table-{}.json", number)),
                                                "--threads",
                                                "1",
                                                "--name",
                                                fmt::format("router-{}", number),
                                                "--shard-tls",
                                                "disable"}});
  if (!started) return started.error();
  router.process = std::move(*started);
  return support::Await("the router listens", 20s, [&] {
    const std::string log = router.process->ErrorOutput();
    router.clients = std::max(router.clients, PortIn(log, "clients"));
    router.admin = std::max(router.admin, PortIn(log, "admin"));
    router.metrics = std::max(router.metrics, PortIn(log, "metrics"));
    return support::Seen(PortIn(log, "clients") > 0 || !router.process->Running(), log);
  });
}

Status Fleet::AwaitService(int number) const {
  return support::Await("the router serves", 20s, [&] {
    auto session = ConnectToRouter(number);
    const bool served =
        session.ok() && (*session)->Exec("SELECT v FROM accounts WHERE id = 1", Soon()).ok();
    return support::Seen(served, session.ok() ? RouterLog(number) : session.error().message);
  });
}

// A deaf router learns addresses from its file alone, so all its traffic goes through the cables.
Status Fleet::LayCables() {
  for (int router = 2; router <= kRouters; ++router) {
    for (int shard = 0; shard < kShards; ++shard) {
      auto cable = Proxy::Start(shards_[shard]->port());
      if (!cable) return cable.error();
      shard_cables_[router - 1][shard] = std::move(*cable);
    }
  }
  return Ok();
}

void Fleet::CutShards(int router) {
  outages_->CableIsCut(router);
  for (const auto& cable : shard_cables_[router - 1]) cable->Cut();
}

void Fleet::HealShards(int router) {
  for (const auto& cable : shard_cables_[router - 1]) cable->Heal();
  outages_->CableIsBack(router);
}

void Fleet::KillRouter(int router) {
  outages_->RouterDies(router);
  routers_[router - 1].process->Signal(SIGKILL);
}

Status Fleet::ReviveRouter(int router) {
  const auto ended = routers_[router - 1].process->Wait(10s);
  if (!ended) return ended.error();
  if (Status started = StartRouter(router); !started) return started;
  if (!routers_[router - 1].process->Running()) return Error::GiveUp(RouterLog(router));
  outages_->RouterIsBack(router);
  return Ok();
}

void Fleet::KillShard(bool first) {
  outages_->ShardDies(first);
  shard(first).Kill();
}

Status Fleet::ReviveShard(bool first) {
  if (Status revived = shard(first).Revive(); !revived) return revived;
  outages_->ShardIsBack(first);
  return Ok();
}

MigrationSpec FlipSpec(bool forward) {
  MigrationSpec spec;
  spec.name = "flip";
  spec.name_space = "bench";
  spec.uid = "bench";
  spec.shard_set = "bench";
  spec.number = {7};
  spec.source = {forward ? "s-aaaa" : "s-bbbb"};
  spec.destination = {forward ? "s-bbbb" : "s-aaaa"};
  spec.range = {"40", "80"};
  spec.tables = {{"public.accounts", "id"}, {"public.entries", "account_id"}};
  spec.epoch = {1};
  return spec;
}

std::string Fleet::Conninfo(bool first, std::string_view user) const {
  return shard(first).Conninfo(user);
}

std::unique_ptr<migration::PgShard> Fleet::Shard(const MigrationSpec& spec, Side side) const {
  const bool first = migration::ShardOf(spec, side).value == "s-aaaa";
  return std::make_unique<migration::PgShard>(
      migration::PgShardOptions{.spec = spec,
                                .side = side,
                                .conninfo = Conninfo(first, "foreshard"),
                                .peer_conninfo = Conninfo(!first, "foreshard")},
      clock_);
}

Result<std::unique_ptr<pg::Connection>> Fleet::Connect(bool first, std::string_view user) const {
  return pg::Connection::Connect({.conninfo = Conninfo(first, user)}, clock_, Soon());
}

Result<std::unique_ptr<pg::Connection>> Fleet::ConnectToRouter(int router) const {
  return pg::Connection::Connect(
      {.conninfo =
           fmt::format("host=127.0.0.1 port={} dbname=app user=app password=app sslmode=disable",
                       routers_[router - 1].clients)},
      clock_, Soon());
}

model::RoutingTable Fleet::FirstTable() const {
  model::RoutingTable table;
  table.shard_set_name = "bench";
  table.epoch = {1};
  table.key_space = {model::Strategy::kHash, model::KeyType::kBigint};
  table.ranges = {{{"", "80"}, {"s-aaaa"}}, {{"80", ""}, {"s-bbbb"}}};
  for (const bool first : {true, false}) {
    const std::string address = fmt::format("127.0.0.1:{}", shard(first).port());
    table.shards.push_back({.id = {first ? "s-aaaa" : "s-bbbb"},
                            .primary_service = address,
                            .replica_service = address});
  }
  table.moving.push_back({.migration = "flip", .number = {7}, .range = {"40", "80"}, .keys = {}});
  return table;
}

void Fleet::WriteTable(int router, const model::RoutingTable& table) const {
  model::RoutingTable mine = table;
  for (model::ShardAddress& shard : mine.shards) {
    const auto& cable = shard_cables_[router - 1][shard.id.value == "s-aaaa" ? 0 : 1];
    if (!cable) continue;
    shard.primary_service = shard.replica_service = fmt::format("127.0.0.1:{}", cable->port());
  }
  support::WriteFile(files_.path() / fmt::format("table-{}.json", router),
                     op::ToJson(op::RoutingTableSpec(mine)));
}

double Fleet::Metric(std::string_view name) const {
  double sum = 0;
  for (const Router& router : routers_) {
    std::istringstream lines(Get(router.metrics, "/metrics"));
    for (std::string line; std::getline(lines, line);) {
      if (line.substr(0, name.size()) != name || line.size() <= name.size()) continue;
      if (line[name.size()] != ' ' && line[name.size()] != '{') continue;
      double value = 0;
      const std::size_t space = line.rfind(' ');
      std::from_chars(line.data() + space + 1, line.data() + line.size(), value);
      sum += value;
    }
  }
  return sum;
}

std::string Fleet::Sessions() const {
  constexpr const char* kSql =
      "SELECT coalesce(string_agg(concat_ws(' ', pid, usename, client_port, state, "
      "wait_event_type, wait_event, 'blocked by', pg_blocking_pids(pid), 'since', "
      "now() - state_change, "
      "left(query, 80)), E'\\n' ORDER BY pid), '') FROM pg_stat_activity WHERE usename IS NOT NULL";
  std::string text;
  for (const bool first : {true, false}) {
    auto admin = Connect(first, "foreshard");
    const auto rows = admin ? (*admin)->Exec(kSql, Soon()) : Result<pg::Rows>(admin.error());
    text += fmt::format("{} shard:\n{}\n", first ? "first" : "second",
                        rows ? rows->Text(0, 0) : rows.error().message);
  }
  return text;
}

std::string Fleet::RouterLog(int router) const {
  return routers_[router - 1].process->ErrorOutput();
}

}  // namespace foreshard::bench
