#include <fmt/format.h>

#include <algorithm>

#include "router/classify_reader.h"

// INSERT, UPDATE, DELETE.

namespace foreshard::router {

namespace {

std::string Quote(const std::string& name) {
  std::string quoted = "\"";
  for (const char c : name) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

}  // namespace

QueryReader::Target QueryReader::ReadTarget(const Json& body, Scope& scope, bool top) {
  ++tables_seen_;
  scope.first_variable = graph_.size();
  out_.writes = true;
  const Json& relation = Field(body, "relation");
  Target target;
  target.info = source_.Find(relation);
  if (target.info.table_class == TableClass::kSystem) {
    Refuse(NotSupported("writing to a system table"));
    return target;
  }
  const int variable = AddTable(target.info);
  Item item;
  const Json& alias = Field(relation, "alias");
  item.name = alias.is_null() ? Text(relation, "relname") : Text(alias, "aliasname");
  item.schema = alias.is_null() ? target.info.schema : "";
  if (variable >= 0) {
    target.variable = variable;
    item.keys[target.info.column] = variable;
    scope.own.insert(variable);
    scope.drivers = {variable};
  } else if (target.info.table_class == TableClass::kReference) {
    out_.writes_reference = true;
    if (!top) Refuse(NotSupported("a WITH clause that writes to a reference table"));
  }
  scope.items.push_back(std::move(item));
  if (top) top_drivers_ = scope.drivers;
  return target;
}

void QueryReader::ReadInsert(const Json& body, Scope* outer, bool top) {
  Scope scope;
  scope.outer = outer;
  ReadWith(body, scope);
  const Target target = ReadTarget(body, scope, top);
  if (refused()) return;
  if (target.info.table_class == TableClass::kReference) CheckReferenceWrite(body);
  const Json& select = BodyOf(Field(body, "selectStmt"));
  const Json& conflict = Field(body, "onConflictClause");
  if (!conflict.is_null()) {
    RefuseKeyChange(Items(conflict, "targetList"), target.info);
    Visit(Field(conflict, "targetList"), scope);
    Visit(Field(conflict, "whereClause"), scope);
  }
  Visit(Field(body, "returningList"), scope);
  if (!target.variable) {
    if (!select.is_null()) ReadSelect(select, &scope, false);
    if (graph_.size() > 0) {
      Refuse(NotSupported("a reference table filled from sharded tables",
                          "read the rows first, then insert them"));
    }
    return;
  }
  if (select.is_null()) {  // DEFAULT VALUES
    graph_.Restrict(*target.variable, {{ValueSource::From::kDefault, 0, false, {}}});
  } else if (!Items(select, "valuesLists").empty()) {
    ReadValues(body, scope, target, top);
  } else {
    ReadInsertSelect(body, scope, target, top);
  }
}

// Where the sharding column stands in each row; nothing if the INSERT leaves it out.
std::optional<std::size_t> QueryReader::KeyPosition(const Json& insert, const TableInfo& info) {
  const Json& columns = Items(insert, "cols");
  if (!columns.empty()) {
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (Text(BodyOf(columns[i]), "name") == info.column) return i;
    }
    return std::nullopt;
  }
  const auto at = std::find(info.columns.begin(), info.columns.end(), info.column);
  if (at != info.columns.end()) {
    const Json& select = BodyOf(Field(insert, "selectStmt"));
    const Json& rows = Items(select, "valuesLists");
    const Json& targets = Items(select, "targetList");
    const bool star = std::any_of(targets.begin(), targets.end(), [](const Json& target) {
      const Json& value = Field(BodyOf(target), "val");
      return TypeOf(value) == "ColumnRef" && Names(Field(BodyOf(value), "fields")).back() == "*";
    });
    const std::size_t given = !rows.empty()             ? Items(BodyOf(rows[0]), "items").size()
                              : star || targets.empty() ? info.columns.size()
                                                        : targets.size();
    // One value too many is PostgreSQL's to complain of.
    if (given <= info.columns.size())
      out_.names_columns = NameColumns(source_, Field(insert, "relation"), info, given);
    return static_cast<std::size_t>(at - info.columns.begin());
  }
  out_.needs_columns_of = info.qualified();
  Refuse({"0A000", fmt::format("the columns of {} are not known", info.qualified()),
          "name the columns in the INSERT"});
  return std::nullopt;
}

void QueryReader::ReadValues(const Json& insert, Scope& scope, const Target& target, bool top) {
  const std::optional<std::size_t> position = KeyPosition(insert, target.info);
  if (refused()) return;
  const Json& select = BodyOf(Field(insert, "selectStmt"));
  KeyList keys;
  for (const Json& row : Items(select, "valuesLists")) {
    const Json& values = Items(BodyOf(row), "items");
    ValueSource source;
    source.from = ValueSource::From::kDefault;
    if (position && *position < values.size()) source = source_.ValueOf(values[*position]);
    if (source.from == ValueSource::From::kUnknown) out_.key_unknown = true;
    keys.push_back(std::move(source));
  }
  graph_.Restrict(*target.variable, keys);
  // Sub-selects among the values are read with the target beside them, not inside.
  Scope inside;
  inside.outer = &scope;
  inside.first_variable = graph_.size();
  ReadWith(select, inside);
  Visit(Field(select, "valuesLists"), inside);
  if (!top) return;
  InsertRows rows;
  rows.keys = std::move(keys);
  rows.rows = RowSpans(rows.keys.size());
  const Json& conflict = Field(insert, "onConflictClause");
  rows.skips_rows =
      Text(conflict, "action") == "ONCONFLICT_NOTHING" || !Field(conflict, "whereClause").is_null();
  const bool plain = Field(select, "sortClause").is_null() &&
                     Field(select, "limitCount").is_null() &&
                     Field(select, "limitOffset").is_null();
  if (rows.rows.size() == rows.keys.size() && plain) out_.insert = std::move(rows);
}

// The parentheses after VALUES.
std::vector<TokenSpan> QueryReader::RowSpans(std::size_t rows) const {
  std::vector<TokenSpan> spans;
  const std::uint32_t end = source_.token_count();
  const std::uint32_t insert = source_.FindWord(0, end, {"insert"});
  std::uint32_t at = source_.FindWord(insert, end, {"values"}) + 1;
  while (spans.size() < rows && source_.IsPunctuationAt(at, '(')) {
    const std::uint32_t after = source_.AfterParenthesis(at);
    spans.push_back({at, after - at});
    at = after;
    if (!source_.IsPunctuationAt(at, ',')) break;
    ++at;
  }
  return spans;
}

void QueryReader::ReadInsertSelect(const Json& insert, Scope& scope, const Target& target,
                                   bool top) {
  const std::optional<std::size_t> position = KeyPosition(insert, target.info);
  if (refused()) return;
  const Json& select = BodyOf(Field(insert, "selectStmt"));
  const Export shows = ReadSelect(select, &scope, false);
  if (refused()) return;
  const Json& targets = Items(select, "targetList");
  std::optional<int> from;
  if (position && *position < shows.columns.size()) from = shows.columns[*position];
  if (from) {
    // Each inserted row has the key of the row it was made from.
    graph_.AddList(*from, *target.variable);
    graph_.AddJoin(*from, *target.variable);
    if (top) top_drivers_ = shows.drivers;
    return;
  }
  ValueSource value;
  if (!position) value.from = ValueSource::From::kDefault;
  if (position && *position < targets.size() && !shows.star) {
    value = source_.ValueOf(Field(BodyOf(targets[*position]), "val"));
  }
  if (value.from != ValueSource::From::kUnknown) {
    graph_.Restrict(*target.variable, {value});
  } else {
    graph_.MarkUnknown(*target.variable);
    out_.key_unknown = true;
  }
}

void QueryReader::RefuseKeyChange(const Json& targets, const TableInfo& info) {
  if (info.table_class != TableClass::kSharded) return;
  for (const Json& item : targets) {
    if (Text(BodyOf(item), "name") != info.column) continue;
    return Refuse(NotSupported(
        fmt::format("UPDATE of the sharding column {}.{}", info.qualified(), info.column),
        "delete the row and insert it with the new key in one transaction"));
  }
}

void QueryReader::ReadKeyChange(const Json& update, const Target& target, const Item& item,
                                bool top) {
  const TableInfo& info = target.info;
  const Json& targets = Items(update, "targetList");
  const auto found = std::find_if(targets.begin(), targets.end(), [&](const Json& assignment) {
    return Text(BodyOf(assignment), "name") == info.column;
  });
  if (!target.variable || found == targets.end()) return;
  const Json& assignment = BodyOf(*found);
  const ValueSource value = source_.ValueOf(Field(assignment, "val"));
  const bool known =
      value.from != ValueSource::From::kUnknown && value.from != ValueSource::From::kDefault;
  if (!top || !known) return RefuseKeyChange(targets, info);
  KeyChange change{.value = value,
                   .schema = info.schema,
                   .table = info.name,
                   .column = info.column,
                   .alone = targets.size() == 1,
                   .edits = {}};
  const std::uint32_t begin = source_.TokenAt(Location(assignment));
  const std::uint32_t end = source_.token_count();
  const std::uint32_t after = source_.FindWord(begin, end, {"from", "where", "returning"});
  const std::string column = Quote(info.column);
  change.edits = {
      {{begin, after - begin}, fmt::format("{} = {}.{}", column, Quote(item.name), column)},
      {{end, 0}, fmt::format("RETURNING {}.ctid::pg_catalog.text", Quote(item.name))}};
  out_.key_change = std::move(change);
}

void QueryReader::ReadUpdate(const Json& body, Scope* outer, bool top) {
  Scope scope;
  scope.outer = outer;
  ReadWith(body, scope);
  const Target target = ReadTarget(body, scope, top);
  if (refused()) return;
  if (target.info.table_class == TableClass::kReference) CheckReferenceWrite(body);
  const Item item = scope.items.front();
  ReadKeyChange(body, target, item, top);
  if (refused()) return;
  for (const Json& node : Items(body, "fromClause")) {
    const From from = ReadFrom(node, scope);
    scope.own.insert(from.variables.begin(), from.variables.end());
  }
  Facts facts;
  const Json& where = Field(body, "whereClause");
  if (TypeOf(where) == "CurrentOfExpr") return Refuse(NotSupported("WHERE CURRENT OF"));
  if (!where.is_null()) Collect(where, scope, facts);
  Apply(facts, scope);
  Visit(Field(body, "targetList"), scope);
  Visit(Field(body, "returningList"), scope);
  if (!target.variable && graph_.size() > 0)
    Refuse(NotSupported("a reference table changed from sharded tables"));
  if (top && target.variable) AddWhereSpot(body, item, target.info);
}

void QueryReader::ReadDelete(const Json& body, Scope* outer, bool top) {
  Scope scope;
  scope.outer = outer;
  ReadWith(body, scope);
  const Target target = ReadTarget(body, scope, top);
  if (refused()) return;
  if (target.info.table_class == TableClass::kReference) CheckReferenceWrite(body);
  const Item item = scope.items.front();
  for (const Json& node : Items(body, "usingClause")) {
    const From from = ReadFrom(node, scope);
    scope.own.insert(from.variables.begin(), from.variables.end());
  }
  Facts facts;
  const Json& where = Field(body, "whereClause");
  if (TypeOf(where) == "CurrentOfExpr") return Refuse(NotSupported("WHERE CURRENT OF"));
  if (!where.is_null()) Collect(where, scope, facts);
  Apply(facts, scope);
  Visit(Field(body, "returningList"), scope);
  if (!target.variable && graph_.size() > 0)
    Refuse(NotSupported("a reference table changed from sharded tables"));
  if (top && target.variable) AddWhereSpot(body, item, target.info);
}

void QueryReader::AddWhereSpot(const Json& body, const Item& item, const TableInfo& info) {
  const std::uint32_t end = source_.token_count();
  const std::uint32_t begin = source_.FindWord(0, end, {"update", "delete"});
  const std::uint32_t returning = source_.FindWord(begin, end, {"returning"});
  const std::uint32_t where = source_.FindWord(begin, returning, {"where"});
  WhereSpot spot;
  spot.insert_at = returning;
  if (where < returning) spot.condition = TokenSpan{where + 1, returning - where - 1};
  if ((where < returning) == Field(body, "whereClause").is_null())
    return;  // the text is not what it seems
  spot.target = Quote(item.name);
  spot.column = info.column;
  out_.where_spots.push_back(std::move(spot));
}

}  // namespace foreshard::router
