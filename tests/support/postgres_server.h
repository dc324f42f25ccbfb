#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "tests/support/child_process.h"

namespace foreshard::support {

struct PostgresOptions {
  // Added to the defaults: wal_level logical, fsync off, 200 connections, 20 slots, senders and
  // workers, which start again after 500 ms.
  std::vector<std::pair<std::string, std::string>> settings = {};
  std::string password = "postgres";  // of the superuser `postgres`
  std::string authentication =
      "scram-sha-256";  // of connections over TCP; those over the socket are trusted
  std::vector<std::string> initdb = {"--data-checksums"};
  bool tls = false;  // a self-signed certificate for localhost, made when starting
};

// A throw-away PostgreSQL 15 on 127.0.0.1, in a temporary folder, never as root: as root it runs as
// user `postgres`.
//
// Owner:   the test. The destructor stops it at once and removes its data, and the shared memory
//          that a killed server leaves.
// Threads: as ChildProcess. The port stays the same over Stop() and Start().
class PostgresServer {
 public:
  // Takes connections when it returns; about a second.
  static Result<std::unique_ptr<PostgresServer>> Create(const PostgresOptions& options = {});
  // A streaming replica of `primary`, with these settings after the primary's.
  static Result<std::unique_ptr<PostgresServer>> CreateStandby(
      const PostgresServer& primary,
      const std::vector<std::pair<std::string, std::string>>& settings = {});
  // With an empty data folder, which another program fills as the user that owns it, for example
  // from a backup; then Start(). Recovery may still go on when that returns.
  static Result<std::unique_ptr<PostgresServer>> CreateEmpty(const PostgresOptions& options);
  ~PostgresServer();

  static constexpr const char* kHost = "127.0.0.1";
  int port() const { return port_; }
  const std::string& password() const { return options_.password; }
  std::string data_directory() const { return directory_.File("data"); }
  std::string socket_directory() const { return directory_.path().string(); }
  // Of the self-signed certificate; only with options.tls.
  std::string certificate_file() const { return data_directory() + "/server.crt"; }

  // For libpq, over TCP, with the superuser's password.
  std::string Conninfo(std::string_view database = "postgres") const;
  std::string Conninfo(std::string_view database, std::string_view user,
                       std::string_view password) const;

  // Runs SQL with psql over the socket as the superuser, in one session, stopping at the first
  // error. Returns the rows without headings, columns parted by '|'. Errors: kGiveUp with psql's
  // message.
  Result<std::string> Sql(std::string_view sql, std::string_view database = "postgres") const;

  Status Start();
  enum class StopMode { kSmart, kFast, kImmediate };
  Status Stop(StopMode mode = StopMode::kFast);
  // As a power cut would end it: SIGKILL to all its processes. Start() then recovers.
  void Crash();
  bool Running() { return process_ != nullptr && process_->Running(); }
  // SIGSTOP and SIGCONT to all its processes.
  void Freeze();
  void Thaw();

  // What the server has logged so far.
  std::string Log() const;

 private:
  explicit PostgresServer(PostgresOptions options) : options_(std::move(options)) {}

  static Result<std::unique_ptr<PostgresServer>> StartSomewhere(
      std::unique_ptr<PostgresServer> server);
  Status Own() const;
  Status Initialize();
  Status MakeCertificate();
  std::string SettingsText() const;
  // The server's processes: each of PostgreSQL's leads a session of its own, so the group has the
  // first one only.
  std::vector<pid_t> Children() const;
  void SignalAll(int signal);
  ProcessOptions AsPostgres(std::vector<std::string> command) const;

  PostgresOptions options_;
  TemporaryDirectory directory_{"pg"};
  int port_ = 0;
  std::unique_ptr<ChildProcess> process_;
};

}  // namespace foreshard::support
