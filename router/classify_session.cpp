#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "router/classify.h"
#include "router/classify_schema.h"
#include "router/classify_tree.h"

// Transactions, settings, prepared statements, cursors: what the session itself answers.

namespace foreshard::router {

namespace {

std::string Lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

void Refuse(Statement& out, Refusal refusal) {
  out.kind = StatementKind::kRefused;
  out.refusal = std::move(refusal);
}

// "isolation level serializable, read only": the options of BEGIN and SET TRANSACTION, as SQL.
std::string TransactionModes(Source& source, const Json& options) {
  std::string modes;
  for (const Json& node : options) {
    const Json& option = BodyOf(node);
    const std::string name = Text(option, "defname");
    const Json& value = BodyOf(Field(option, "arg"));
    std::string mode;
    if (name == "transaction_isolation") {
      mode = "isolation level " + Text(Field(value, "sval"), "sval");
    } else {
      // The number is 0 or 1, and libpg_query leaves a zero out.
      const bool on = Field(Field(value, "ival"), "ival").is_number_integer();
      if (name == "transaction_read_only") mode = on ? "read only" : "read write";
      if (name == "transaction_deferrable") mode = on ? "deferrable" : "not deferrable";
    }
    modes += (modes.empty() ? "" : ", ") + mode;
  }
  static_cast<void>(source);
  return modes;
}

void Transaction(Source& source, const Json& body, Statement& out) {
  const std::string kind = Text(body, "kind");
  out.session.name = Text(body, "savepoint_name");
  out.session.chain = Flag(body, "chain");
  out.session.target = TransactionModes(source, Items(body, "options"));
  if (kind == "TRANS_STMT_BEGIN" || kind == "TRANS_STMT_START")
    out.kind = StatementKind::kBegin;
  else if (kind == "TRANS_STMT_COMMIT")
    out.kind = StatementKind::kCommit;
  else if (kind == "TRANS_STMT_ROLLBACK")
    out.kind = StatementKind::kRollback;
  else if (kind == "TRANS_STMT_SAVEPOINT")
    out.kind = StatementKind::kSavepoint;
  else if (kind == "TRANS_STMT_RELEASE")
    out.kind = StatementKind::kReleaseSavepoint;
  else if (kind == "TRANS_STMT_ROLLBACK_TO")
    out.kind = StatementKind::kRollbackToSavepoint;
  else
    Refuse(out, NotSupported("PREPARE TRANSACTION through a router",
                             "the router uses two-phase commit by itself"));
}

// One value of SET as SHOW would print it.
std::string SettingValue(Source& source, const Json& node) {
  const Json& body = BodyOf(node);
  if (TypeOf(node) == "TypeCast") return SettingValue(source, Field(body, "arg"));
  if (const std::optional<std::string> literal = source.LookAt(Location(body))) return *literal;
  if (body.contains("sval")) return Text(Field(body, "sval"), "sval");
  if (body.contains("boolval")) return Flag(Field(body, "boolval"), "boolval") ? "on" : "off";
  return Text(Field(body, "fval"), "fval");
}

void Set(Source& source, const Json& body, Statement& out) {
  source.LookAtAll();
  const std::string kind = Text(body, "kind");
  SessionCommand& set = out.session;
  set.name = Lower(Text(body, "name"));
  set.local = Flag(body, "is_local");
  out.kind = StatementKind::kSet;
  if (kind == "VAR_RESET" || kind == "VAR_RESET_ALL") {
    out.kind = StatementKind::kReset;
    set.all = kind == "VAR_RESET_ALL";
  } else if (kind == "VAR_SET_MULTI") {
    set.target = TransactionModes(source, Items(body, "args"));
    if (set.name == "transaction snapshot") Refuse(out, NotSupported("SET TRANSACTION SNAPSHOT"));
    return;
  } else if (kind == "VAR_SET_DEFAULT") {
    set.to_default = true;
  } else if (kind == "VAR_SET_CURRENT") {
    return Refuse(out, NotSupported("SET … FROM CURRENT"));
  }
  for (const Json& arg : Items(body, "args")) {
    set.value += (set.value.empty() ? "" : ", ") + SettingValue(source, arg);
  }
  if (const std::optional<Refusal> refusal = RefusedSetting(set)) Refuse(out, *refusal);
}

void Inner(Source& source, const Json& query, Statement& out) {
  Statement inner;
  const std::string_view type = TypeOf(query);
  if (type != "SelectStmt" && type != "InsertStmt" && type != "UpdateStmt" &&
      type != "DeleteStmt") {
    return Refuse(out, NotSupported(fmt::format("{} of this statement", ToString(out.kind))));
  }
  ClassifyQuery(source, query, inner);
  if (inner.kind == StatementKind::kRefused) {
    out.needs_columns_of = inner.needs_columns_of;
    return Refuse(out, inner.refusal);
  }
  out.tables = inner.tables;
  out.reads_sharded = inner.reads_sharded;
  // EXPLAIN ANALYZE does what it explains; a cursor locks what it fetches.
  out.writes = inner.writes;
  out.locks_rows = inner.locks_rows;
  out.functions = inner.functions;
  out.runs_unseen = inner.runs_unseen;
  out.inner = std::make_shared<const Statement>(std::move(inner));
}

void Explain(Source& source, const Json& body, Statement& out) {
  source.LookAtAll();
  out.kind = StatementKind::kExplain;
  out.returns_rows = true;
  for (const Json& option : Items(body, "options")) {
    if (Text(BodyOf(option), "defname") == "analyze") out.session.name = "analyze";
  }
  Inner(source, Field(body, "query"), out);
}

void Cursor(Source& source, const Json& body, Statement& out) {
  constexpr int kHold = 0x20;  // CURSOR_OPT_HOLD of PostgreSQL 15
  out.kind = StatementKind::kDeclareCursor;
  out.session.name = Text(body, "portalname");
  const Json& options = Field(body, "options");
  out.session.with_hold = options.is_number_integer() && (options.get<int>() & kHold) != 0;
  if (out.session.with_hold) {
    return Refuse(
        out, NotSupported("DECLARE … WITH HOLD: the cursor would outlive its server connection",
                          "keep the transaction open"));
  }
  Inner(source, Field(body, "query"), out);
}

// Of pg_type.dat. 0: not known.
std::uint32_t OidOfType(const std::string& name) {
  constexpr std::array<std::pair<std::string_view, std::uint32_t>, 19> kTypes = {
      {{"bool", 16},
       {"bytea", 17},
       {"int8", 20},
       {"int2", 21},
       {"int4", 23},
       {"text", 25},
       {"json", 114},
       {"float4", 700},
       {"float8", 701},
       {"bpchar", 1042},
       {"varchar", 1043},
       {"date", 1082},
       {"time", 1083},
       {"timestamp", 1114},
       {"timestamptz", 1184},
       {"interval", 1186},
       {"numeric", 1700},
       {"uuid", 2950},
       {"jsonb", 3802}}};
  const auto found = std::find_if(kTypes.begin(), kTypes.end(),
                                  [&name](const auto& type) { return type.first == name; });
  return found == kTypes.end() ? 0 : found->second;
}

void Prepare(Source& source, const Json& body, Statement& out) {
  out.kind = StatementKind::kPrepare;
  out.session.name = Text(body, "name");
  const std::uint32_t as = source.FindWord(0, source.token_count(), {"as"});
  out.inner_first = as + 1;
  if (as == source.token_count()) return Refuse(out, NotSupported("PREPARE written in this way"));
  for (const Json& node : Items(body, "argtypes")) {
    const Json& type = BodyOf(node);
    const std::string name = LastName(Field(type, "names"));
    const std::uint32_t oid = Items(type, "arrayBounds").empty() ? OidOfType(name) : 0;
    if (oid == 0) {
      return Refuse(out, NotSupported(fmt::format("PREPARE with a parameter of type {}", name),
                                      "leave the types out, or cast in the statement"));
    }
    out.types.push_back(oid);
  }
}

// The value is given to the server as text, so it must be one: what is computed or cast would be
// another.
ValueSource ArgumentOf(Source& source, const Json& node) {
  ValueSource value;
  const Json& body = BodyOf(node);
  if (TypeOf(node) != "A_Const" || body.contains("bsval")) return value;
  if (Flag(body, "isnull")) return {ValueSource::From::kNull, 0, false, {}};
  value.from = ValueSource::From::kConstant;
  if (body.contains("boolval")) {
    value.constant = Flag(Field(body, "boolval"), "boolval") ? "true" : "false";
    return value;
  }
  const std::optional<std::string> literal = source.LookAt(Location(body));
  if (!literal) return {};
  value.constant = *literal;
  return value;
}

void Execute(Source& source, const Json& body, Statement& out) {
  out.kind = StatementKind::kExecute;
  out.session.name = Text(body, "name");
  out.returns_rows = true;
  for (const Json& param : Items(body, "params"))
    out.arguments.push_back(ArgumentOf(source, param));
}

}  // namespace

std::optional<Refusal> RefusedSetting(const SessionCommand& set) {
  const std::string value = Lower(set.value);
  if (set.name == "standard_conforming_strings" && !set.to_default && value != "on" &&
      value != "true" && value != "yes" && value != "1") {
    return NotSupported("standard_conforming_strings = off", "use E'' strings");
  }
  if (set.name == "client_encoding" && !set.to_default && value != "utf8" && value != "utf-8" &&
      value != "unicode") {
    return NotSupported(fmt::format("client_encoding = {}", set.value), "the router speaks UTF8");
  }
  if (set.name == "session_authorization" || set.name == "role") {
    return NotSupported("SET " + set.name, "connect as that user");
  }
  if (set.name == "search_path" && !set.to_default) {
    const std::vector<std::string> path = ParseSearchPath(set.value, "");
    if (std::find(path.begin(), path.end(), kOwnSchema) != path.end()) return OwnSchemaRefusal();
  }
  return std::nullopt;
}

bool ClassifySession(Source& source, const Json& node, Statement& out) {
  const std::string_view type = TypeOf(node);
  const Json& body = BodyOf(node);
  if (type == "TransactionStmt") {
    Transaction(source, body, out);
  } else if (type == "VariableSetStmt") {
    Set(source, body, out);
  } else if (type == "VariableShowStmt") {
    out.kind = StatementKind::kShow;
    out.session.name = Lower(Text(body, "name"));
    out.returns_rows = true;
  } else if (type == "ConstraintsSetStmt") {
    out.kind = StatementKind::kSetConstraints;
  } else if (type == "DiscardStmt") {
    out.kind = StatementKind::kDiscard;
    out.session.target = Text(body, "target").substr(sizeof("DISCARD_") - 1);
    out.session.all = out.session.target == "ALL";
  } else if (type == "PrepareStmt") {
    Prepare(source, body, out);
  } else if (type == "ExecuteStmt") {
    Execute(source, body, out);
  } else if (type == "DeallocateStmt") {
    out.kind = StatementKind::kDeallocate;
    out.session.name = Text(body, "name");
    out.session.all = out.session.name.empty();
  } else if (type == "DeclareCursorStmt") {
    Cursor(source, body, out);
  } else if (type == "FetchStmt") {
    out.kind = StatementKind::kFetch;
    out.session.name = Text(body, "portalname");
    out.returns_rows = !Flag(body, "ismove");
  } else if (type == "ClosePortalStmt") {
    out.kind = StatementKind::kCloseCursor;
    out.session.name = Text(body, "portalname");
    out.session.all = out.session.name.empty();
  } else if (type == "ExplainStmt") {
    Explain(source, body, out);
  } else if (type == "NotifyStmt") {
    out.kind = StatementKind::kNotify;
  } else if (type == "UnlistenStmt") {
    out.kind = StatementKind::kUnlisten;
  } else if (type == "ListenStmt") {
    Refuse(out, NotSupported("LISTEN: notifications do not survive transaction pooling",
                             "connect to a shard directly"));
  } else {
    return false;
  }
  return true;
}

}  // namespace foreshard::router
