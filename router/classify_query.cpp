#include <fmt/format.h>

#include <algorithm>

#include "router/classify_reader.h"

namespace foreshard::router {

void WalkTree(const Json& node,
              const std::function<bool(std::string_view type, const Json& body)>& enter) {
  if (node.is_array()) {
    for (const Json& item : node) WalkTree(item, enter);
    return;
  }
  if (!node.is_object()) return;
  for (const auto& [name, value] : node.items()) {
    const bool is_type = value.is_object() && !name.empty() && name[0] >= 'A' && name[0] <= 'Z';
    if (is_type && !enter(name, value)) continue;
    WalkTree(value, enter);
  }
}

void QueryReader::Refuse(Refusal refusal) {
  if (refused()) return;
  out_.kind = StatementKind::kRefused;
  out_.refusal = std::move(refusal);
}

void QueryReader::ReadTop(const Json& node) {
  const std::string_view type = TypeOf(node);
  const Json& body = BodyOf(node);
  if (type == "SelectStmt") {
    out_.kind = StatementKind::kRead;
    out_.returns_rows = true;
    ReadSelect(body, nullptr, true);
  } else if (type == "InsertStmt") {
    out_.kind = StatementKind::kInsert;
    ReadInsert(body, nullptr, true);
  } else if (type == "UpdateStmt") {
    out_.kind = StatementKind::kUpdate;
    ReadUpdate(body, nullptr, true);
  } else if (type == "DeleteStmt") {
    out_.kind = StatementKind::kDelete;
    ReadDelete(body, nullptr, true);
  }
  if (!Items(body, "returningList").empty()) out_.returns_rows = true;
  CheckFunctions(node);
  if (!refused()) Finish(node);
}

void QueryReader::Finish(const Json& node) {
  // Every table must have been seen: a form of statement that we do not follow is refused, never
  // guessed.
  std::size_t tables = 0;
  WalkTree(node, [&](std::string_view type, const Json& body) {
    if (type == "LockingClause") return false;  // names what FROM has named
    if (type == "RangeVar") ++tables;
    if (type == "InsertStmt" || type == "UpdateStmt" || type == "DeleteStmt")
      ++tables;  // their target has no wrapper
    static_cast<void>(body);
    return true;
  });
  if (tables != tables_seen_)
    return Refuse(NotSupported("a form of statement that the router does not follow"));
  out_.locks_reference = locks_reference_;
  if (locks_reference_ && out_.reads_sharded) {
    return Refuse(NotSupported("FOR UPDATE or FOR SHARE of a reference table beside a sharded one",
                               "write OF and the sharded table"));
  }
  if (graph_.size() > 1) out_.insert.reset();  // rows that look at other keys are not split
  graph_.Propagate();
  out_.keys_complete = graph_.Complete();
  out_.keys = graph_.Lists();
  const std::optional<int> root = graph_.Root(top_drivers_);
  out_.colocated = graph_.size() == 0 || (root.has_value() && !nested_write_);
  if (!out_.colocated) {
    out_.not_colocated =
        NotSupported(fmt::format("{} cannot be answered by several shards", not_joined_),
                     "compare the sharding column with a constant or parameter, or join on it");
  }
  if (root && graph_.variable(*root).list) {
    // The shards to ask are those of the root's keys; the rest follows it.
    const KeyList first = *graph_.variable(*root).list;
    std::erase(out_.keys, first);
    out_.keys.insert(out_.keys.begin(), first);
    out_.keys_lead = true;
  }
  for (int i = 0; i < graph_.size(); ++i) {
    const KeyVariable& variable = graph_.variable(i);
    if (variable.table.empty()) continue;
    if (out_.key_column.empty()) out_.key_column = variable.table + "." + variable.column;
    if (out_.writes && variable.compared_with_unknown && !variable.list) out_.key_unknown = true;
  }
  if (out_.kind == StatementKind::kRead && out_.reads_sharded && !refused()) {
    MakeRecipe(source_, BodyOf(node), top_grouped_by_key_, out_);
  }
}

QueryReader::Export QueryReader::NothingShown() {
  Export shows;
  shows.barrier = true;
  return shows;
}

QueryReader::Export QueryReader::ReadSelect(const Json& body, Scope* outer, bool top) {
  Scope local;
  Scope& scope = top ? top_ : local;
  scope.outer = outer;
  scope.first_variable = graph_.size();
  ReadWith(body, scope);
  if (!Field(body, "intoClause").is_null()) {
    Refuse(NotSupported("SELECT INTO makes a table", "use CREATE TABLE, then INSERT"));
    return {};
  }
  if (!Items(body, "lockingClause").empty()) out_.locks_rows = true;
  if (Text(body, "op") != "SETOP_NONE" && !Text(body, "op").empty()) {
    not_joined_ = "UNION, INTERSECT or EXCEPT over sharded tables";
    ReadSelect(Field(body, "larg"), &scope, false);
    ReadSelect(Field(body, "rarg"), &scope, false);
    Visit(Field(body, "sortClause"), scope);
    Visit(Field(body, "limitCount"), scope);
    Visit(Field(body, "limitOffset"), scope);
    return NothingShown();
  }
  for (const Json& row : Items(body, "valuesLists")) Visit(row, scope);
  for (const Json& item : Items(body, "fromClause")) {
    const From from = ReadFrom(item, scope);
    scope.own.insert(from.variables.begin(), from.variables.end());
    scope.drivers.insert(from.drivers.begin(), from.drivers.end());
  }
  CheckLocks(Items(body, "lockingClause"), scope);
  if (const Json& where = Field(body, "whereClause"); !where.is_null()) {
    Facts facts;
    Collect(where, scope, facts);
    Apply(facts, scope);
  }
  for (const char* clause : {"targetList", "groupClause", "havingClause", "windowClause",
                             "distinctClause", "sortClause", "limitCount", "limitOffset"}) {
    Visit(Field(body, clause), scope);
  }
  bool grouped_by_key = false;
  const bool barrier = IsBarrier(body, scope, &grouped_by_key);
  if (top) {
    top_drivers_ = scope.drivers;
    top_grouped_by_key_ = grouped_by_key;
    return {};
  }
  return ExportOf(body, scope, barrier);
}

// The copies of a reference table's row are locked one by one: who locks must meet all others who
// do.
void QueryReader::CheckLocks(const Json& clauses, const Scope& scope) {
  for (const Json& node : clauses) {
    std::vector<std::string> named;
    for (const Json& table : Items(BodyOf(node), "lockedRels"))
      named.push_back(Text(BodyOf(table), "relname"));
    for (const Item& item : scope.items) {
      const bool locked =
          named.empty() || std::find(named.begin(), named.end(), item.name) != named.end();
      locks_reference_ = locks_reference_ || (locked && item.reference);
    }
  }
}

QueryReader::From QueryReader::ReadFrom(const Json& node, Scope& scope) {
  const std::string_view type = TypeOf(node);
  const Json& body = BodyOf(node);
  if (type == "RangeVar") return ReadTable(body, scope);
  if (type == "JoinExpr") return ReadJoin(body, scope);
  if (type == "RangeSubselect") return ReadSubselect(body, scope);
  if (type == "RangeTableSample") return ReadFrom(Field(body, "relation"), scope);
  if (type == "RangeFunction" || type == "RangeTableFunc") {
    Visit(body, scope);
    scope.items.push_back({Text(Field(body, "alias"), "aliasname"), "", {}});
    return {};
  }
  Refuse(NotSupported(fmt::format("{} in FROM", type)));
  return {};
}

QueryReader::From QueryReader::ReadTable(const Json& body, Scope& scope) {
  ++tables_seen_;
  const std::string name = Text(body, "relname");
  if (Text(body, "schemaname").empty()) {
    for (const Scope* at = &scope; at != nullptr; at = at->outer) {
      if (const auto cte = at->ctes.find(name); cte != at->ctes.end())
        return UseCte(cte->second, body, scope);
    }
  }
  const TableInfo info = source_.Find(body);
  const Json& alias = Field(body, "alias");
  Item item;
  item.name = alias.is_null() ? name : Text(alias, "aliasname");
  item.schema = alias.is_null() ? info.schema : "";
  item.reference = info.table_class == TableClass::kReference;
  From from;
  if (const int variable = AddTable(info); variable >= 0) {
    if (Items(alias, "colnames").empty()) item.keys[info.column] = variable;
    AddSpot(info, body);
    from = {{variable}, {variable}};
  }
  scope.items.push_back(std::move(item));
  return from;
}

// Notes a table; the variable of its key, or -1 if it has none.
int QueryReader::AddTable(const TableInfo& info) {
  switch (info.table_class) {
    case TableClass::kSystem:
      return -1;
    case TableClass::kUnknown:
      Refuse({"0A000",
              fmt::format("table {} is neither sharded nor a reference table", info.qualified()),
              "add it to spec.sharding.tables or spec.sharding.referenceTables of the ShardSet"});
      return -1;
    case TableClass::kReference:
    case TableClass::kSharded:
      break;
  }
  const std::string qualified = info.qualified();
  if (std::find(out_.tables.begin(), out_.tables.end(), qualified) == out_.tables.end()) {
    out_.tables.push_back(qualified);
  }
  if (info.table_class == TableClass::kReference) return -1;
  out_.reads_sharded = true;
  return graph_.Add(qualified, info.column);
}

void QueryReader::AddSpot(const TableInfo& info, const Json& body) {
  TableSpot spot;
  spot.only = !Flag(body, "inh");
  spot.name.first = source_.TokenAt(Location(body));
  if (spot.name.first >= source_.token_count()) return;
  spot.name.count = Text(body, "schemaname").empty() ? 1 : 3;
  if (!Text(body, "catalogname").empty()) spot.name.count = 5;
  if (spot.only && spot.name.first > 0 && source_.IsWordAt(spot.name.first - 1, "only")) {
    --spot.name.first;
    ++spot.name.count;
  }
  spot.qualified = info.qualified();
  spot.column = info.column;
  if (Field(body, "alias").is_null()) spot.alias = info.name;
  out_.table_spots.push_back(std::move(spot));
}

QueryReader::From QueryReader::ReadSubselect(const Json& body, Scope& scope) {
  const Json& query = Field(body, "subquery");
  const Json& alias = Field(body, "alias");
  // Without LATERAL the tables beside it are out of sight, the names of WITH are not.
  Scope without_siblings;
  without_siblings.outer = scope.outer;
  without_siblings.ctes = scope.ctes;
  Export shows =
      ReadSelect(BodyOf(query), Flag(body, "lateral") ? &scope : &without_siblings, false);
  ReadColumns(alias, shows);
  Item item;
  item.name = Text(alias, "aliasname");
  item.keys = shows.names;
  From from;
  from.drivers = shows.drivers;
  from.variables = shows.drivers;
  for (const auto& [name, variable] : shows.names) from.variables.insert(variable);
  scope.items.push_back(std::move(item));
  return from;
}

QueryReader::From QueryReader::ReadJoin(const Json& body, Scope& scope) {
  const std::size_t first_item = scope.items.size();
  const From left = ReadFrom(Field(body, "larg"), scope);
  const std::size_t middle_item = scope.items.size();
  const From right = ReadFrom(Field(body, "rarg"), scope);
  const std::string kind = Text(body, "jointype");
  Facts facts;
  const auto key_on_side = [&](std::size_t begin, std::size_t end,
                               const std::string& name) -> std::optional<int> {
    for (std::size_t i = begin; i < end; ++i) {
      if (const auto at = scope.items[i].keys.find(name); at != scope.items[i].keys.end())
        return at->second;
    }
    return std::nullopt;
  };
  std::vector<std::string> shared;
  for (const Json& name : Items(body, "usingClause")) shared.push_back(StringOf(name));
  if (Flag(body, "isNatural")) {
    for (std::size_t i = first_item; i < middle_item; ++i) {
      for (const auto& [name, variable] : scope.items[i].keys) shared.push_back(name);
    }
  }
  for (const std::string& name : shared) {
    const std::optional<int> a = key_on_side(first_item, middle_item, name);
    const std::optional<int> b = key_on_side(middle_item, scope.items.size(), name);
    if (!a || !b) continue;
    facts.equal.push_back({*a, *b});
    if (kind != "JOIN_FULL") scope.merged[name] = kind == "JOIN_RIGHT" ? *b : *a;
  }
  if (const Json& quals = Field(body, "quals"); !quals.is_null()) Collect(quals, scope, facts);
  From from;
  from.variables = left.variables;
  from.variables.insert(right.variables.begin(), right.variables.end());
  if (kind == "JOIN_INNER") {
    scope.own.insert(from.variables.begin(), from.variables.end());
    Apply(facts, scope);
    from.drivers = left.drivers;
    from.drivers.insert(right.drivers.begin(), right.drivers.end());
  } else if (kind == "JOIN_LEFT") {
    ApplyOuterJoin(facts, right.variables);
    from.drivers = left.drivers;
  } else if (kind == "JOIN_RIGHT") {
    ApplyOuterJoin(facts, left.variables);
    from.drivers = right.drivers;
  } else {
    not_joined_ = "FULL JOIN of sharded tables";
  }
  if (const Json& alias = Field(body, "alias"); !alias.is_null()) {
    for (std::size_t i = first_item; i < scope.items.size(); ++i) {
      scope.items[i].name = Text(alias, "aliasname");
      scope.items[i].schema.clear();
      if (!Items(alias, "colnames").empty()) scope.items[i].keys.clear();
    }
  }
  return from;
}

void ClassifyQuery(Source& source, const Json& node, Statement& out) {
  QueryReader(source, out).ReadTop(node);
}

}  // namespace foreshard::router
