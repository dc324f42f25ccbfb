#include "pg/sqlstate.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace foreshard::pg {

namespace {

struct Row {
  std::string_view prefix;  // a whole code, or the two letters of a class
  Error::Kind kind;
};

// The first match counts, so whole codes stand before their class.
constexpr std::array kTable = {
    Row{kStaleOwner, Error::Kind::kReobserve},
    Row{kFencedToken, Error::Kind::kFenced},
    Row{kWrongState, Error::Kind::kReobserve},
    Row{"08", Error::Kind::kReobserve},     // connection exceptions: the reply is lost
    Row{"25006", Error::Kind::kReobserve},  // read only: no longer the primary
    Row{"25P03", Error::Kind::kRetry},      // idle in transaction time-out
    Row{"40003", Error::Kind::kReobserve},  // statement completion unknown
    Row{"40", Error::Kind::kRetry},         // serialization failure, deadlock
    Row{"53", Error::Kind::kRetry},         // too many connections, disk full, out of memory
    Row{"55P03", Error::Kind::kRetry},      // lock not available
    Row{"55006", Error::Kind::kRetry},  // object in use, as a slot that its old owner still holds
    Row{"57014", Error::Kind::kReobserve},  // cancelled: ours, or somebody else's
    Row{"57P03", Error::Kind::kRetry},      // starting up or shutting down
    Row{"57P", Error::Kind::kReobserve},    // terminated by an administrator or a crash
    Row{"58", Error::Kind::kRetry},         // I/O errors of the server
    Row{"XX000", Error::Kind::kReobserve},  // for example "tuple concurrently updated"
};

}  // namespace

Error::Kind KindOfSqlState(std::string_view sqlstate) {
  const auto row = std::find_if(kTable.begin(), kTable.end(), [&](const Row& candidate) {
    return sqlstate.substr(0, candidate.prefix.size()) == candidate.prefix;
  });
  return row == kTable.end() ? Error::Kind::kGiveUp : row->kind;
}

Error ToError(const ServerError& error) {
  std::string text = error.message;
  if (!error.detail.empty() && error.sqlstate.substr(0, 2) == "FS") {
    text += fmt::format(" ({})", error.detail);
  }
  return Error{KindOfSqlState(error.sqlstate), std::move(text), {}, error.sqlstate};
}

Error LostAfterSending(std::string what) { return Error::Reobserve(std::move(what), "ReplyLost"); }

}  // namespace foreshard::pg
