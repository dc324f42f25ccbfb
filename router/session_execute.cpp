#include <algorithm>

#include "router/limits.h"
#include "router/rewrite.h"
#include "router/session.h"

// PREPARE and EXECUTE of SQL. A statement prepared so is one of the protocol's: both have one space
// of names. EXECUTE becomes Parse to Sync on each server that it concerns, with the values as text.

namespace foreshard::router {
namespace {

// The body of a Bind of the unnamed portal to the unnamed statement.
std::string BindOf(const std::vector<ValueSource>& values) {
  std::string message;
  pg::WireWriter bind(&message, 'B');
  bind.String("").String("").Int16(0).Int16(static_cast<std::int16_t>(values.size()));
  for (const ValueSource& value : values) {
    if (value.from == ValueSource::From::kNull) {
      bind.Int32(-1);
    } else {
      bind.Int32(static_cast<std::int32_t>(value.constant.size())).Bytes(value.constant);
    }
  }
  bind.Int16(0).End();
  return message.substr(5);
}

}  // namespace

Session::Outcome Session::PrepareSql(const Statement& statement, std::string_view text) {
  const std::string& name = statement.session.name;
  Refusal why;
  if (named_.contains(name)) {
    why = {.sqlstate = "42P05",
           .message = "prepared statement \"" + name + "\" already exists",
           .hint = {}};
  } else if (named_.size() >= kStatementsPerSessionMax) {
    why = {
        .sqlstate = "54000", .message = "too many prepared statements in this session", .hint = {}};
  }
  if (!why.sqlstate.empty()) {
    Fail(why);
    return Outcome::kDone;
  }
  const std::string_view inner = TextFromToken(text, statement.inner_first);
  const std::shared_ptr<PreparedStatement> prepared =
      context_.prepared.Named(inner, statement.types);
  if (!Classified(*prepared)) return Outcome::kDone;
  if (MayLearn(*prepared->statement)) return Learn(*prepared->statement);
  if (!asked_.contains(kParsed)) {
    // A server says whether it is good, as it would at once.
    if (MustDrain()) {
      DrainUnsynced();
      return Outcome::kAgain;
    }
    ServerLink* link = Need(AnyShard());
    if (link == nullptr) return Outcome::kAgain;
    std::string question;
    const std::vector<std::int32_t> types(statement.types.begin(), statement.types.end());
    pg::AppendParse(&question, "", inner, types);
    pg::AppendEmpty(&question, 'S');
    AskInMessages(*link, question);
    asked_.insert(kParsed);
    return Outcome::kAgain;
  }
  asked_.erase(kParsed);
  named_[name] = prepared;
  Complete("PREPARE");
  return Outcome::kDone;
}

// What is wrong with an EXECUTE before anything is routed; empty sqlstate: nothing.
Refusal Session::CannotExecute(const Statement& statement,
                               const PreparedStatement* prepared) const {
  const std::string& name = statement.session.name;
  if (prepared == nullptr) {
    return {.sqlstate = "26000",
            .message = "prepared statement \"" + name + "\" does not exist",
            .hint = {}};
  }
  if (extended_) {
    return {.sqlstate = "0A000",
            .message = "EXECUTE of SQL inside a statement of the extended protocol",
            .hint = "Bind the prepared statement instead."};
  }
  const std::size_t wanted =
      std::max<std::size_t>(prepared->types.size(), prepared->normalized.parameters_max);
  if (statement.arguments.size() != wanted) {
    return {.sqlstate = "42601",
            .message = "wrong number of parameters for prepared statement \"" + name + "\"",
            .hint = {}};
  }
  const bool known = std::all_of(
      statement.arguments.begin(), statement.arguments.end(), [](const ValueSource& value) {
        return value.from == ValueSource::From::kConstant || value.from == ValueSource::From::kNull;
      });
  if (known) return {};
  return {.sqlstate = "0A000",
          .message = "EXECUTE with an argument that is not a plain constant",
          .hint = "Compute the value in the client."};
}

Session::Outcome Session::ExecuteSql(const Statement& statement) {
  const std::shared_ptr<PreparedStatement> prepared = FindPrepared(statement.session.name);
  if (const Refusal why = CannotExecute(statement, prepared.get()); !why.sqlstate.empty()) {
    Fail(why);
    return Outcome::kDone;
  }
  if (!Classified(*prepared)) return Outcome::kDone;
  const Statement& inner = *prepared->statement;
  if (MayLearn(inner)) return Learn(inner);
  if (!inner.set_configs.empty()) {
    Fail({.sqlstate = "0A000", .message = "EXECUTE of set_config()", .hint = "Use SET."});
    return Outcome::kDone;
  }
  Portal portal;
  portal.where = Portal::Where::kFanout;
  portal.statement = prepared;
  portal.bind = BindOf(statement.arguments);
  const std::optional<pg::BindMessage> bind = pg::DecodeBind(portal.bind);
  DecodeParameters(*bind, *prepared);
  const bool routed = RouteStatement(inner, prepared->sql, prepared->normalized);
  scratch_->parameters.clear();
  if (!routed) return Outcome::kDone;
  if (scratch_->decision.kind == RouteKind::kAnyShard) {
    // The shard in use, as for any other statement.
    const std::uint32_t wanted = AnyShard();
    for (std::uint32_t index = 0; index < host_.table()->shards(); ++index) {
      if (host_.ShardNumber(index) != wanted) continue;
      scratch_->decision.parts.emplace_back();
      scratch_->decision.parts.back().shard = index;
    }
    if (scratch_->decision.parts.empty()) scratch_->decision.parts.emplace_back();
  }
  if (const std::optional<Outcome> later = AdmitWork(inner, portal.bind.size())) return *later;
  return RunSeveral(inner, prepared->sql, true, &portal);
}

}  // namespace foreshard::router
