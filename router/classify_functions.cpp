#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "router/classify_constraints.h"
#include "router/classify_reader.h"

// Functions and columns whose value is that of one server, where the client means the database's.

namespace foreshard::router {

namespace {

template <std::size_t N>
bool IsOneOf(const std::array<std::string_view, N>& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

// Of PostgreSQL itself, and so common that asking for them would be a waste. A user's function of
// such a name would be asked for if it were called with its schema.
bool IsBuiltIn(const std::string& name) {
  constexpr std::array<std::string_view, 52> kCommon = {"abs",
                                                        "array_length",
                                                        "ceil",
                                                        "char_length",
                                                        "clock_timestamp",
                                                        "coalesce",
                                                        "concat",
                                                        "count",
                                                        "current_database",
                                                        "current_setting",
                                                        "currval",
                                                        "date_part",
                                                        "date_trunc",
                                                        "extract",
                                                        "floor",
                                                        "gen_random_uuid",
                                                        "generate_series",
                                                        "greatest",
                                                        "lastval",
                                                        "least",
                                                        "left",
                                                        "length",
                                                        "lower",
                                                        "lpad",
                                                        "ltrim",
                                                        "md5",
                                                        "mod",
                                                        "nextval",
                                                        "now",
                                                        "nullif",
                                                        "pg_advisory_lock",
                                                        "pg_advisory_xact_lock",
                                                        "pg_sleep",
                                                        "random",
                                                        "replace",
                                                        "right",
                                                        "round",
                                                        "row_number",
                                                        "rtrim",
                                                        "set_config",
                                                        "setval",
                                                        "sign",
                                                        "split_part",
                                                        "substr",
                                                        "substring",
                                                        "timezone",
                                                        "to_char",
                                                        "trunc",
                                                        "unnest",
                                                        "upper",
                                                        "version",
                                                        "xmlagg"};
  return IsOneOf(kCommon, name) || KindOfFunction(name) == FunctionKind::kAggregate;
}

// Where a row lies, and which transactions of its server made it.
bool IsSystemColumn(const Json& column_ref) {
  constexpr std::array<std::string_view, 6> kColumns = {"ctid", "xmin", "xmax",
                                                        "cmin", "cmax", "tableoid"};
  const std::vector<std::string> names = Names(Field(column_ref, "fields"));
  return !names.empty() && IsOneOf(kColumns, names.back());
}

// The same for the whole transaction in one PostgreSQL; each shard has its own.
std::string TransactionsOwnValue(const Json& node) {
  constexpr std::array<std::string_view, 5> kFunctions = {
      "now", "transaction_timestamp", "statement_timestamp", "txid_current", "pg_current_xact_id"};
  std::string found;
  WalkTree(node, [&](std::string_view type, const Json& body) {
    const std::string name = type == "FuncCall" ? LastName(Field(body, "funcname")) : "";
    if (IsOneOf(kFunctions, name)) found = name + "()";
    if (type == "SQLValueFunction") found = VolatileCall(Json{{"SQLValueFunction", body}});
    return found.empty();
  });
  return found;
}

// What an INSERT or UPDATE writes.
std::string WrittenOwnValue(std::string_view type, const Json& body) {
  std::string found;
  const auto look = [&](const Json& part) {
    if (found.empty()) found = TransactionsOwnValue(part);
  };
  if (type == "UpdateStmt") look(Field(body, "targetList"));
  if (type != "InsertStmt") return found;
  const Json& select = BodyOf(Field(body, "selectStmt"));
  look(Field(select, "targetList"));
  look(Field(select, "valuesLists"));
  look(Field(Field(body, "onConflictClause"), "targetList"));
  return found;
}

// Which rows, or in which order, is each server's own choice.
std::string ServersChoice(std::string_view type, const Json& body) {
  constexpr std::array<std::string_view, 7> kOrdered = {
      "array_agg",       "string_agg",       "json_agg", "jsonb_agg",
      "json_object_agg", "jsonb_object_agg", "xmlagg"};
  if (type == "RangeTableSample") return "TABLESAMPLE";
  if (type == "ColumnRef" && IsSystemColumn(body)) return Names(Field(body, "fields")).back();
  if (type == "SelectStmt") {
    if (!Field(body, "limitCount").is_null() || !Field(body, "limitOffset").is_null())
      return "LIMIT or OFFSET";
    const Json& distinct = Items(body, "distinctClause");
    if (!distinct.empty() && !TypeOf(distinct[0]).empty()) return "DISTINCT ON";
    if (!Items(body, "lockingClause").empty()) return "FOR UPDATE";
  }
  if (type != "FuncCall") return "";
  const std::string name = LastName(Field(body, "funcname"));
  if (!Field(body, "over").is_null()) return "the window function " + name + "()";
  if (IsOneOf(kOrdered, name) && Items(body, "agg_order").empty())
    return name + "() without ORDER BY";
  return "";
}

}  // namespace

// What gives another value on each shard may not be written to all of them.
void QueryReader::CheckReferenceWrite(const Json& node) {
  if (const std::string call = VolatileCall(node); !call.empty()) {
    return Refuse(NotSupported(
        fmt::format("{} in a write to a reference table gives each shard another value", call),
        "compute the value in the client"));
  }
  WalkTree(node, [&](std::string_view type, const Json& body) {
    if (const std::string choice = ServersChoice(type, body); !choice.empty()) {
      Refuse(NotSupported(
          fmt::format("{} in a write to a reference table: shards may choose differently", choice),
          "read the rows first, then write them by their keys"));
    }
    const bool system = type == "RangeVar" && source_.Find(body).table_class == TableClass::kSystem;
    if (system) {
      Refuse(
          NotSupported("a write to a reference table that reads a system table, which differs "
                       "between shards"));
    }
    return !refused();
  });
}

void QueryReader::CheckFunctions(const Json& node) {
  WalkTree(node, [&](std::string_view type, const Json& body) {
    if (type == "ColumnRef" && IsSystemColumn(body)) {
      OnOneShard(NotSupported(fmt::format("the system column {} over several shards",
                                          Names(Field(body, "fields")).back()),
                              "it means something on one shard only"));
    }
    if (const std::string value = WrittenOwnValue(type, body); !value.empty()) {
      OnOneShard(NotSupported(
          fmt::format("{} in a write to several shards gives each another value", value),
          "compute the value in the client, or write one key at a time"));
    }
    if (type != "FuncCall") return true;
    const std::vector<std::string> names = Names(Field(body, "funcname"));
    CheckFunction(names.back());
    if (names.size() == 1 || names.front() != "pg_catalog") CheckLearned(names.back());
    return true;
  });
}

// Functions that users made: an aggregate is none that we know how to merge, and what a function
// reads and writes stands in its body.
void QueryReader::CheckLearned(const std::string& name) {
  if (IsBuiltIn(name)) return;
  const FunctionFacts* facts = source_.catalogue().FindFunction(name);
  if (facts == nullptr) {
    if (std::find(out_.functions.begin(), out_.functions.end(), name) == out_.functions.end())
      out_.functions.push_back(name);
    return;
  }
  if (facts->aggregate && KindOfFunction(name) != FunctionKind::kAggregate) {
    OnOneShard(NotSupported(fmt::format("the aggregate {}() over several shards", name),
                            "read the rows, or compare the sharding column with a value"));
  }
  if (!facts->unseen) return;
  const Refusal why = NotSupported(
      fmt::format("{}(): the router cannot see what this function reads and writes", name),
      "declare it IMMUTABLE if it touches no table, compare the sharding column with a value, or "
      "SET "
      "foreshard.shard_key");
  out_.runs_unseen = true;
  if (out_.unless_shard_key.sqlstate.empty()) out_.unless_shard_key = why;
  OnOneShard(why);
}

void QueryReader::OnOneShard(Refusal why) {
  if (out_.not_on_several.sqlstate.empty()) out_.not_on_several = std::move(why);
}

void QueryReader::CheckFunction(const std::string& name) {
  const auto needs_shard = [&](const std::string& message, const char* hint) {
    out_.on_primary = true;
    out_.unless_shard_key = NotSupported(message, hint);
    OnOneShard(NotSupported(message, hint));
  };
  if (name.starts_with("pg_advisory_") || name.starts_with("pg_try_advisory_")) {
    if (name.find("_xact_") == std::string::npos) {
      Refuse(
          NotSupported(fmt::format("{}(): session locks do not survive transaction pooling", name),
                       "use the _xact_ form with foreshard.shard_key"));
    }
    needs_shard(fmt::format("{}() locks on one shard only", name),
                "SET foreshard.shard_key to say on which");
  } else if (name == "nextval") {
    needs_shard(
        "nextval() counts on one shard only, so its numbers are not unique over shards",
        "SET foreshard.shard_key to say on which, or make the number part of a key with the "
        "sharding column");
  } else if (name == "setval") {
    needs_shard("setval() changes the sequence of one shard only",
                "SET foreshard.shard_key to say of which");
  } else if (name == "pg_cancel_backend" || name == "pg_terminate_backend") {
    needs_shard(fmt::format("{}(): a process number means something on one shard only", name),
                "SET foreshard.shard_key to say on which, or send a cancel request");
  } else if (name == "set_config") {
    Refuse(NotSupported("set_config() here",
                        "SELECT set_config('name', $1, false) alone, or use SET or SET LOCAL"));
  } else if (name == "currval" || name == "lastval") {
    Refuse(NotSupported(fmt::format("{}(): the session may be on another server connection", name),
                        "use INSERT … RETURNING"));
  } else if (name.starts_with("lo_") || name == "loread" || name == "lowrite") {
    Refuse(NotSupported(fmt::format("{}(): large objects live on one shard", name), "use bytea"));
  }
}

}  // namespace foreshard::router
