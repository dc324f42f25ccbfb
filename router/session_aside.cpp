#include "base/check.h"
#include "pg/wire_backend.h"
#include "router/limits.h"
#include "router/session.h"

// Questions of our own to a server while a message of the client waits.

namespace foreshard::router {
namespace {

// {"a","b"}: an array of names as PostgreSQL reads it.
std::string Joined(const std::vector<std::string>& names) {
  std::string all = "{";
  for (const std::string& name : names) {
    all += all.size() == 1 ? "\"" : ",\"";
    for (const char c : name) {
      if (c == '"' || c == '\\') all += '\\';
      all += c;
    }
    all += '"';
  }
  return all + "}";
}

}  // namespace

void Session::Ask(ServerLink& link, std::string_view sql, bool is_settings) {
  std::string question;
  pg::AppendQuery(&question, sql);
  AskInMessages(link, question);
  aside_->is_settings = is_settings;
}

void Session::AskInMessages(ServerLink& link, std::string_view question) {
  CHECK(!aside_.has_value(), "two questions at a time");
  aside_.emplace();
  aside_->link = &link;
  link.out().append(question);
  link.unnamed = 0;
  wait_ = Wait::kAside;
}

std::size_t Session::AsideBytes(ServerLink& link, std::string_view bytes) {
  std::size_t at = 0;
  pg::WireFrame frame;
  while (pg::NextFrame(bytes.substr(at), kServerMessageBytesMax, &frame) ==
         pg::WireFrameState::kComplete) {
    at += frame.whole.size();
    if (frame.type == 'T' && aside_->describes) {
      aside_->description = std::string(frame.whole);
    } else if (frame.type == 'D') {
      pg::RowValues values(frame.body);
      std::optional<std::string_view> value;
      if (values.Next(&value)) aside_->rows.emplace_back(value.value_or(std::string_view()));
    } else if (frame.type == 'E') {
      const std::optional<pg::ErrorFields> error = pg::DecodeError(frame.body);
      if (error && error->severity == "FATAL") {
        OnServerLost(link, error->message);
        return bytes.size();
      }
      aside_->failure =
          Refusal{.sqlstate = error ? std::string(error->code) : "XX000",
                  .message = error ? std::string(error->message) : "malformed error of a shard",
                  .hint = error ? std::string(error->hint) : std::string()};
    } else if (frame.type == 'S' && aside_->is_settings) {
      host_.client_out().append(frame.whole);
    } else if (frame.type == 'Z') {
      link.status = frame.body.empty() ? '?' : frame.body[0];
      EndAside(link);
      return at;
    }
  }
  return at;
}

void Session::EndAside(ServerLink& link) {
  const Aside ended = std::move(*aside_);
  aside_.reset();
  wait_ = Wait::kNone;
  if (retrying_) {
    OnRetryReady(link);
    return;
  }
  if (ended.failure && link.replica) {  // A setting that a replica does not take.
    primary_only_ = true;
    ReleaseOne(link, false);
    return;
  }
  if (ended.failure) {
    wait_failure_ = ended.failure;
    return;
  }
  if (ended.describes) described_ = ended.description;
  if (ended.is_settings) link.settings = settings_.script();
  if (!ended.functions.empty()) {
    Functions learned;
    for (const std::string& row : ended.rows) {
      if (auto function = FunctionOfRow(row)) learned.insert(*std::move(function));
    }
    // One that does not exist is not remembered: it may be made later.
    asked_.insert(ended.functions);
    host_.LearnFunctions(learned);
  }
  if (!ended.table.empty()) {
    if (ended.rows.empty()) {
      wait_failure_ = Refusal{.sqlstate = "42P01",
                              .message = "relation \"" + ended.table + "\" does not exist",
                              .hint = {}};
      return;
    }
    host_.LearnColumns(ended.table, ended.rows);
    asked_.insert(ended.table);
  }
}

// A list of columns that was learned names one that is no more: the table was changed elsewhere.
void Session::CheckLearned(std::string_view code) {
  if (std::exchange(learned_columns_, false) && code == "42703") host_.ForgetColumns();
}

// Its meaning depends on something that a shard can be asked for, once: the columns of a table for
// an INSERT or COPY without a list of them, or functions that it calls.
bool Session::MayLearn(const Statement& statement) const {
  if (tx_ == Tx::kFailed) return false;
  if (!statement.needs_columns_of.empty()) return !asked_.contains(statement.needs_columns_of);
  return statement.kind != StatementKind::kRefused && !statement.functions.empty() &&
         !asked_.contains(Joined(statement.functions));
}

Session::Outcome Session::Learn(const Statement& statement) {
  if (host_.table() == nullptr) {
    Fail({.sqlstate = "57P03",
          .message = "the router has no routing table yet",
          .hint = "Retry in a moment."});
    return Outcome::kDone;
  }
  const std::string table = statement.needs_columns_of;
  const std::string functions = Joined(statement.functions);
  if (MustDrain()) {
    DrainUnsynced();
    return Outcome::kAgain;
  }
  ServerLink* link = Need(AnyShard());
  if (link == nullptr) return Outcome::kAgain;
  std::string sql(table.empty() ? kFunctionsQuery : kColumnsQuery);
  sql.replace(sql.find("$1"), 2, QuoteLiteral(table.empty() ? functions : table));
  Ask(*link, sql, false);
  aside_->table = table;
  if (table.empty()) aside_->functions = functions;
  return Outcome::kAgain;
}

}  // namespace foreshard::router
