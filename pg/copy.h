#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/deadline.h"
#include "base/result.h"

namespace foreshard::pg {

class Connection;

// Rows of COPY ... TO STDOUT. Made by Connection::StartCopyOut.
class CopyOut {
 public:
  // Appends the next row, newline included, to `buffer`. False: no more rows, and the statement
  // succeeded.
  Result<bool> Next(std::string& buffer, Deadline deadline);

 private:
  friend class Connection;
  explicit CopyOut(Connection& connection) : connection_(&connection) {}

  Connection* connection_;
};

// Rows of COPY ... FROM STDIN. Made by Connection::StartCopyIn.
class CopyIn {
 public:
  // Bytes need not end at a row.
  Status Write(std::string_view bytes, Deadline deadline);
  // Answers the number of rows.
  Result<std::int64_t> Finish(Deadline deadline);
  // Makes the server forget what was sent; the statement fails with 57014.
  Status Abort(std::string_view why, Deadline deadline);

 private:
  friend class Connection;
  explicit CopyIn(Connection& connection) : connection_(&connection) {}

  Connection* connection_;
};

}  // namespace foreshard::pg
