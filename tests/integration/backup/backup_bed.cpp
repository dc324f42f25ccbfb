#include "tests/integration/backup/backup_bed.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "migration/shard_schema.h"
#include "operator/certificates.h"
#include "router/scram.h"
#include "router/table_feed.h"
#include "tests/support/await.h"
#include "tests/support/needs.h"

namespace foreshard::backup {
namespace {

using namespace std::chrono_literals;
using support::RunOrError;

constexpr const char* kPassword = "app-password";
constexpr model::KeySpace kSpace{model::Strategy::kHash, model::KeyType::kBigint};
constexpr const char* kRouterConfig =
    R"({"shardSet":"bed","database":"app","strategy":"Hash","keyType":"Bigint",
 "tables":[{"name":"public.customers","column":"id"}],"referenceTables":[],
 "serverConnectionsPerShard":20,"clientConnections":500,"tlsMode":"Prefer","parkMaxMillis":20000})";

// Encrypted, as a set's would be; 2.45 stops at once where it cannot lock or log.
constexpr const char* kPgBackRestConfig = R"([global]
repo1-path={0}/repo-{1}
repo1-cipher-type=aes-256-cbc
repo1-cipher-pass=of-this-test-only
repo1-retention-full=2
lock-path={0}/lock-{1}
log-path={0}
log-level-file=off
log-level-console=warn
compress-type=lz4
start-fast=y
[s-{1}]
pg1-path={2}
pg1-port={3}
pg1-socket-path={4}
pg1-user=postgres
)";

Result<int> PortIn(const std::string& log, const char* which) {
  std::istringstream lines(log);
  for (std::string line; std::getline(lines, line);) {
    if (line.find("\"event\":\"listening\"") == std::string::npos) continue;
    const auto object = nlohmann::json::parse(line, nullptr, false);
    if (object.is_object()) return object.value(which, 0);
  }
  return Error::Retry(log);
}

}  // namespace

Result<std::unique_ptr<BackupBed>> BackupBed::Create() {
  std::unique_ptr<BackupBed> bed(new BackupBed());
  if (const Status started = bed->StartShards(); !started) return started.error();
  if (const Status started = bed->StartRouters(); !started) return started.error();
  if (const Status filled = bed->FillKeys(); !filled) return filled.error();
  return bed;
}

BackupBed::~BackupBed() { StopWriters(); }

std::vector<std::string> BackupBed::PgBackRest(std::size_t shard,
                                               const std::vector<std::string>& command) const {
  std::vector<std::string> whole = {support::FindProgram("pgbackrest"),
                                    fmt::format("--config={}/s-{}.conf", folder(), shard),
                                    fmt::format("--stanza=s-{}", shard)};
  whole.insert(whole.end(), command.begin(), command.end());
  return whole;
}

Status BackupBed::StartShards() {
  const std::string verifier = router::MakeScramVerifier(kPassword, "0123456789abcdef", 4096);
  for (std::size_t i = 0; i < kShards; ++i) {
    const std::string push =
        fmt::format("{}", fmt::join(PgBackRest(i, {"archive-push", "%p"}), " "));
    auto server = support::PostgresServer::Create({.settings = {{"max_prepared_transactions", "50"},
                                                                {"archive_mode", "on"},
                                                                {"archive_command", push}}});
    if (!server) return server.error();
    shards_.push_back(*std::move(server));
    const support::PostgresServer& shard = *shards_.back();
    directory_.Write(fmt::format("s-{}.conf", i),
                     fmt::format(kPgBackRestConfig, folder(), i, shard.data_directory(),
                                 shard.port(), shard.socket_directory()));
    for (const auto& [sql, database] : std::vector<std::pair<std::string, std::string>>{
             {fmt::format("CREATE ROLE app LOGIN PASSWORD '{}'", verifier), "postgres"},
             {"CREATE DATABASE app OWNER app", "postgres"},
             {std::string(migration::ShardSchemaSql()), "app"}}) {
      const auto done = shard.Sql(sql, database);
      if (!done) return done.error();
    }
  }
  if (geteuid() == 0) {
    const auto owned = RunOrError({.command = {"chown", "-R", "postgres", folder()}}, 10s);
    if (!owned) return owned.error();
  }
  return OnEach([](std::size_t) { return std::vector<std::string>{"stanza-create"}; });
}

std::string BackupBed::TableJson() const {
  return fmt::format(
      R"({{"shardSetName":"bed","epoch":1,"ranges":[{{"from":"","to":"80","shard":"s-0"}},
 {{"from":"80","to":"","shard":"s-1"}}],"pins":[],"shards":[
 {{"id":"s-0","primaryService":"127.0.0.1:{}/app","replicaService":""}},
 {{"id":"s-1","primaryService":"127.0.0.1:{}/app","replicaService":""}}],"moving":[]}})",
      shards_[0]->port(), shards_[1]->port());
}

