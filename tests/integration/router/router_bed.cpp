#include "tests/integration/router/router_bed.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "migration/shard_schema.h"
#include "router/scram.h"
#include "tests/support/await.h"

namespace foreshard::router {
namespace {

using namespace std::chrono_literals;

// A sanitizer keeps freed memory to see who uses it: little enough that ResidentKb() is the
// router's.
constexpr const char* kAddressSanitizer = "quarantine_size_mb=4:thread_local_quarantine_size_kb=64";

// The thread sanitizer keeps four words beside each that the router touches (ThreadSanitizer,
// "shadow cells"; kShadowCnt of GCC 12): a fifth of the memory is the router's.
#ifdef __SANITIZE_THREAD__
constexpr std::int64_t kWordsOfOne = 5;
#else
constexpr std::int64_t kWordsOfOne = 1;
#endif

constexpr const char* kConfig =
    R"({"shardSet":"bed","database":"app","strategy":"Hash","keyType":"Bigint",
 "tables":[{"name":"public.customers","column":"id"},
  {"name":"public.orders","column":"customer_id"}],
 "referenceTables":["public.countries"],"serverConnectionsPerShard":20,"clientConnections":500,
 "tlsMode":"Prefer","parkMaxMillis":5000})";

}  // namespace

Result<std::unique_ptr<RouterBed>> RouterBed::Create(const Options& options) {
  std::unique_ptr<RouterBed> bed(new RouterBed());
  if (const Status prepared = bed->Prepare(options); !prepared) return prepared.error();
  if (const Status started = bed->StartRouter(); !started) return started.error();
  return bed;
}

// What a sanitizer said of the router is a failure, whatever its clients saw.
RouterBed::~RouterBed() {
  const std::string said = RouterLog();
  if (said.find("Sanitizer") != std::string::npos ||
      said.find("runtime error: ") != std::string::npos)
    ADD_FAILURE() << said;
}

std::string RouterBed::RouterLog() const {
  return log_of_the_dead_ + (router_ == nullptr ? std::string() : router_->ErrorOutput());
}

std::int64_t RouterBed::ResidentKb() const {
  const std::string status = support::ReadFile(fmt::format("/proc/{}/status", router_->pid()));
  const std::size_t at = status.find("VmRSS:");
  if (at == std::string::npos) ADD_FAILURE() << "no VmRSS in " << status;
  return at == std::string::npos ? 0 : std::stoll(status.substr(at + 6)) / kWordsOfOne;
}

Result<std::string> RouterBed::Metrics() const {
  return support::RunOrError(
      {.command = {"curl", "-s", fmt::format("http://127.0.0.1:{}/metrics", metrics_port_)}}, 20s);
}

Status RouterBed::ReplaceRouter() {
  router_->Signal(SIGKILL);
  if (const auto ended = router_->Wait(20s); !ended) return ended.error();
  log_of_the_dead_ += router_->ErrorOutput();
  return StartRouter();
}

Status RouterBed::Prepare(const Options& options) {
  options_ = options;
  auto postgres =
      support::PostgresServer::Create({.settings = {{"max_prepared_transactions", "50"}},
                                       .authentication = options.authentication,
                                       .tls = options.shard_tls});
  if (!postgres) return postgres.error();
  postgres_ = std::move(*postgres);
  shard_port_ = options.shard_port ? options.shard_port(postgres_->port()) : postgres_->port();
  const std::string verifier = MakeScramVerifier(kPassword, kSalt, 4096);
  const Result<std::string> role =
      postgres_->Sql(fmt::format("CREATE ROLE app LOGIN PASSWORD '{}'", verifier));
  if (!role) return role.error();
  for (int shard = 0; shard < options.shards; ++shard) {
    const Result<std::string> made =
        postgres_->Sql(fmt::format("CREATE DATABASE {} OWNER app", ShardName(shard)));
    if (!made) return made.error();
    const Result<std::string> schema =
        postgres_->Sql(migration::ShardSchemaSql(), ShardName(shard));
    if (!schema) return schema.error();
  }
  directory_.Write("router.json", kConfig);
  directory_.Write("users", fmt::format("app {}\n", verifier));
  WriteTable(TableJson(1));
  if (!options.tls) return Ok();
  const std::string d = directory_.path().string();
  for (const std::string& command :
       {fmt::format("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout "
                    "{0}/tls.key -out {0}/tls.crt",
                    d),
        fmt::format("cp {0}/tls.crt {0}/ca.crt", d)}) {
    const Result<std::string> done = support::RunOrError({.command = {"sh", "-c", command}}, 60s);
    if (!done) return done.error();
  }
  if (options.shard_tls)
    directory_.Write("ca.crt", support::ReadFile(postgres_->certificate_file()));
  return Ok();
}

