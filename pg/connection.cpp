#include "pg/connection.h"

#include <poll.h>

#include <array>
#include <charconv>
#include <cstring>
#include <utility>

#include "base/log.h"
#include "pg/connection_impl.h"
#include "pg/conninfo.h"

namespace foreshard::pg {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t kNoticesMax = 100;
constexpr auto kCancelGrace = 500ms;

std::string FieldOf(const PGresult* result, int field) {
  const char* text = PQresultErrorField(result, field);
  return text == nullptr ? std::string() : std::string(text);
}

ServerError ServerErrorOf(const PGresult* result) {
  return {.sqlstate = FieldOf(result, PG_DIAG_SQLSTATE),
          .message = FieldOf(result, PG_DIAG_MESSAGE_PRIMARY),
          .detail = FieldOf(result, PG_DIAG_MESSAGE_DETAIL),
          .hint = FieldOf(result, PG_DIAG_MESSAGE_HINT)};
}

std::string OneLine(const char* text) {
  std::string result = text == nullptr ? "" : text;
  while (!result.empty() && (result.back() == '\n' || result.back() == ' ')) result.pop_back();
  for (char& c : result) {
    if (c == '\n') c = ' ';
  }
  return result;
}

Rows ToRows(const PGresult* result) {
  const int columns = PQnfields(result);
  const int rows = PQntuples(result);
  std::vector<std::optional<std::string>> cells;
  cells.reserve(static_cast<std::size_t>(columns) * static_cast<std::size_t>(rows));
  for (int row = 0; row < rows; ++row) {
    for (int column = 0; column < columns; ++column) {
      if (PQgetisnull(result, row, column) != 0) {
        cells.emplace_back(std::nullopt);
      } else {
        cells.emplace_back(std::in_place, PQgetvalue(result, row, column),
                           static_cast<std::size_t>(PQgetlength(result, row, column)));
      }
    }
  }
  std::int64_t affected = 0;
  const char* tuples = PQcmdTuples(const_cast<PGresult*>(result));  // libpq only reads it
  std::from_chars(tuples, tuples + std::strlen(tuples), affected);
  return {static_cast<std::size_t>(columns), std::move(cells), affected};
}

// libpq hands out no SQLSTATE for a failed start, so its words decide what a repetition cannot
// help.
Error ConnectFailed(const std::string& text) {
  for (const char* final : {"authentication failed", "no pg_hba.conf entry", "does not exist",
                            "certificate verify failed", "password", "invalid"}) {
    if (text.find(final) != std::string::npos) return Error::GiveUp(text, "LoginRefused");
  }
  return Error::Retry(text, "ConnectFailed");
}

}  // namespace

bool Connection::Impl::Wait(bool writable, Deadline deadline) {
  pollfd entry = {PQsocket(connection_.get()),
                  static_cast<short>(POLLIN | (writable ? POLLOUT : 0)), 0};
  while (!deadline.Passed(clock_)) {
    // A millisecond more than remains, so that the last fraction does not become a busy loop.
    const auto rest = std::min<std::chrono::milliseconds>(deadline.Remaining(clock_) + 1ms, 60s);
    const int ready = ::poll(&entry, 1, static_cast<int>(rest.count()));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return true;  // the next call on the socket says why
  }
  return false;
}

Status Connection::Impl::Open(const ConnectOptions& options, Deadline deadline) {
  Result<Conninfo> settings = Conninfo::Parse(options.conninfo);
  if (!settings) return settings.error();
  Conninfo conninfo = settings->WithDefault("tcp_user_timeout", "5000")
                          .WithDefault("keepalives_idle", "5")
                          .WithDefault("keepalives_interval", "1")
                          .WithDefault("keepalives_count", "4")
                          .WithDefault("application_name", options.application_name)
                          .WithDefault("client_encoding", "UTF8")
                          .WithDefault("gssencmode", "disable");
  if (options.replication) conninfo = conninfo.With("replication", "database");
  connection_.reset(PQconnectStart(conninfo.text().c_str()));
  if (!connection_) return Error::Retry("out of memory", "ConnectFailed");
  if (PQstatus(connection_.get()) == CONNECTION_BAD) {
    return ConnectFailed(OneLine(PQerrorMessage(connection_.get())));
  }
  PQsetNoticeReceiver(connection_.get(), &Impl::OnNotice, this);
  if (Status polled = Poll(deadline); !polled) {
    Close();
    return polled;
  }
  PQsetnonblocking(connection_.get(), 1);
  return Ok();
}