Status BackupBed::WriteFiles() {
  const Result<op::KeyPair> authority = op::MakeAuthority("bed", clock_.Wall());
  if (!authority) return authority.error();
  const Result<op::KeyPair> server = op::IssueCertificate(
      *authority, {.common_name = "bed-router", .dns_names = {"bed-router"}}, clock_.Wall());
  if (!server) return server.error();
  const Result<op::KeyPair> client = op::IssueCertificate(
      *authority,
      {.common_name = "foreshard-operator", .dns_names = {}, .server = false, .client = true},
      clock_.Wall());
  if (!client) return client.error();
  directory_.Write("ca.crt", authority->certificate_pem);
  directory_.Write("tls.crt", server->certificate_pem);
  directory_.Write("tls.key", server->key_pem);
  directory_.Write("operator.crt", client->certificate_pem);
  directory_.Write("operator.key", client->key_pem);
  directory_.Write("router.json", kRouterConfig);
  directory_.Write("users", fmt::format("app {}\n", router::MakeScramVerifier(
                                                        kPassword, "0123456789abcdef", 4096)));
  directory_.Write("table.json", TableJson());
  auto table = router::ParseRoutingTableSpec(TableJson(), kSpace);
  if (!table) return table.error();
  table_ = *std::move(table);
  return Ok();
}

Result<std::unique_ptr<support::ChildProcess>> BackupBed::StartRouter(const std::string& name) {
  const auto file = [this](const char* which) { return directory_.File(which); };
  return support::ChildProcess::Start(
      {.command = {FORESHARD_ROUTER_PROGRAM, "--config", file("router.json"), "--users",
                   file("users"), "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0",
                   "--metrics-listen", "127.0.0.1:0", "--table-file", file("table.json"),
                   "--threads", "2", "--name", name, "--tls-directory", folder()}});
}

Status BackupBed::StartRouters() {
  if (const Status written = WriteFiles(); !written) return written;
  for (const char* name : {"known", "unknown"}) {
    auto router = StartRouter(name);
    if (!router) return router.error();
    routers_.push_back(*std::move(router));
    const Status listens = support::Await("the router listens", 20s, [this] {
      const auto port = PortIn(routers_.back()->ErrorOutput(), "clients");
      return support::Seen(port.ok(), port ? "" : port.error().message);
    });
    if (!listens) return listens;
    ports_.push_back(*PortIn(routers_.back()->ErrorOutput(), "clients"));
  }
  auto context = op::TlsContext::Load({.ca_file = directory_.File("ca.crt"),
                                       .certificate_file = directory_.File("operator.crt"),
                                       .key_file = directory_.File("operator.key")});
  if (!context) return context.error();
  control_ = std::make_unique<op::HttpsRouterControl>(*std::move(context), clock_);
  control_->SetRouters(
      {{"known", "127.0.0.1", *PortIn(routers_[0]->ErrorOutput(), "admin"), "bed-router"}});
  return Ok();
}

Status BackupBed::FillKeys() {
  const auto client = pg::Connection::Connect(
      {.conninfo = fmt::format("host=127.0.0.1 port={} user=app dbname=app password={}", ports_[0],
                               kPassword)},
      clock_, Soon());
  if (!client) return client.error();
  for (const char* sql :
       {"CREATE TABLE customers (id bigint PRIMARY KEY, v bigint NOT NULL, n bigint NOT NULL)",
        "INSERT INTO customers VALUES (1,0,0),(2,0,0),(3,0,0),(4,0,0),(5,0,0),(6,0,0),(7,0,0),"
        "(8,0,0),(9,0,0),(10,0,0),(11,0,0),(12,0,0),(13,0,0),(14,0,0),(15,0,0),(16,0,0),"
        "(17,0,0),(18,0,0),(19,0,0),(20,0,0),(21,0,0),(22,0,0),(23,0,0),(24,0,0)"}) {
    const auto done = (*client)->Exec(sql, Soon());
    if (!done) return done.error();
  }
  for (std::size_t i = 0; i < kShards; ++i) {
    const auto rows = shards_[i]->Sql("SELECT id FROM customers ORDER BY id", "app");
    if (!rows) return rows.error();
    std::istringstream lines(*rows);
    for (std::int64_t id = 0; lines >> id;) keys_[i].push_back(id);
  }
  return Ok();
}

