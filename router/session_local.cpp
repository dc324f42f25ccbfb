#include <algorithm>

#include "router/limits.h"
#include "router/session.h"

// What needs no shard, or the shards in use: transactions, settings, prepared statements of SQL.

namespace foreshard::router {

bool Session::IsLocal(const Statement& statement) const {
  switch (statement.kind) {
    case StatementKind::kBegin:
    case StatementKind::kCommit:
    case StatementKind::kRollback:
    case StatementKind::kSavepoint:
    case StatementKind::kReleaseSavepoint:
    case StatementKind::kRollbackToSavepoint:
    case StatementKind::kSet:
    case StatementKind::kSetConstraints:
    case StatementKind::kReset:
    case StatementKind::kShow:
    case StatementKind::kDiscard:
    case StatementKind::kPrepare:
    case StatementKind::kExecute:
    case StatementKind::kDeallocate:
    case StatementKind::kDeclareCursor:
    case StatementKind::kFetch:
    case StatementKind::kCloseCursor:
    case StatementKind::kUnlisten:
      return true;
    case StatementKind::kEmpty:
    case StatementKind::kRead:
    case StatementKind::kInsert:
    case StatementKind::kUpdate:
    case StatementKind::kDelete:
    case StatementKind::kTruncate:
    case StatementKind::kLockTable:
    case StatementKind::kCopyIn:
    case StatementKind::kCopyOut:
    case StatementKind::kDdl:
    case StatementKind::kMaintenance:
    case StatementKind::kNotify:
    case StatementKind::kExplain:
    case StatementKind::kDo:
    case StatementKind::kRefused:
      return false;
  }
  Unreachable(statement.kind);
}

// The end of a local statement: its tag, and in the simple protocol what follows it.
void Session::Complete(std::string_view tag) {
  std::string out;
  pg::AppendCommandComplete(&out, tag);
  Say(out);
  if (!extended_) EndStatement();
}

Session::Outcome Session::RunLocal(const std::shared_ptr<const Statement>& statement,
                                   std::string_view text, std::string_view frame, bool simple) {
  switch (statement->kind) {
    case StatementKind::kBegin:
      return Begin(*statement, text);
    case StatementKind::kCommit:
    case StatementKind::kRollback:
      return EndTransaction(statement, text, frame, simple);
    case StatementKind::kDeallocate:
      return Deallocate(*statement);
    case StatementKind::kDiscard:
      return Discard(*statement);
    case StatementKind::kUnlisten:
      Complete("UNLISTEN");
      return Outcome::kDone;
    case StatementKind::kShow:
      if (IsOwnSetting(statement->session.name)) return Show(*statement);
      return ForwardQuery(AnyShard(), text, frame, nullptr);
    case StatementKind::kSet:
    case StatementKind::kReset:
      if (IsOwnSetting(statement->session.name)) return SetOwn(*statement);
      return ForwardOrAll(statement, text, frame, simple);
    case StatementKind::kPrepare:
      return PrepareSql(*statement, text);
    case StatementKind::kExecute:
      return ExecuteSql(*statement);
    case StatementKind::kDeclareCursor: {
      if (statement->session.with_hold || tx_ == Tx::kIdle) {
        Fail({.sqlstate = "0A000",
              .message = "cursors live inside a transaction here",
              .hint = "Use BEGIN before DECLARE."});
        return Outcome::kDone;
      }
      scratch_->decision.Clear();
      if (!RouteStatement(*statement, text, scratch_->normalized)) return Outcome::kDone;
      if (scratch_->decision.kind == RouteKind::kLocal)
        scratch_->decision.kind = RouteKind::kAnyShard;
      return RunRouted(*statement, text, frame);
    }
    case StatementKind::kSavepoint:
    case StatementKind::kReleaseSavepoint:
    case StatementKind::kRollbackToSavepoint:
    case StatementKind::kSetConstraints:
    case StatementKind::kFetch:
    case StatementKind::kCloseCursor:
      return ForwardOrAll(statement, text, frame, simple);
    case StatementKind::kEmpty:
    case StatementKind::kRead:
    case StatementKind::kInsert:
    case StatementKind::kUpdate:
    case StatementKind::kDelete:
    case StatementKind::kTruncate:
    case StatementKind::kLockTable:
    case StatementKind::kCopyIn:
    case StatementKind::kCopyOut:
    case StatementKind::kDdl:
    case StatementKind::kMaintenance:
    case StatementKind::kNotify:
    case StatementKind::kExplain:
    case StatementKind::kDo:
    case StatementKind::kRefused:
      break;
  }
  Unreachable(statement->kind);
}

Session::Outcome Session::Begin(const Statement& statement, std::string_view text) {
  if (tx_ != Tx::kIdle && !implicit_) {
    std::string notice;
    pg::AppendNotice(&notice, {.severity = "WARNING",
                               .code = "25001",
                               .message = "there is already a transaction in progress",
                               .detail = {},
                               .hint = {}});
    Say(notice);
    Complete("BEGIN");
    return Outcome::kDone;
  }
  if (tx_ == Tx::kIdle) {
    tx_ = Tx::kOpen;
    begin_ = std::string(text);
    settings_at_begin_ = settings_;
    if (!statement.session.target.empty()) ApplyModes(statement.session);
  }
  implicit_ = false;
  Complete("BEGIN");
  return Outcome::kDone;
}

// A statement about the session or the transaction: the shard in use says whether it is good. With
// several shards in use it goes to each; with none, to the first.
Session::Outcome Session::ForwardOrAll(const std::shared_ptr<const Statement>& statement,
                                       std::string_view text, std::string_view frame, bool simple) {
  scratch_->decision.Clear();
  if (attached_.size() > 1 && statement->kind == StatementKind::kFetch) {
    Fail({.sqlstate = "0A000",
          .message = "FETCH and MOVE in a transaction on several shards",
          .hint = "Fetch before the transaction comes to a second shard."});
    return Outcome::kDone;
  }
  if (attached_.size() > 1 && tx_ != Tx::kIdle) {
    return ControlAll(std::string(text), {}, statement);
  }
  if (tx_ == Tx::kFailed && attached_.empty()) {
    Fail({.sqlstate = "25P02",
          .message =
              "current transaction is aborted, commands ignored until end of transaction block",
          .hint = {}});
    return Outcome::kDone;
  }
  if (host_.table() == nullptr) {
    Fail({.sqlstate = "57P03",
          .message = "the router has no routing table yet",
          .hint = "Retry in a moment."});
    return Outcome::kDone;
  }
  if (simple) return ForwardQuery(AnyShard(), text, frame, statement);
  return ControlAll(std::string(text), {}, statement);
}

Session::Outcome Session::EndTransaction(const std::shared_ptr<const Statement>& statement,
                                         std::string_view text, std::string_view frame,
                                         bool simple) {
  const bool commit = statement->kind == StatementKind::kCommit;
  if (tx_ == Tx::kIdle) {
    std::string notice;
    pg::AppendNotice(&notice, {.severity = "WARNING",
                               .code = "25P01",
                               .message = "there is no transaction in progress",
                               .detail = {},
                               .hint = {}});
    Say(notice);
    Complete(commit ? "COMMIT" : "ROLLBACK");
    return Outcome::kDone;
  }
  if (commit && !doomed_by_.empty()) {
    const std::string where = std::exchange(doomed_by_, {});
    // Ending the connections is the surest rollback there is.
    for (ServerLink* link : std::vector<ServerLink*>(attached_)) ReleaseOne(*link, !link->began);
    EndedTransaction(false);
    Fail(RetryTransaction(where));
    return Outcome::kDone;
  }
  if (statement->session.chain && attached_.size() != 1) {
    Fail({.sqlstate = "0A000",
          .message = "AND CHAIN needs a transaction on exactly one shard",
          .hint = {}});
    return Outcome::kDone;
  }
  if (attached_.empty()) {
    const bool good = commit && tx_ == Tx::kOpen;
    EndedTransaction(good);
    Complete(good ? "COMMIT" : "ROLLBACK");
    return Outcome::kDone;
  }
  if (!commit || tx_ == Tx::kFailed) return ControlAll("ROLLBACK", "ROLLBACK", nullptr);
  if (attached_.size() == 1 && simple && attached_.front()->began) {
    scratch_->decision.Clear();
    commits_now_ = true;
    writes_now_ = attached_.front()->wrote;
    return ForwardQuery(attached_.front()->shard, text, frame, nullptr);
  }
  return CommitAll(simple);
}

void Session::EndedTransaction(bool committed) {
  tx_ = Tx::kIdle;
  implicit_ = doomed_ = failed_here_ = false;
  doomed_by_.clear();
  proofs_.clear();
  savepoints_.clear();
  isolation_.reset();
  if (settings_.has_locals()) {
    settings_.EndLocals();
    RefreshPlanContext();
  }
  begin_.clear();
  replay_.clear();
  commits_now_ = false;
  if (!committed) {
    settings_ = settings_at_begin_;
    RefreshPlanContext();
  }
  for (ServerLink* link : attached_) {
    if (!committed && link->began) link->settings = link->settings_at_begin;
    link->began = link->wrote = link->used = link->bounded = false;
    link->proven.clear();
  }
}

Session::Outcome Session::Show(const Statement& statement) {
  std::string value = settings_.Find(statement.session.name).value_or("");
  if (statement.session.name == kConsistencySetting) value = ToString(consistency());
  std::string out;
  const pg::TextColumn column{.name = statement.session.name};
  const std::string_view values[] = {value};
  if (!extended_) pg::AppendRowDescription(&out, {&column, 1});
  pg::AppendTextRow(&out, values);
  Say(out);
  Complete("SHOW");
  return Outcome::kDone;
}

Session::Outcome Session::Deallocate(const Statement& statement) {
  const SessionCommand& command = statement.session;
  if (command.all) {
    named_.clear();
    Complete("DEALLOCATE ALL");
    return Outcome::kDone;
  }
  if (named_.erase(command.name) == 0) {
    Fail({.sqlstate = "26000",
          .message = "prepared statement \"" + command.name + "\" does not exist",
          .hint = {}});
    return Outcome::kDone;
  }
  Complete("DEALLOCATE");
  return Outcome::kDone;
}

Session::Outcome Session::Discard(const Statement& statement) {
  const std::string& target = statement.session.target;
  if (target == "ALL" || statement.session.all) {
    if (tx_ != Tx::kIdle && !implicit_) {
      Fail({.sqlstate = "25001",
            .message = "DISCARD ALL cannot run inside a transaction block",
            .hint = {}});
      return Outcome::kDone;
    }
    named_.clear();
    unnamed_.reset();
    settings_.ResetAll();
    RefreshPlanContext();
    Complete("DISCARD ALL");
    return Outcome::kDone;
  }
  // Plans, sequences' caches and temporary tables are of a server's session, which is not this
  // client's.
  Complete(target.empty() ? "DISCARD" : "DISCARD " + target);
  return Outcome::kDone;
}

}  // namespace foreshard::router
