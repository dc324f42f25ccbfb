#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/deadline.h"
#include "base/result.h"
#include "pg/copy.h"
#include "pg/sqlstate.h"
#include "pg/statement.h"

namespace foreshard::pg {

struct ConnectOptions {
  std::string conninfo;      // libpq keywords or URI; holds the password
  bool replication = false;  // logical replication commands (replication=database)
  std::string application_name = "foreshard";
};

// One session with one PostgreSQL server, without ever blocking past a deadline.
//
// When a deadline passes while a statement runs, the statement is cancelled; if the server does not
// answer that either, the connection is closed. Both are kReobserve: the statement may have had its
// effect.
//
// Owner:   whoever connected; the session ends with the object.
// Threads: one at a time.
class Connection {
 public:
  // Errors: kRetry if nothing listens or the deadline passed; kGiveUp for a refused login or a
  // missing database.
  static Result<std::unique_ptr<Connection>> Connect(const ConnectOptions& options,
                                                     const Clock& clock, Deadline deadline);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Simple protocol: several statements are one implicit transaction; answers the rows of the last
  // one.
  Result<Rows> Exec(std::string_view sql, Deadline deadline);
  // One statement with parameters $1, $2, ...
  Result<Rows> Exec(std::string_view sql, const Parameters& parameters, Deadline deadline);

  // COPY ... TO STDOUT and COPY ... FROM STDIN. Nothing else may be called until the stream has
  // ended or is destroyed; a stream that did not end makes the connection unusable.
  Result<CopyOut> StartCopyOut(std::string_view sql, Deadline deadline);
  Result<CopyIn> StartCopyIn(std::string_view sql, Deadline deadline);

  bool alive() const;
  // True while a transaction block is open, failed ones included.
  bool in_transaction() const;
  int backend_pid() const;
  int server_version() const;  // 150020 is 15.20
  const Clock& clock() const;

  // What the server said about the last failed statement; empty SQLSTATE if it said nothing.
  const ServerError& last_error() const;
  // Warnings and notices since the last call; at most the newest 100.
  std::vector<ServerError> TakeNotices();

 private:
  friend class CopyIn;
  friend class CopyOut;
  class Impl;
  explicit Connection(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

// BEGIN now, ROLLBACK at the end of the scope unless committed.
class Transaction {
 public:
  // `begin`: for example "BEGIN ISOLATION LEVEL REPEATABLE READ".
  static Result<Transaction> Begin(Connection& connection, std::string_view begin,
                                   Deadline deadline);
  Transaction(Transaction&& other) noexcept;
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();

  // Errors: kReobserve if the reply was lost; the commit may have happened.
  Status Commit(Deadline deadline);

 private:
  explicit Transaction(Connection& connection) : connection_(&connection) {}

  Connection* connection_;  // null: ended
};

}  // namespace foreshard::pg
