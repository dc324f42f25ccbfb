#include "tests/support/postgres_server.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <sstream>

#include "tests/support/await.h"
#include "tests/support/needs.h"
#include "tests/support/port.h"
#include "tests/support/shared_memory.h"

namespace foreshard::support {
namespace {

using std::chrono_literals::operator""s;

constexpr const char* kUser = "postgres";
constexpr int kPortTries = 5;

constexpr const char* kDefaultSettings = R"(
listen_addresses = '127.0.0.1'
wal_level = logical
fsync = off
synchronous_commit = on
full_page_writes = off
max_connections = 200
max_wal_senders = 20
max_replication_slots = 20
max_worker_processes = 32
max_logical_replication_workers = 16
max_sync_workers_per_subscription = 4
max_prepared_transactions = 20
shared_buffers = 32MB
wal_receiver_status_interval = 1s
wal_retrieve_retry_interval = 500ms
logging_collector = off
log_line_prefix = '%m [%p] %q%u@%d '
)";

std::string Program(std::string_view name) {
  const std::string found = FindProgram(name);
  return found.empty() ? std::string(name) : found;
}

bool LostThePort(const std::string& log) {
  return log.find("Address already in use") != std::string::npos;
}

// Gone, or a zombie that nobody asks for.
bool HasEnded(pid_t pid) {
  const std::string stat = ReadFile("/proc/" + std::to_string(pid) + "/stat");
  const std::size_t name_end = stat.rfind(')');
  return name_end == std::string::npos || stat.compare(name_end, 3, ") Z") == 0;
}

}  // namespace

Result<std::unique_ptr<PostgresServer>> PostgresServer::Create(const PostgresOptions& options) {
  std::unique_ptr<PostgresServer> server(new PostgresServer(options));
  if (const Status made = server->Initialize(); !made) return made.error();
  return StartSomewhere(std::move(server));
}

Result<std::unique_ptr<PostgresServer>> PostgresServer::CreateStandby(
    const PostgresServer& primary,
    const std::vector<std::pair<std::string, std::string>>& settings) {
  PostgresOptions options = primary.options_;
  options.settings.insert(options.settings.end(), settings.begin(), settings.end());
  std::unique_ptr<PostgresServer> server(new PostgresServer(std::move(options)));
  if (const Status owned = server->Own(); !owned) return owned.error();
  const Result<std::string> copied = RunOrError(
      server->AsPostgres({Program("pg_basebackup"), "--pgdata", server->data_directory(),
                          "--write-recovery-conf", "--wal-method", "stream", "--checkpoint", "fast",
                          "--no-sync", "--host", primary.socket_directory(), "--port",
                          std::to_string(primary.port()), "--username", kUser}),
      60s);
  if (!copied) return copied.error();
  return StartSomewhere(std::move(server));
}

Result<std::unique_ptr<PostgresServer>> PostgresServer::CreateEmpty(
    const PostgresOptions& options) {
  std::unique_ptr<PostgresServer> server(new PostgresServer(options));
  const std::filesystem::path data = server->data_directory();
  std::filesystem::create_directory(data);
  std::filesystem::permissions(data, std::filesystem::perms::owner_all);
  if (const Status owned = server->Own(); !owned) return owned.error();
  server->port_ = FreePort();
  return server;
}

PostgresServer::~PostgresServer() {
  Crash();
  RemoveSegment(data_directory());
}

Result<std::unique_ptr<PostgresServer>> PostgresServer::StartSomewhere(
    std::unique_ptr<PostgresServer> server) {
  for (int attempt = 1;; ++attempt) {
    server->port_ = FreePort();
    const Status started = server->Start();
    if (started.ok()) return server;
    if (attempt == kPortTries || !LostThePort(started.error().message)) return started.error();
  }
}

ProcessOptions PostgresServer::AsPostgres(std::vector<std::string> command) const {
  return {.command = std::move(command),
          .environment = {{"LC_ALL", "C.UTF-8"}, {"TZ", "UTC"}, {"PGCONNECT_TIMEOUT", "10"}},
          .directory = directory_.path().string(),
          .user = kUser};
}

Status PostgresServer::Initialize() {
  const std::string password_file = directory_.Write("password", options_.password);
  std::vector<std::string> command = {Program("initdb"),
                                      "--pgdata",
                                      data_directory(),
                                      "--username",
                                      kUser,
                                      "--pwfile",
                                      password_file,
                                      "--auth-local",
                                      "trust",
                                      "--auth-host",
                                      options_.authentication,
                                      "--encoding",
                                      "UTF8",
                                      "--locale",
                                      "C.UTF-8",
                                      "--no-sync"};
  command.insert(command.end(), options_.initdb.begin(), options_.initdb.end());
  if (const Status owned = Own(); !owned) return owned;
  const Result<std::string> made = RunOrError(AsPostgres(command), 60s);
  if (!made) return made.error();
  // Replication over TCP with a password, as a shard's replicas and subscriptions do it.
  const std::filesystem::path data = data_directory();
  WriteFile(data / "pg_hba.conf",
            fmt::format("local all all trust\nlocal replication all trust\n"
                        "host all all 127.0.0.1/32 {0}\nhost replication all 127.0.0.1/32 {0}\n",
                        options_.authentication));
  if (options_.tls) {
    if (const Status certified = MakeCertificate(); !certified) return certified;
  }
  return Ok();
}

