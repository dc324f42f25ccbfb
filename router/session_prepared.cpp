#include "router/limits.h"
#include "router/session.h"

// Prepared statements: Parse is remembered, and said to a server when a Bind or Describe shows
// which one.

namespace foreshard::router {

Session::Outcome Session::OnParse(const pg::WireFrame& frame) {
  const std::optional<pg::ParseMessage> parse = pg::DecodeParse(frame.body);
  if (!parse) {
    FailProtocol("invalid Parse message");
    return Outcome::kDone;
  }
  extended_ = true;
  std::vector<std::uint32_t> types(parse->type_count);
  for (std::size_t i = 0; i < types.size(); ++i) types[i] = parse->Type(i);
  std::shared_ptr<PreparedStatement> prepared;
  if (parse->name.empty()) {
    // The object is used again if nobody else holds it: drivers that never name statements cause no
    // garbage.
    if (unnamed_ == nullptr || unnamed_.use_count() > 1)
      unnamed_ = std::make_shared<PreparedStatement>();
    prepared = unnamed_;
    unnamed_dropped_ = false;
    prepared->id = context_.prepared.NextId();
    prepared->sql.assign(parse->sql);
    prepared->types = std::move(types);
    prepared->statement =
        context_.plans.Recall(prepared->sql, CurrentPlanContext(), prepared->normalized);
    prepared->plan_context = plan_context_.fingerprint;
    if (prepared->statement == nullptr) Normalize(prepared->sql, prepared->normalized);
  } else {
    if (named_.contains(parse->name)) {
      Fail({.sqlstate = "42P05",
            .message = "prepared statement \"" + std::string(parse->name) + "\" already exists",
            .hint = {}});
      return Outcome::kDone;
    }
    if (named_.size() >= kStatementsPerSessionMax) {
      Fail({.sqlstate = "54000",
            .message = "too many prepared statements in this session",
            .hint = {}});
      return Outcome::kDone;
    }
    prepared = context_.prepared.Named(parse->sql, types);
    named_[std::string(parse->name)] = prepared;
    unproven_.push_back({.name = std::string(parse->name), .id = prepared->id, .confirmed = false});
  }
  if (!Classified(*prepared)) return Outcome::kDone;
  PendingParse pending;
  pending.statement = prepared;
  pending.name = std::string(parse->name);
  if (parse->name.empty()) pending.frame.assign(frame.whole);
  pending_parses_.push_back(std::move(pending));
  return Outcome::kDone;
}

// Fills `prepared.statement` for the session's present view of tables. False: refused, the client
// was told.
bool Session::Classified(PreparedStatement& prepared) {
  if (plan_catalogue_ != host_.catalogue().fingerprint()) RefreshPlanContext();
  if (prepared.statement == nullptr || prepared.plan_context != plan_context_.fingerprint) {
    if (prepared.normalized.statements > 1) {
      Fail({.sqlstate = "42601",
            .message = "cannot insert multiple commands into a prepared statement",
            .hint = {}});
      return false;
    }
    prepared.statement = Meaning(prepared.sql, prepared.normalized);
    prepared.plan_context = plan_context_.fingerprint;
  }
  Refusal why;
  if (MayLearn(*prepared.statement)) return true;
  if (Refused(*prepared.statement, &why) == nullptr) return true;
  Fail(why);
  return false;
}

std::shared_ptr<PreparedStatement> Session::FindPrepared(std::string_view name) {
  if (name.empty()) return unnamed_dropped_ ? nullptr : unnamed_;
  const auto found = named_.find(name);
  return found == named_.end() ? nullptr : found->second;
}

// Named in this cycle and never confirmed by a server: PostgreSQL does not know such a statement
// after an error.
void Session::ForgetUnproven() {
  for (const Unproven& parse : unproven_) {
    if (!parse.confirmed) named_.erase(parse.name);
  }
  unproven_.clear();
}

void Session::Confirm(std::uint64_t id) {
  for (Unproven& parse : unproven_) {
    if (parse.id == id) parse.confirmed = true;
  }
}

void Session::Prepare(ServerLink& link, const PreparedStatement& prepared, bool swallow) {
  std::vector<std::int32_t> types(prepared.types.begin(), prepared.types.end());
  pg::AppendParse(&link.out(), prepared.ServerName(), prepared.sql, types);
  link.prepared.insert(prepared.id);
  link.unsynced = true;
  Expect expect;
  expect.kind = Expect::Kind::kParse;
  expect.swallow = swallow;
  expect.prepared = prepared.id;
  Push(expect);
}

// Says to `link` what Parse said before, in order, and makes sure that `wanted` is known there.
void Session::SendPendingParses(ServerLink& link, const PreparedStatement* wanted) {
  for (const PendingParse& pending : pending_parses_) {
    if (!pending.name.empty()) {
      if (!link.prepared.contains(pending.statement->id)) {
        Prepare(link, *pending.statement, false);
        continue;
      }
      Confirm(pending.statement->id);
      std::string answer;
      pg::AppendEmpty(&answer, '1');
      Say(answer);
      continue;
    }
    link.out().append(pending.frame);
    link.unnamed = pending.statement->id;
    link.unsynced = true;
    Expect expect;
    expect.kind = Expect::Kind::kParse;
    Push(expect);
  }
  pending_parses_.clear();
  if (wanted == nullptr) return;
  if (wanted == unnamed_.get()) {
    if (link.unnamed == wanted->id) return;
    std::vector<std::int32_t> types(wanted->types.begin(), wanted->types.end());
    pg::AppendParse(&link.out(), "", wanted->sql, types);
    link.unnamed = wanted->id;
    link.unsynced = true;
    Expect expect;
    expect.kind = Expect::Kind::kParse;
    expect.swallow = true;
    Push(expect);
  } else if (!link.prepared.contains(wanted->id)) {
    Prepare(link, *wanted, true);
  }
}

// Statements that no server needs to see were parsed by PostgreSQL's parser here.
void Session::AnswerPendingParses() {
  for (const PendingParse& pending : pending_parses_) {
    Confirm(pending.statement->id);
    std::string answer;
    pg::AppendEmpty(&answer, '1');
    Say(answer);
  }
  pending_parses_.clear();
}

Session::Outcome Session::DescribeStatement(const pg::WireFrame& frame, std::string_view name) {
  const std::shared_ptr<PreparedStatement> prepared = FindPrepared(name);
  if (prepared == nullptr) {
    Fail({.sqlstate = "26000",
          .message = "prepared statement \"" + std::string(name) + "\" does not exist",
          .hint = {}});
    return Outcome::kDone;
  }
  if (!Classified(*prepared)) return Outcome::kDone;
  if (MayLearn(*prepared->statement)) return Learn(*prepared->statement);
  if (IsLocal(*prepared->statement) && prepared->statement->kind != StatementKind::kShow) {
    AnswerPendingParses();
    std::string answer;
    pg::WireWriter(&answer, 't').Int16(0).End();
    pg::AppendEmpty(&answer, 'n');
    Say(answer);
    return Outcome::kDone;
  }
  if (host_.table() == nullptr) {
    Fail({.sqlstate = "57P03",
          .message = "the router has no routing table yet",
          .hint = "Retry in a moment."});
    return Outcome::kDone;
  }
  ServerLink* link = Need(AnyShard());
  if (link == nullptr || !SwitchTo(*link)) return Outcome::kAgain;
  BeginBefore(*link);
  SendPendingParses(*link, prepared.get());
  if (name.empty()) {
    link->out().append(frame.whole);
  } else {
    pg::AppendDescribe(&link->out(), 'S', prepared->ServerName());
  }
  link->unsynced = true;
  Expect expect;
  expect.kind = Expect::Kind::kDescribeStatement;
  Push(expect);
  return Outcome::kDone;
}

Session::Outcome Session::OnFlush(const pg::WireFrame& frame) {
  extended_ = true;
  flushed_ = true;
  if (!pending_parses_.empty()) {
    if (host_.table() == nullptr) {
      AnswerPendingParses();
    } else {
      ServerLink* link = Need(AnyShard());
      if (link == nullptr || !SwitchTo(*link)) return Outcome::kAgain;
      BeginBefore(*link);
      SendPendingParses(*link, nullptr);
    }
  }
  SayLocals();
  if (current_ != nullptr && current_->unsynced) current_->out().append(frame.whole);
  return Outcome::kDone;
}

}  // namespace foreshard::router