Status BackupBed::OnEach(
    const std::function<std::vector<std::string>(std::size_t)>& command) const {
  std::vector<std::unique_ptr<support::ChildProcess>> processes;
  for (std::size_t i = 0; i < kShards; ++i) {
    auto started = support::ChildProcess::Start(
        {.command = PgBackRest(i, command(i)), .directory = folder(), .user = "postgres"});
    if (!started) return started.error();
    processes.push_back(*std::move(started));
  }
  for (const auto& process : processes) {
    const auto ended = process->Wait(120s);
    if (!ended) return ended.error();
    if (!ended->ok()) return Error::GiveUp(process->Output() + process->ErrorOutput());
  }
  return Ok();
}

Status BackupBed::BackUp() const {
  return OnEach([](std::size_t) { return std::vector<std::string>{"--type=full", "backup"}; });
}

Result<std::vector<std::unique_ptr<support::PostgresServer>>> BackupBed::Restore(
    const Point& point) const {
  std::vector<std::unique_ptr<support::PostgresServer>> restored;
  for (std::size_t i = 0; i < kShards; ++i) {
    auto server =
        support::PostgresServer::CreateEmpty({.settings = {{"max_prepared_transactions", "50"}}});
    if (!server) return server.error();
    restored.push_back(*std::move(server));
  }
  const Status filled = OnEach([&](std::size_t i) {
    return std::vector<std::string>{"--pg1-path=" + restored[i]->data_directory(),
                                    "--type=name",
                                    "--target=" + PointName(point.state.set_uid, point.number),
                                    fmt::format("--target-timeline={}", point.shards[i].timeline),
                                    "--target-action=promote",
                                    "--archive-mode=off",
                                    "restore"};
  });
  if (!filled) return filled.error();
  for (const auto& server : restored) {
    if (const Status started = server->Start(); !started) return started.error();
  }
  for (const auto& server : restored) {
    const Status promoted = support::Await("recovery ends", 60s, [&] {
      const auto recovers = server->Sql("SELECT pg_is_in_recovery()", "app");
      return support::Seen(recovers && *recovers == "f\n",
                           recovers ? *recovers : recovers.error().message + server->Log());
    });
    if (!promoted) return promoted.error();
  }
  return restored;
}

std::array<std::int64_t, kShards> BackupBed::TakeKeys() {
  std::array<std::int64_t, kShards> taken{};
  for (std::size_t i = 0; i < kShards; ++i) {
    CHECK(!keys_[i].empty(), "no key is left on shard", i);
    taken[i] = keys_[i].back();
    keys_[i].pop_back();
  }
  return taken;
}

Writer& BackupBed::StartWriter(Writer::Kind kind, bool known) {
  writers_.push_back(std::make_unique<Writer>());
  Writer& writer = *writers_.back();
  writer.kind = kind;
  writer.known = known;
  writer.keys = TakeKeys();
  writer.thread =
      std::jthread([this, &writer](const std::stop_token& stop) { Write(writer, stop); });
  return writer;
}

// Half of the transfers decide on one shard, half on the other.
void BackupBed::Write(Writer& writer, const std::stop_token& stop) const {
  const auto client = pg::Connection::Connect(
      {.conninfo = fmt::format("host=127.0.0.1 port={} user=app dbname=app password={}",
                               ports_[writer.known ? 0 : 1], kPassword)},
      clock_, Soon());
  if (!client) {
    writer.problem = client.error().message;
    return;
  }
  while (!stop.stop_requested() && writer.problem.empty()) {
    const std::int64_t turn = ++writer.begun;
    const bool transfer = writer.kind == Writer::Kind::kTransfer;
    const std::size_t first = transfer ? static_cast<std::size_t>(turn % 2) : 0;
    const auto update = [&](std::size_t shard, int by) {
      return fmt::format("UPDATE customers SET v = v + {}, n = n + 1 WHERE id = {}",
                         transfer ? by : 0, writer.keys[shard]);
    };
    std::vector<std::string> statements = {update(first, -1), update(1 - first, 1)};
    if (transfer) {
      statements.insert(statements.begin(), "BEGIN");
      statements.emplace_back("COMMIT");
    }
    for (const std::string& sql : statements) {
      const auto done = (*client)->Exec(sql, Soon());
      if (!done) writer.problem = done.error().message;
      if (!done) return;
    }
    ++writer.acknowledged;
  }
}

std::string BackupBed::StopWriters() {
  std::string problem;
  for (const auto& writer : writers_) writer->thread.request_stop();
  for (const auto& writer : writers_) {
    if (writer->thread.joinable()) writer->thread.join();
    if (problem.empty()) problem = writer->problem;
  }
  return problem;
}

}  // namespace foreshard::backup
