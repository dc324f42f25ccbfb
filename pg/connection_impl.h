#pragma once

#include <libpq-fe.h>

#include <memory>
#include <string>
#include <vector>

#include "pg/connection.h"

// For pg/connection.cpp and pg/copy.cpp only: the one place that shows libpq.

namespace foreshard::pg {

struct ClearResult {
  void operator()(PGresult* result) const { PQclear(result); }
};
using ResultPtr = std::unique_ptr<PGresult, ClearResult>;

struct FinishConnection {
  void operator()(PGconn* connection) const { PQfinish(connection); }
};

class Connection::Impl {
 public:
  explicit Impl(const Clock& clock) : clock_(clock) {}

  // Connects and waits for it.
  Status Open(const ConnectOptions& options, Deadline deadline);
  bool alive() const {
    return connection_ != nullptr && PQstatus(connection_.get()) == CONNECTION_OK;
  }
  PGconn* get() const { return connection_.get(); }
  const Clock& clock() const { return clock_; }

  // Sends what `send` puts into libpq's buffer and flushes it. `send` returns libpq's 1 or 0.
  template <typename Send>
  Status Start(Send send, Deadline deadline) {
    if (!alive()) return Error::Retry("the connection is closed", "ConnectionLost");
    last_error_ = {};
    if (send(connection_.get()) == 0) return Failed();
    return Flush(deadline);
  }
  // The next result; null: the statement is over. Errors: LostAfterSending.
  Result<ResultPtr> Next(Deadline deadline);
  // Reads results to the end and answers the last one or the first error. REQUIRES: no COPY.
  Result<ResultPtr> Drain(Deadline deadline);
  Status Flush(Deadline deadline);
  // False: the deadline passed first.
  bool WaitReadable(Deadline deadline) { return Wait(false, deadline); }
  bool Wait(bool writable, Deadline deadline);

  // Cancels what runs and reads it to its end; closes the connection if that does not work either.
  Error TimedOut();
  // The connection failed below PostgreSQL's own errors.
  Error Failed();
  Error Refused(const PGresult* result);
  void Close() { connection_.reset(); }

  ServerError last_error_;
  std::vector<ServerError> notices_;

 private:
  Status Poll(Deadline deadline);
  static void OnNotice(void* self, const PGresult* notice);

  const Clock& clock_;
  std::unique_ptr<PGconn, FinishConnection> connection_;
};

}  // namespace foreshard::pg
