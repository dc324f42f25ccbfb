#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

// What a SQLSTATE asks us to do next. The only place where a code of PostgreSQL becomes an
// Error::Kind.

namespace foreshard::pg {

// Codes raised by schema foreshard of a shard (migration/shard_schema.sql).
inline constexpr std::string_view kStaleOwner =
    "FS001";  // this shard takes no writes for the range
inline constexpr std::string_view kFencedToken = "FS002";  // an older token than the shard has seen
inline constexpr std::string_view kWrongState =
    "FS003";  // the row is not in the state the call expects

// The kind of an error that the server answered to a statement. An unknown code is kGiveUp:
// repeating what we do not understand is how loops are made.
Error::Kind KindOfSqlState(std::string_view sqlstate);

// What the server said. Values of rows may stand in `detail`: show it only where the text is our
// own.
struct ServerError {
  std::string sqlstate;
  std::string message;
  std::string detail;
  std::string hint;
};

Error ToError(const ServerError& error);

// The connection ended, or the deadline passed, after the statement was sent: it may or may not
// have had its effect.
Error LostAfterSending(std::string what);

}  // namespace foreshard::pg
