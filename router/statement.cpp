#include "router/statement.h"

#include <tuple>

#include "base/check.h"

namespace foreshard::router {

const char* ToString(StatementKind kind) {
  switch (kind) {
    case StatementKind::kEmpty:
      return "empty";
    case StatementKind::kRead:
      return "read";
    case StatementKind::kInsert:
      return "insert";
    case StatementKind::kUpdate:
      return "update";
    case StatementKind::kDelete:
      return "delete";
    case StatementKind::kTruncate:
      return "truncate";
    case StatementKind::kLockTable:
      return "lock table";
    case StatementKind::kCopyIn:
      return "copy in";
    case StatementKind::kCopyOut:
      return "copy out";
    case StatementKind::kDdl:
      return "ddl";
    case StatementKind::kMaintenance:
      return "maintenance";
    case StatementKind::kBegin:
      return "begin";
    case StatementKind::kCommit:
      return "commit";
    case StatementKind::kRollback:
      return "rollback";
    case StatementKind::kSavepoint:
      return "savepoint";
    case StatementKind::kReleaseSavepoint:
      return "release savepoint";
    case StatementKind::kRollbackToSavepoint:
      return "rollback to savepoint";
    case StatementKind::kSet:
      return "set";
    case StatementKind::kSetConstraints:
      return "set constraints";
    case StatementKind::kReset:
      return "reset";
    case StatementKind::kShow:
      return "show";
    case StatementKind::kDiscard:
      return "discard";
    case StatementKind::kPrepare:
      return "prepare";
    case StatementKind::kExecute:
      return "execute";
    case StatementKind::kDeallocate:
      return "deallocate";
    case StatementKind::kDeclareCursor:
      return "declare cursor";
    case StatementKind::kFetch:
      return "fetch";
    case StatementKind::kCloseCursor:
      return "close cursor";
    case StatementKind::kNotify:
      return "notify";
    case StatementKind::kUnlisten:
      return "unlisten";
    case StatementKind::kExplain:
      return "explain";
    case StatementKind::kDo:
      return "do";
    case StatementKind::kRefused:
      return "refused";
  }
  Unreachable(kind);
}

bool IsPlain(StatementKind kind) {
  return kind == StatementKind::kRead || kind == StatementKind::kInsert ||
         kind == StatementKind::kUpdate || kind == StatementKind::kDelete;
}

bool Statement::operator==(const Statement& other) const {
  const auto fields = [](const Statement& s) {
    return std::tie(s.kind, s.refusal, s.unless_shard_key, s.not_on_several, s.tables,
                    s.reads_sharded, s.writes, s.writes_reference, s.locks_rows, s.locks_reference,
                    s.returns_rows, s.no_transaction, s.keys, s.keys_complete, s.key_unknown,
                    s.key_column, s.colocated, s.not_colocated, s.merge, s.not_mergeable, s.insert,
                    s.key_change, s.table_spots, s.where_spots, s.copy, s.session, s.set_configs,
                    s.arguments, s.inner_first, s.names_columns, s.needs_columns_of, s.functions,
                    s.runs_unseen, s.on_primary, s.types, s.looked_at);
  };
  if (fields(*this) != fields(other)) return false;
  if (inner == nullptr || other.inner == nullptr) return inner == other.inner;
  return *inner == *other.inner;
}

}  // namespace foreshard::router