std::string RouterBed::TableJson(int epoch, const std::string& moving,
                                 const std::string& pins) const {
  std::string ranges;
  std::string shards;
  for (int i = 0; i < options_.shards; ++i) {
    const std::string from = i == 0 ? "" : fmt::format("{:02x}", i * 256 / options_.shards);
    const std::string to =
        i + 1 == options_.shards ? "" : fmt::format("{:02x}", (i + 1) * 256 / options_.shards);
    ranges += fmt::format(R"({}{{"from":"{}","to":"{}","shard":"s-{}"}})", i == 0 ? "" : ",", from,
                          to, i);
    std::string replicas;
    for (const int port : replicas_)
      replicas += fmt::format("{}127.0.0.1:{}", replicas.empty() ? "" : ",", port);
    shards +=
        fmt::format(R"({}{{"id":"s-{}","primaryService":"127.0.0.1:{}/{}","replicaService":"{}"}})",
                    i == 0 ? "" : ",", i, shard_port_, ShardName(i), replicas);
  }
  return fmt::format(
      R"({{"shardSetName":"bed","epoch":{},"ranges":[{}],"pins":{},"shards":[{}],"moving":{}}})",
      epoch, ranges, pins, shards, moving);
}

void RouterBed::WriteTable(const std::string& json) const {
  support::WriteFile(directory_.path() / "table.json", json);
}

void RouterBed::WriteUsers(const std::string& text) const {
  support::WriteFile(directory_.path() / "users", text);
}

void RouterBed::WriteConfig(const std::string& limit) const {
  const std::string usual = R"("clientConnections":500)";
  std::string config = kConfig;
  config.replace(config.find(usual), usual.size(), limit);
  support::WriteFile(directory_.path() / "router.json", config);
}

Status RouterBed::StartRouter() {
  const auto file = [this](const char* name) { return directory_.File(name); };
  std::vector<std::string> command = {FORESHARD_ROUTER_PROGRAM,
                                      "--config",
                                      file("router.json"),
                                      "--users",
                                      file("users"),
                                      "--listen",
                                      "127.0.0.1:0",
                                      "--admin-listen",
                                      "127.0.0.1:0",
                                      "--metrics-listen",
                                      "127.0.0.1:0",
                                      "--table-file",
                                      file("table.json"),
                                      "--threads",
                                      "2",
                                      "--name",
                                      "bed"};
  if (options_.tls || !options_.tls_directory.empty()) {
    command.push_back("--tls-directory");
    command.push_back(options_.tls_directory.empty() ? directory_.path().string()
                                                     : options_.tls_directory);
  }
  command.insert(command.end(), options_.arguments.begin(), options_.arguments.end());
  auto started = support::ChildProcess::Start(
      {.command = command, .environment = {{"ASAN_OPTIONS", kAddressSanitizer}}});
  if (!started) return started.error();
  router_ = std::move(*started);
  return support::Await("the router listens", 20s, [this] {
    const std::string log = router_->ErrorOutput();
    const std::size_t at = log.find("\"event\":\"listening\"");
    if (at == std::string::npos || log.find('\n', at) == std::string::npos)
      return support::Seen(false, log);
    const std::size_t begin =
        log.rfind('\n', at) == std::string::npos ? 0 : log.rfind('\n', at) + 1;
    const auto line =
        nlohmann::json::parse(log.substr(begin, log.find('\n', at) - begin), nullptr, false);
    if (!line.is_object()) return support::Seen(false, log);
    port_ = line.value("clients", 0);
    admin_port_ = line.value("admin", 0);
    metrics_port_ = line.value("metrics", 0);
    return support::Seen(port_ != 0, log);
  });
}

Result<std::string> RouterBed::Psql(std::string_view sql, const std::string& more) const {
  return support::RunOrError(
      {.command = {"psql", "-qAtX", "-v", "ON_ERROR_STOP=1", "-f", "-",
                   fmt::format("host=127.0.0.1 port={} user=app dbname=app {}", port_, more)},
       .environment = {{"PGPASSWORD", kPassword},
                       {"PGSSLMODE", options_.tls ? "require" : "disable"}},
       .input = std::string(sql)},
      60s);
}

Result<std::string> RouterBed::OnShard(int shard, std::string_view sql) const {
  return postgres_->Sql(sql, ShardName(shard));
}

Result<std::string> RouterBed::Pgbench(const std::vector<std::string>& arguments) const {
  std::vector<std::string> command = {
      "pgbench", "-n", "-h", "127.0.0.1", "-p", std::to_string(port_), "-U", "app"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  command.emplace_back("app");
  return support::RunOrError(
      {.command = command, .environment = {{"PGPASSWORD", kPassword}, {"PGSSLMODE", "disable"}}},
      120s);
}

WireClient::Options RouterBed::ClientOptions(int port, const std::string& database) const {
  return {.port = port,
          .user = "app",
          .database = database,
          .password = kPassword,
          .salt = kSalt,
          .iterations = 4096,
          .hurry = {}};
}

Result<std::unique_ptr<WireClient>> RouterBed::Client(const std::string& hurry) const {
  WireClient::Options options = ClientOptions(port_, "app");
  options.hurry = hurry;
  return WireClient::Connect(options);
}

Result<std::unique_ptr<WireClient>> RouterBed::Direct(int shard) const {
  return DirectTo(ShardName(shard));
}

Result<std::unique_ptr<WireClient>> RouterBed::DirectTo(const std::string& database) const {
  return WireClient::Connect(ClientOptions(postgres_->port(), database));
}

}  // namespace foreshard::router