Status Connection::Impl::Poll(Deadline deadline) {
  bool writable = true;
  while (true) {
    if (!Wait(writable, deadline)) {
      return Error::Retry("no answer to a connection in time", "ConnectTimedOut");
    }
    switch (PQconnectPoll(connection_.get())) {
      case PGRES_POLLING_OK:
        return Ok();
      case PGRES_POLLING_READING:
        writable = false;
        break;
      case PGRES_POLLING_WRITING:
        writable = true;
        break;
      case PGRES_POLLING_FAILED:
      case PGRES_POLLING_ACTIVE:
        return ConnectFailed(OneLine(PQerrorMessage(connection_.get())));
    }
  }
}

void Connection::Impl::OnNotice(void* self, const PGresult* notice) {
  std::vector<ServerError>& notices = static_cast<Impl*>(self)->notices_;
  if (notices.size() >= kNoticesMax) notices.erase(notices.begin());
  notices.push_back(ServerErrorOf(notice));
}

Status Connection::Impl::Flush(Deadline deadline) {
  while (true) {
    const int rest = PQflush(connection_.get());
    if (rest == 0) return Ok();
    if (rest < 0) return Failed();
    if (!Wait(true, deadline)) return TimedOut();
    // The server may have to be read before it reads on.
    if (PQconsumeInput(connection_.get()) == 0) return Failed();
  }
}

Result<ResultPtr> Connection::Impl::Next(Deadline deadline) {
  while (PQisBusy(connection_.get()) != 0) {
    if (!WaitReadable(deadline)) return TimedOut();
    if (PQconsumeInput(connection_.get()) == 0) return Failed();
  }
  return ResultPtr(PQgetResult(connection_.get()));
}

Result<ResultPtr> Connection::Impl::Drain(Deadline deadline) {
  ResultPtr last;
  std::optional<Error> refused;
  while (true) {
    Result<ResultPtr> next = Next(deadline);
    if (!next) return next.error();
    if (*next == nullptr) break;
    switch (PQresultStatus(next->get())) {
      case PGRES_COMMAND_OK:
      case PGRES_TUPLES_OK:
      case PGRES_EMPTY_QUERY:
        last = std::move(*next);
        break;
      case PGRES_COPY_IN:
      case PGRES_COPY_OUT:
      case PGRES_COPY_BOTH:
        Close();
        return Error::GiveUp("COPY needs StartCopyIn or StartCopyOut");
      case PGRES_BAD_RESPONSE:
      case PGRES_NONFATAL_ERROR:
      case PGRES_FATAL_ERROR:
      case PGRES_SINGLE_TUPLE:
      case PGRES_PIPELINE_SYNC:
      case PGRES_PIPELINE_ABORTED:
        if (!refused) refused = Refused(next->get());
        break;
    }
  }
  if (refused) return *refused;
  return last;
}

Error Connection::Impl::TimedOut() {
  const std::unique_ptr<PGcancel, decltype(&PQfreeCancel)> cancel(PQgetCancel(connection_.get()),
                                                                  &PQfreeCancel);
  std::array<char, 256> text{};
  const Deadline grace = Deadline::After(clock_, kCancelGrace);
  bool quiet =
      cancel != nullptr && PQcancel(cancel.get(), text.data(), static_cast<int>(text.size())) == 1;
  while (quiet) {
    if (PQisBusy(connection_.get()) != 0) {
      quiet = WaitReadable(grace) && PQconsumeInput(connection_.get()) == 1;
      continue;
    }
    const ResultPtr result(PQgetResult(connection_.get()));
    if (result == nullptr) break;
    const ExecStatusType status = PQresultStatus(result.get());
    if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH)
      quiet = false;
  }
  if (!quiet) Close();
  return LostAfterSending("the deadline passed while a statement ran");
}

