#include <algorithm>

#include "base/check.h"
#include "pg/wire_reader.h"
#include "router/limits.h"
#include "router/session.h"

// Parse, Bind, Describe, Execute, Close, Flush, Sync.
//
// Parse is remembered and said to a server when a Bind or Describe shows which one. Bind decides: a
// statement for one shard is passed on as it came (only names of statements change); what several
// shards must do, or what needs none, becomes a portal of the session's own.

namespace foreshard::router {

Session::Portal* Session::FindPortal(std::string_view name) {
  if (name.empty())
    return unnamed_portal_.where == Portal::Where::kNone ? nullptr : &unnamed_portal_;
  const auto found = portals_.find(name);
  return found == portals_.end() ? nullptr : &found->second;
}

Session::Portal& Session::PortalFor(std::string_view name) {
  if (name.empty()) return unnamed_portal_;
  return portals_[std::string(name)];
}

Session::Outcome Session::OnBind(const pg::WireFrame& frame) {
  extended_ = true;
  const std::optional<pg::BindMessage> bind = pg::DecodeBind(frame.body);
  if (!bind) {
    FailProtocol("invalid Bind message");
    return Outcome::kDone;
  }
  std::shared_ptr<PreparedStatement> prepared = FindPrepared(bind->statement);
  if (prepared == nullptr) {
    Fail({.sqlstate = "26000",
          .message =
              bind->statement.empty()
                  ? "unnamed prepared statement does not exist"
                  : "prepared statement \"" + std::string(bind->statement) + "\" does not exist",
          .hint = {}});
    return Outcome::kDone;
  }
  if (!Classified(*prepared)) return Outcome::kDone;
  proofs_.clear();
  const Statement& statement = *prepared->statement;
  if (MayLearn(statement)) return Learn(statement);
  if (host_.table() == nullptr) {
    Fail({.sqlstate = "57P03",
          .message = "the router has no routing table yet",
          .hint = "Retry in a moment."});
    return Outcome::kDone;
  }
  if (statement.kind == StatementKind::kEmpty) {
    scratch_->decision.Clear();
    return BindToServer(frame, *bind, std::move(prepared), AnyShard(), false);
  }
  if (IsLocal(statement) && statement.kind != StatementKind::kDeclareCursor &&
      statement.kind != StatementKind::kFetch && statement.kind != StatementKind::kCloseCursor &&
      (statement.kind != StatementKind::kShow || IsOwnSetting(statement.session.name))) {
    return BindLocal(frame, *bind, std::move(prepared), Portal::Where::kLocal);
  }
  if (bind->value_count <
      prepared->normalized.parameters_max) {  // The server says so in its own words.
    scratch_->decision.Clear();
    return BindToServer(frame, *bind, std::move(prepared), AnyShard(), false);
  }
  DecodeParameters(*bind, *prepared);
  const bool routed = RouteStatement(statement, prepared->sql, prepared->normalized);
  scratch_->parameters.clear();
  if (!routed) return Outcome::kDone;
  if (scratch_->decision.kind == RouteKind::kLocal)
    scratch_->decision.kind = RouteKind::kAnyShard;  // cursors, SHOW
  const bool one =
      scratch_->decision.kind == RouteKind::kOneShard && scratch_->decision.parts[0].text.empty();
  if ((!one && scratch_->decision.kind != RouteKind::kAnyShard) || (one && NeedsProof(statement))) {
    const std::uint32_t shard = ShardsOfDecision().front();
    const Outcome bound = BindLocal(frame, *bind, std::move(prepared), Portal::Where::kFanout);
    PortalFor(bind->portal).describe_on = shard;
    return bound;
  }
  if (const std::optional<Outcome> later = AdmitWork(statement, frame.whole.size())) return *later;
  const std::uint32_t shard =
      one ? ReaderOf(TargetOf(scratch_->decision.parts[0]), statement) : AnyShard();
  return BindToServer(frame, *bind, std::move(prepared), shard, true);
}

void Session::DecodeParameters(const pg::BindMessage& bind, const PreparedStatement& prepared) {
  scratch_->parameters.clear();
  pg::BindValues values(bind);
  for (std::size_t i = 0; !values.Done(); ++i) {
    const std::optional<std::string_view> value = values.Next();
    scratch_->parameters.push_back({.is_null = !value.has_value(),
                                    .binary = bind.Format(i) == 1,
                                    .type_oid = i < prepared.types.size() ? prepared.types[i] : 0,
                                    .bytes = value.value_or(std::string_view())});
  }
}

Session::Outcome Session::BindToServer(const pg::WireFrame& frame, const pg::BindMessage& bind,
                                       std::shared_ptr<PreparedStatement> prepared,
                                       std::uint32_t shard, bool) {
  LetGoUnused(shard);
  ServerLink* link = Need(shard);
  if (link == nullptr || !SwitchTo(*link)) return Outcome::kAgain;
  if (link->unsynced && MustProve(*link)) {  // A Query must not come into the middle.
    DrainUnsynced();
    return Outcome::kAgain;
  }
  const Statement& statement = *prepared->statement;
  const bool writes = statement.writes || statement.writes_reference || statement.locks_rows ||
                      statement.runs_unseen;
  BeginBefore(*link);
  ProveBefore(*link);
  SendPendingParses(*link, prepared.get());
  writes_now_ = writes_now_ || writes;
  link->wrote = link->wrote || writes;
  has_written_ = has_written_ || writes;
  link->used = true;
  if (tx_ == Tx::kIdle) wrote_ = wrote_ || writes;
  if (bind.statement.empty()) {
    link->out().append(frame.whole);
  } else {
    pg::WireWriter(&link->out(), 'B')
        .String(bind.portal)
        .String(prepared->ServerName())
        .Bytes(bind.after_names)
        .End();
  }
  link->unsynced = true;
  Expect expect;
  expect.kind = Expect::Kind::kBind;
  Push(expect);
  Portal& portal = PortalFor(bind.portal);
  portal.where = Portal::Where::kServer;
  portal.link = link;
  portal.work = NewWork(shard, statement, scratch_->decision, prepared->sql);
  return Outcome::kDone;
}

Session::Outcome Session::BindLocal(const pg::WireFrame& frame, const pg::BindMessage& bind,
                                    std::shared_ptr<PreparedStatement> prepared,
                                    Portal::Where where) {
  AnswerPendingParses();
  Portal& portal = PortalFor(bind.portal);
  portal.where = where;
  portal.link = nullptr;
  portal.statement = std::move(prepared);
  portal.bind.assign(frame.body);
  portal.ran = false;
  portal.rows.clear();
  portal.tag.clear();
  portal.rows_given = 0;
  std::string answer;
  pg::AppendEmpty(&answer, '2');
  Say(answer);
  return Outcome::kDone;
}

// S1: before another server is used in a cycle, the one before must have said all. False: wait.
bool Session::SwitchTo(ServerLink& link) {
  if (current_ != nullptr && current_ != &link && (!nothing_expected() || current_->unsynced)) {
    if (tx_ == Tx::kIdle && wrote_) {
      wait_failure_ = Refusal{
          .sqlstate = "0A000",
          .message = "a pipeline that writes without a transaction block goes to one shard only",
          .hint = "Send Sync after each statement, or use BEGIN."};
      return false;
    }
    DrainUnsynced();
    if (wait_ != Wait::kNone) return false;
  }
  current_ = &link;
  return true;
}

// Replies of a server are outstanding; answers of our own may wait until it is known that the cycle
// need not be said again.
bool Session::MustDrain() const {
  if (current_ == nullptr) return false;
  return current_->unsynced ||
         std::any_of(expects_.begin() + static_cast<std::ptrdiff_t>(expects_head_), expects_.end(),
                     [](const Expect& expect) { return expect.kind != Expect::Kind::kLocal; });
}

// Ends what is outstanding on the current server, without the client seeing it.
void Session::DrainUnsynced() {
  if (current_ != nullptr && current_->unsynced) {
    pg::AppendEmpty(&current_->out(), 'S');
    current_->unsynced = false;
    Expect expect;
    expect.kind = Expect::Kind::kSync;
    expect.swallow = true;
    Push(expect);
    wait_ = Wait::kDrain;
    return;
  }
  MustDrain() ? void(wait_ = Wait::kDrain) : SayLocals();
}

Session::Outcome Session::OnDescribe(const pg::WireFrame& frame) {
  extended_ = true;
  const std::optional<pg::NamedMessage> describe = pg::DecodeNamed(frame.body);
  if (!describe) {
    FailProtocol("invalid Describe message");
    return Outcome::kDone;
  }
  if (describe->kind == 'S') return DescribeStatement(frame, describe->name);
  Portal* portal = FindPortal(describe->name);
  if (portal == nullptr) {
    Fail({.sqlstate = "34000",
          .message = "portal \"" + std::string(describe->name) + "\" does not exist",
          .hint = {}});
    return Outcome::kDone;
  }
  if (portal->where == Portal::Where::kLocal) {
    std::string answer;
    const Statement& statement = *portal->statement->statement;
    if (statement.kind == StatementKind::kShow) {
      const pg::TextColumn column{.name = statement.session.name};
      pg::AppendRowDescription(&answer, {&column, 1});
    } else {
      pg::AppendEmpty(&answer, 'n');
    }
    Say(answer);
    return Outcome::kDone;
  }
  if (portal->where == Portal::Where::kFanout) return DescribeFanout(*portal);
  if (!SwitchTo(*portal->link)) return Outcome::kAgain;
  portal->link->out().append(frame.whole);
  portal->link->unsynced = true;
  Expect expect;
  expect.kind = Expect::Kind::kDescribePortal;
  Push(expect);
  return Outcome::kDone;
}

Session::Outcome Session::OnExecute(const pg::WireFrame& frame) {
  extended_ = true;
  const std::optional<pg::ExecuteMessage> execute = pg::DecodeExecute(frame.body);
  if (!execute) {
    FailProtocol("invalid Execute message");
    return Outcome::kDone;
  }
  Portal* portal = FindPortal(execute->portal);
  if (portal == nullptr) {
    Fail({.sqlstate = "34000",
          .message = "portal \"" + std::string(execute->portal) + "\" does not exist",
          .hint = {}});
    return Outcome::kDone;
  }
  if (portal->where == Portal::Where::kLocal) {
    const std::shared_ptr<PreparedStatement> prepared = portal->statement;
    if (MustDrain()) {
      DrainUnsynced();
      return Outcome::kAgain;
    }
    return RunLocal(prepared->statement, prepared->sql, {}, false);
  }
  if (portal->where == Portal::Where::kFanout) {
    const std::shared_ptr<PreparedStatement> prepared = portal->statement;
    if (MustDrain()) {
      DrainUnsynced();
      return Outcome::kAgain;
    }
    if (portal->ran) {
      GivePage(*portal, execute->rows_max);
      return Outcome::kDone;
    }
    // The table may have changed since Bind.
    const std::optional<pg::BindMessage> bind = pg::DecodeBind(portal->bind);
    DecodeParameters(*bind, *prepared);
    const bool routed = RouteStatement(*prepared->statement, prepared->sql, prepared->normalized);
    scratch_->parameters.clear();
    if (!routed) return Outcome::kDone;
    if (const std::optional<Outcome> later = AdmitWork(*prepared->statement, portal->bind.size()))
      return *later;
    const Outcome run = RunSeveral(*prepared->statement, prepared->sql, false, portal);
    // Drivers that want no rows say 1 (JDBC); it means nothing to a statement that has none.
    if (run == Outcome::kDone && fanout_ && prepared->statement->returns_rows) {
      fanout_->rows_max = execute->rows_max;
      fanout_->portal = execute->portal;
    }
    return run;
  }
  if (!SwitchTo(*portal->link)) return Outcome::kAgain;
  portal->link->out().append(frame.whole);
  portal->link->unsynced = true;
  Expect expect;
  expect.kind = Expect::Kind::kExecute;
  expect.work = portal->work;
  Push(expect);
  return Outcome::kDone;
}

Session::Outcome Session::OnClose(const pg::WireFrame& frame) {
  extended_ = true;
  const std::optional<pg::NamedMessage> close = pg::DecodeNamed(frame.body);
  if (!close) {
    FailProtocol("invalid Close message");
    return Outcome::kDone;
  }
  Portal* portal = close->kind == 'P' ? FindPortal(close->name) : nullptr;
  if (portal != nullptr && portal->where == Portal::Where::kServer) {
    if (!SwitchTo(*portal->link)) return Outcome::kAgain;
    portal->link->out().append(frame.whole);
    portal->link->unsynced = true;
    Expect expect;
    expect.kind = Expect::Kind::kClose;
    Push(expect);
  } else {
    if (close->kind == 'S') {
      AnswerPendingParses();
      if (close->name.empty()) unnamed_.reset();
      if (const auto found = named_.find(close->name); found != named_.end()) named_.erase(found);
    }
    std::string answer;
    pg::AppendEmpty(&answer, '3');
    Say(answer);
  }
  if (portal != nullptr && close->name.empty()) unnamed_portal_.where = Portal::Where::kNone;
  if (portal != nullptr && !close->name.empty()) portals_.erase(portals_.find(close->name));
  return Outcome::kDone;
}

Session::Outcome Session::OnSync() {
  extended_ = true;
  if (!pending_parses_.empty() && !skip_to_sync_ && tx_ != Tx::kFailed) {
    const bool all_local =
        std::all_of(pending_parses_.begin(), pending_parses_.end(), [this](const PendingParse& p) {
          return p.statement->statement != nullptr && IsLocal(*p.statement->statement);
        });
    if (all_local || host_.table() == nullptr) {
      AnswerPendingParses();
    } else {
      ServerLink* link = Need(AnyShard());
      if (link == nullptr || !SwitchTo(*link)) return Outcome::kAgain;
      BeginBefore(*link);
      SendPendingParses(*link, nullptr);
    }
  }
  if (current_ != nullptr && current_->unsynced) {
    pg::AppendEmpty(&current_->out(), 'S');
    current_->unsynced = false;
    Expect expect;
    expect.kind = Expect::Kind::kSync;
    Push(expect);
    wait_ = Wait::kReady;
    return Outcome::kDone;
  }
  SayLocals();
  if (!nothing_expected()) {  // The server failed before; its ReadyForQuery is still to come.
    wait_ = Wait::kDrain;
    return Outcome::kAgain;
  }
  SendReady();
  return Outcome::kDone;
}

}  // namespace foreshard::router
