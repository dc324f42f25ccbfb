#include "pg/copy.h"

#include <charconv>
#include <cstring>

#include "pg/connection_impl.h"

namespace foreshard::pg {

namespace {

// libpq takes an int; pieces of this size also bound its buffer.
constexpr std::size_t kPieceBytes = std::size_t{1} << 20;

}  // namespace

Result<CopyOut> Connection::StartCopyOut(std::string_view sql, Deadline deadline) {
  const std::string text(sql);
  Status sent = impl_->Start([&](PGconn* c) { return PQsendQuery(c, text.c_str()); }, deadline);
  if (!sent) return sent.error();
  Result<ResultPtr> first = impl_->Next(deadline);
  if (!first) return first.error();
  if (*first != nullptr && PQresultStatus(first->get()) == PGRES_COPY_OUT) return CopyOut(*this);
  const Error error = *first != nullptr && PQresultStatus(first->get()) == PGRES_FATAL_ERROR
                          ? impl_->Refused(first->get())
                          : Error::GiveUp("not a COPY ... TO STDOUT");
  if (impl_->alive()) static_cast<void>(impl_->Drain(deadline));  // the error is known already
  return error;
}

Result<CopyIn> Connection::StartCopyIn(std::string_view sql, Deadline deadline) {
  const std::string text(sql);
  Status sent = impl_->Start([&](PGconn* c) { return PQsendQuery(c, text.c_str()); }, deadline);
  if (!sent) return sent.error();
  Result<ResultPtr> first = impl_->Next(deadline);
  if (!first) return first.error();
  if (*first != nullptr && PQresultStatus(first->get()) == PGRES_COPY_IN) return CopyIn(*this);
  const Error error = *first != nullptr && PQresultStatus(first->get()) == PGRES_FATAL_ERROR
                          ? impl_->Refused(first->get())
                          : Error::GiveUp("not a COPY ... FROM STDIN");
  if (impl_->alive()) static_cast<void>(impl_->Drain(deadline));  // the error is known already
  return error;
}

Result<bool> CopyOut::Next(std::string& buffer, Deadline deadline) {
  Connection::Impl& impl = *connection_->impl_;
  while (impl.alive()) {
    char* row = nullptr;
    const int length = PQgetCopyData(impl.get(), &row, 1);
    if (length > 0) {
      buffer.append(row, static_cast<std::size_t>(length));
      PQfreemem(row);
      return true;
    }
    if (length == -1) {
      Result<ResultPtr> ended = impl.Drain(deadline);
      if (!ended) return ended.error();
      return false;
    }
    if (length == -2) return impl.Failed();
    if (!impl.WaitReadable(deadline)) {
      impl.Close();  // rows in flight cannot be read past: the stream is lost
      return LostAfterSending("the deadline passed inside COPY");
    }
    if (PQconsumeInput(impl.get()) == 0) return impl.Failed();
  }
  return LostAfterSending("connection lost inside COPY");
}

Status CopyIn::Write(std::string_view bytes, Deadline deadline) {
  Connection::Impl& impl = *connection_->impl_;
  while (!bytes.empty()) {
    if (!impl.alive()) return LostAfterSending("connection lost inside COPY");
    const std::string_view piece = bytes.substr(0, kPieceBytes);
    const int put = PQputCopyData(impl.get(), piece.data(), static_cast<int>(piece.size()));
    if (put < 0) return impl.Failed();
    if (put == 1) bytes.remove_prefix(piece.size());
    if (Status flushed = impl.Flush(deadline); !flushed) return flushed;
  }
  return Ok();
}

Result<std::int64_t> CopyIn::Finish(Deadline deadline) {
  Connection::Impl& impl = *connection_->impl_;
  if (!impl.alive()) return LostAfterSending("connection lost inside COPY");
  int put = 0;
  while ((put = PQputCopyEnd(impl.get(), nullptr)) == 0) {
    if (Status flushed = impl.Flush(deadline); !flushed) return flushed.error();
  }
  if (put < 0) return impl.Failed();
  if (Status flushed = impl.Flush(deadline); !flushed) return flushed.error();
  Result<ResultPtr> ended = impl.Drain(deadline);
  if (!ended) return ended.error();
  std::int64_t rows = 0;
  const char* tuples = PQcmdTuples(ended->get());
  std::from_chars(tuples, tuples + std::strlen(tuples), rows);
  return rows;
}

Status CopyIn::Abort(std::string_view why, Deadline deadline) {
  Connection::Impl& impl = *connection_->impl_;
  if (!impl.alive()) return Ok();
  int put = 0;
  while ((put = PQputCopyEnd(impl.get(), std::string(why).c_str())) == 0) {
    if (Status flushed = impl.Flush(deadline); !flushed) return flushed;
  }
  if (put < 0) return impl.Failed();
  if (Status flushed = impl.Flush(deadline); !flushed) return flushed;
  static_cast<void>(impl.Drain(deadline));  // 57014, as asked for
  return Ok();
}

}  // namespace foreshard::pg