Error Connection::Impl::Failed() {
  const std::string text = connection_ ? OneLine(PQerrorMessage(connection_.get())) : "closed";
  Close();
  return LostAfterSending("connection lost: " + text);
}

Error Connection::Impl::Refused(const PGresult* result) {
  last_error_ = ServerErrorOf(result);
  if (last_error_.sqlstate.empty()) return Failed();  // libpq's own words: the connection is gone
  return ToError(last_error_);
}

Connection::Connection(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Connection::~Connection() = default;

Result<std::unique_ptr<Connection>> Connection::Connect(const ConnectOptions& options,
                                                        const Clock& clock, Deadline deadline) {
  auto impl = std::make_unique<Impl>(clock);
  if (Status opened = impl->Open(options, deadline); !opened) return opened.error();
  return std::unique_ptr<Connection>(new Connection(std::move(impl)));
}

Result<Rows> Connection::Exec(std::string_view sql, Deadline deadline) {
  const std::string text(sql);
  Status sent = impl_->Start([&](PGconn* c) { return PQsendQuery(c, text.c_str()); }, deadline);
  if (!sent) return sent.error();
  Result<ResultPtr> result = impl_->Drain(deadline);
  if (!result) return result.error();
  return *result == nullptr ? Rows() : ToRows(result->get());
}

Result<Rows> Connection::Exec(std::string_view sql, const Parameters& parameters,
                              Deadline deadline) {
  const std::string text(sql);
  std::vector<const char*> values;
  values.reserve(parameters.size());
  for (const Parameter& parameter : parameters) {
    values.push_back(parameter.text ? parameter.text->c_str() : nullptr);
  }
  const auto send = [&](PGconn* c) {
    return PQsendQueryParams(c, text.c_str(), static_cast<int>(values.size()), nullptr,
                             values.data(), nullptr, nullptr, 0);
  };
  Status sent = impl_->Start(send, deadline);
  if (!sent) return sent.error();
  Result<ResultPtr> result = impl_->Drain(deadline);
  if (!result) return result.error();
  return *result == nullptr ? Rows() : ToRows(result->get());
}

bool Connection::alive() const { return impl_->alive(); }

bool Connection::in_transaction() const {
  if (!impl_->alive()) return false;
  const PGTransactionStatusType status = PQtransactionStatus(impl_->get());
  return status == PQTRANS_INTRANS || status == PQTRANS_INERROR || status == PQTRANS_ACTIVE;
}

int Connection::backend_pid() const { return impl_->alive() ? PQbackendPID(impl_->get()) : 0; }
int Connection::server_version() const {
  return impl_->alive() ? PQserverVersion(impl_->get()) : 0;
}
const Clock& Connection::clock() const { return impl_->clock(); }
const ServerError& Connection::last_error() const { return impl_->last_error_; }
std::vector<ServerError> Connection::TakeNotices() { return std::exchange(impl_->notices_, {}); }

Result<Transaction> Transaction::Begin(Connection& connection, std::string_view begin,
                                       Deadline deadline) {
  Result<Rows> begun = connection.Exec(begin, deadline);
  if (!begun) return begun.error();
  return Transaction(connection);
}

Transaction::Transaction(Transaction&& other) noexcept
    : connection_(std::exchange(other.connection_, nullptr)) {}

Transaction::~Transaction() {
  if (connection_ == nullptr || !connection_->alive()) return;
  // A rollback that fails leaves a closed connection, whose transaction the server ends as well.
  const auto dropped = connection_->Exec("ROLLBACK", Deadline::After(connection_->clock(), 5s));
  static_cast<void>(dropped);
}

Status Transaction::Commit(Deadline deadline) {
  Connection* connection = std::exchange(connection_, nullptr);
  CHECK(connection != nullptr, "a transaction ends once");
  Result<Rows> committed = connection->Exec("COMMIT", deadline);
  if (!committed) return committed.error();
  return Ok();
}

}  // namespace foreshard::pg
