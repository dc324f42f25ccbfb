#include <fmt/format.h>

#include <algorithm>

#include "router/classify.h"
#include "router/session.h"

// Settings of the session and of its transaction: what a statement that succeeded means for them.

namespace foreshard::router {

// What a statement that succeeded means for the session.
void Session::Apply(const Statement& statement, std::string_view text) {
  const SessionCommand& command = statement.session;
  const StatementKind kind = statement.kind;
  const bool marks =
      kind == StatementKind::kSavepoint || kind == StatementKind::kReleaseSavepoint ||
      kind == StatementKind::kRollbackToSavepoint || kind == StatementKind::kSetConstraints;
  const bool sets = kind == StatementKind::kSet || kind == StatementKind::kReset;
  const bool for_session = command.name == "session characteristics";
  const bool of_transaction =
      kind == StatementKind::kSet && !for_session &&
      (command.local || command.name == "transaction" || !command.target.empty() ||
       command.name == "transaction_isolation" || command.name == "transaction_read_only" ||
       command.name == "transaction_deferrable");
  if (marks || of_transaction) {
    if (tx_ == Tx::kIdle) return;
    replay_.emplace_back(text);
    if (marks) ApplyMark(statement);
    if (of_transaction) ApplyModes(command);
    return;
  }
  if (!sets) return;
  if (for_session) {
    ApplyModes(command);
  } else if (command.all) {
    settings_.ResetAll();
  } else if (kind == StatementKind::kReset || command.to_default) {
    settings_.Reset(command.name);
  } else {
    settings_.Set(command.name, command.value);
  }
  RefreshPlanContext();
  for (ServerLink* link : attached_) link->settings = settings_.script();
}

// What set_config() will have set once its statement succeeded: configs_. False: the client was
// told why not.
bool Session::ReadConfigs(const Statement& statement) {
  configs_.clear();
  if (statement.set_configs.empty()) return true;
  if (attached_.size() > 1) {
    Fail({.sqlstate = "0A000",
          .message = "set_config() in a transaction on several shards",
          .hint = "Use SET or SET LOCAL."});
    return false;
  }
  for (const SetConfig& call : statement.set_configs) {
    SessionCommand set;
    set.name = call.name;
    set.local = call.local;
    set.value = call.value;
    set.to_default = call.is_null;
    if (call.parameter > scratch_->parameters.size()) {
      Fail({.sqlstate = "42P02",
            .message = fmt::format("there is no parameter ${}", call.parameter),
            .hint = {}});
      return false;
    }
    if (call.parameter > 0) {  // Text, whose two formats are the same bytes.
      const ParameterValue& value = scratch_->parameters[call.parameter - 1];
      set.value = value.bytes;
      set.to_default = value.is_null;
    }
    if (const std::optional<Refusal> refusal = RefusedSetting(set)) {
      Fail(*refusal);
      return false;
    }
    configs_.push_back(std::move(set));
  }
  return true;
}

void Session::ApplyConfigs(Work& work) {
  if (work.configs.empty()) return;
  const auto unknown = std::make_shared<const std::string>("unknown");
  for (const SessionCommand& set : work.configs) {
    if (set.local) {
      if (tx_ == Tx::kIdle) continue;
      replay_.push_back(fmt::format("SELECT pg_catalog.set_config({}, {}, true)",
                                    QuoteLiteral(set.name),
                                    set.to_default ? "NULL" : QuoteLiteral(set.value)));
      ApplyModes(set);
      continue;
    }
    set.to_default ? settings_.Reset(set.name) : settings_.Set(set.name, set.value);
    // An error later in the same pipeline takes it back on the server: it is set anew.
    for (ServerLink* link : attached_) link->settings = unknown;
  }
  RefreshPlanContext();
  work.configs.clear();
}

// ROLLBACK TO takes back what was SET since.
void Session::ApplyMark(const Statement& statement) {
  const std::string& name = statement.session.name;
  if (statement.kind == StatementKind::kSavepoint) {
    savepoints_.push_back({.name = name, .settings = settings_});
    return;
  }
  if (statement.kind == StatementKind::kSetConstraints) return;
  const auto found = std::find_if(savepoints_.rbegin(), savepoints_.rend(),
                                  [&name](const Savepoint& mark) { return mark.name == name; });
  if (found == savepoints_.rend()) return;
  const auto at = std::prev(found.base());
  if (statement.kind == StatementKind::kReleaseSavepoint) {
    savepoints_.erase(at, savepoints_.end());
    return;
  }
  const bool changed = !SameSettings(at->settings.script(), settings_.script());
  settings_ = at->settings;
  savepoints_.erase(std::next(at), savepoints_.end());
  RefreshPlanContext();
  if (!changed) return;
  // A server that came in after the savepoint keeps what it was given before its BEGIN, the others
  // do not: each is set anew before it is used again.
  const auto unknown = std::make_shared<const std::string>("unknown");
  for (ServerLink* link : attached_) link->settings = unknown;
}

// SET LOCAL, SET TRANSACTION and SET SESSION CHARACTERISTICS: "isolation level …, read only".
void Session::ApplyModes(const SessionCommand& command) {
  const bool for_session = command.name == "session characteristics";
  if (command.target.empty()) {
    if (command.name == "transaction_isolation") isolation_ = command.value;
    settings_.SetLocal(command.name,
                       command.to_default ? std::nullopt : std::optional(command.value));
    RefreshPlanContext();
    return;
  }
  constexpr std::string_view kLevel = "isolation level ";
  std::string_view rest = command.target;
  while (!rest.empty()) {
    const std::size_t comma = std::min(rest.find(", "), rest.size());
    const std::string_view mode = rest.substr(0, comma);
    rest.remove_prefix(std::min(comma + 2, rest.size()));
    if (mode.starts_with(kLevel)) {
      const std::string level(mode.substr(kLevel.size()));
      for_session ? settings_.Set("default_transaction_isolation", level)
                  : void(isolation_ = level);
    } else if (for_session) {
      const bool deferrable = mode.ends_with("deferrable");
      const bool on = mode == "read only" || mode == "deferrable";
      settings_.Set(deferrable ? "default_transaction_deferrable" : "default_transaction_read_only",
                    on ? "on" : "off");
    }
  }
}

bool Session::IsSerializable() const {
  const std::string level = tx_ != Tx::kIdle && isolation_
                                ? *isolation_
                                : settings_.Find("default_transaction_isolation").value_or("");
  return level == "serializable" || level == "SERIALIZABLE";
}

bool Session::IsOwnSetting(std::string_view name) const { return name.starts_with("foreshard."); }

Session::Outcome Session::SetOwn(const Statement& statement) {
  const SessionCommand& command = statement.session;
  const bool reset = statement.kind == StatementKind::kReset || command.to_default;
  if (const std::optional<Refusal> wrong = WrongConsistency(command); wrong && !reset) {
    Fail(*wrong);
    return Outcome::kDone;
  }
  if (command.local && tx_ == Tx::kIdle) {
    std::string notice;
    pg::AppendNotice(&notice, {.severity = "WARNING",
                               .code = "25P01",
                               .message = "SET LOCAL can only be used in transaction blocks",
                               .detail = {},
                               .hint = {}});
    Say(notice);
  } else if (command.local) {
    settings_.SetLocal(command.name, reset ? std::nullopt : std::optional(command.value));
  } else if (reset) {
    settings_.Reset(command.name);
  } else {
    settings_.Set(command.name, command.value);
  }
  RefreshPlanContext();
  Complete(statement.kind == StatementKind::kReset ? "RESET" : "SET");
  return Outcome::kDone;
}

}  // namespace foreshard::router