// As root the server runs as somebody else, whose files these must be.
Status PostgresServer::Own() const {
  if (geteuid() != 0) return Ok();
  const Result<std::string> owned =
      RunOrError({.command = {"chown", "-R", kUser, directory_.path().string()}}, 10s);
  if (!owned) return owned.error();
  return Ok();
}

Status PostgresServer::MakeCertificate() {
  const std::string key = data_directory() + "/server.key";
  const Result<std::string> made = RunOrError(
      AsPostgres({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                  "-nodes", "-days", "30", "-subj", "/CN=localhost", "-addext",
                  "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out",
                  certificate_file()}),
      10s);
  if (!made) return made.error();
  std::filesystem::permissions(key, std::filesystem::perms::owner_read);
  return Ok();
}

std::string PostgresServer::SettingsText() const {
  std::string text = kDefaultSettings;
  text += fmt::format("port = {}\nunix_socket_directories = '{}'\nssl = {}\n", port_,
                      socket_directory(), options_.tls ? "on" : "off");
  for (const auto& [name, value] : options_.settings) {
    text += fmt::format("{} = '{}'\n", name, value);
  }
  return text;
}

Status PostgresServer::Start() {
  CHECK(!Running(), "the server runs already");
  WriteFile(std::filesystem::path(data_directory()) / "postgresql.conf", SettingsText());
  Result<std::unique_ptr<ChildProcess>> started =
      ChildProcess::Start(AsPostgres({Program("postgres"), "-D", data_directory()}));
  if (!started) return started.error();
  process_ = std::move(*started);
  const Status ready = Await("PostgreSQL takes connections", 60s, [this] {
    if (!process_->Running()) return Seen(true);
    const std::string log = Log();
    const std::size_t at = log.find("database system is ready to accept ");  // read-only
    return Seen(at != std::string::npos && log.find("connections", at) != std::string::npos,
                "it still starts");
  });
  if (!ready) return ready;
  if (!process_->Running()) return Error::GiveUp("PostgreSQL ended when starting: " + Log());
  return Ok();
}

Status PostgresServer::Stop(StopMode mode) {
  if (!Running()) return Ok();
  int signal = SIGINT;
  switch (mode) {
    case StopMode::kSmart:
      signal = SIGTERM;
      break;
    case StopMode::kFast:
      signal = SIGINT;
      break;
    case StopMode::kImmediate:
      signal = SIGQUIT;
      break;
  }
  const Result<ExitStatus> ended = process_->Stop(60s, signal);
  if (!ended) return ended.error();
  return Ok();
}

void PostgresServer::Crash() {
  if (!Running()) return;
  FreezeProcess(process_->pid());  // So that it starts no other while its children are killed.
  const std::vector<pid_t> children = Children();
  SignalAll(SIGKILL);
  const Result<ExitStatus> ended = process_->Wait(30s);
  CHECK(ended.ok(), "a killed server does not end");
  // While one of them is still on its way out, its shared memory is in use and nothing starts
  // there.
  const Status gone = Await("the killed processes end", 30s,
                            [&children] { return Seen(std::ranges::all_of(children, HasEnded)); });
  CHECK(gone.ok(), "a killed process of a server does not end");
}

void PostgresServer::Freeze() {
  FreezeProcess(process_->pid());  // First, so that it starts no other.
  for (const pid_t child : Children()) FreezeProcess(child);
}

void PostgresServer::Thaw() { SignalAll(SIGCONT); }

std::vector<pid_t> PostgresServer::Children() const {
  const std::string pid = std::to_string(process_->pid());
  std::istringstream text(ReadFile("/proc/" + pid + "/task/" + pid + "/children"));
  return {std::istream_iterator<pid_t>(text), std::istream_iterator<pid_t>()};
}

void PostgresServer::SignalAll(int signal) {
  for (const pid_t child : Children()) kill(child, signal);
  process_->Signal(signal);
}

std::string PostgresServer::Log() const {
  return process_ == nullptr ? std::string() : process_->ErrorOutput();
}

std::string PostgresServer::Conninfo(std::string_view database) const {
  return Conninfo(database, kUser, options_.password);
}

std::string PostgresServer::Conninfo(std::string_view database, std::string_view user,
                                     std::string_view password) const {
  return fmt::format("host={} port={} dbname={} user={} password={} connect_timeout=10", kHost,
                     port_, database, user, password);
}

Result<std::string> PostgresServer::Sql(std::string_view sql, std::string_view database) const {
  ProcessOptions options =
      AsPostgres({Program("psql"), "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set",
                  "ON_ERROR_STOP=1", "--host", socket_directory(), "--port", std::to_string(port_),
                  "--username", kUser, "--dbname", std::string(database)});
  options.input = sql;
  return RunOrError(options, 60s);
}

}  // namespace foreshard::support
