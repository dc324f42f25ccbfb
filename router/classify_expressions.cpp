#include "router/classify_expressions.h"

#include <set>

#include "router/classify_reader.h"

namespace foreshard::router {

namespace {

// The names by which a sub-select's own tables can be called.
std::set<std::string> OwnNames(const Json& from) {
  std::set<std::string> names;
  WalkTree(from, [&](std::string_view type, const Json& body) {
    if (type == "RangeVar") names.insert(Text(body, "relname"));
    const std::string alias = Text(Field(body, "alias"), "aliasname");
    if (!alias.empty()) names.insert(alias);
    return type != "SubLink";
  });
  return names;
}

// Whether a call reads columns, all of them qualified by names that are not among `own`.
bool ReadsOnlyOutside(const Json& call, const std::set<std::string>& own) {
  bool reads = false;
  bool inside = false;
  WalkTree(Field(call, "args"), [&](std::string_view type, const Json& body) {
    if (type != "ColumnRef") return true;
    const std::vector<std::string> names = Names(Field(body, "fields"));
    reads = true;
    inside = inside || (names.size() == 1 ? !own.empty() : own.contains(names[names.size() - 2]));
    return true;
  });
  return reads && !inside;
}

}  // namespace

bool IsAggregateCall(const Json& node) {
  return TypeOf(node) == "FuncCall" && Field(BodyOf(node), "over").is_null() &&
         KindOfFunction(LastName(Field(BodyOf(node), "funcname"))) == FunctionKind::kAggregate;
}

std::string InnerCall(const Json& node) {
  std::string found;
  WalkTree(node, [&](std::string_view type, const Json& body) {
    if (type == "SubLink") return false;
    if (type != "FuncCall") return true;
    const std::string name = LastName(Field(body, "funcname"));
    if (!Field(body, "over").is_null()) found = "the window function " + name + "()";
    if (Field(body, "over").is_null() && KindOfFunction(name) == FunctionKind::kAggregate)
      found = name + "()";
    if (Flag(body, "agg_star") || !Field(body, "agg_filter").is_null() ||
        !Items(body, "agg_order").empty() || Flag(body, "agg_distinct") ||
        Flag(body, "agg_within_group")) {
      found = name + "()";
    }
    return found.empty();
  });
  return found;
}

void DropConstants(Json& node) {
  if (node.is_array()) {
    for (Json& item : node) DropConstants(item);
  }
  if (!node.is_object()) return;
  for (auto& [name, value] : node.items()) {
    if (name == "A_Const" && !value.contains("boolval") && !value.contains("isnull"))
      value = Json::object();
    else
      DropConstants(value);
  }
}

std::optional<std::string> OtherCollation(const Json& node, bool* c) {
  std::optional<std::string> other;
  WalkTree(node, [&](std::string_view type, const Json& body) {
    if (type != "CollateClause") return true;
    const std::string name = LastName(Field(body, "collname"));
    if (name == "C" || name == "POSIX")
      *c = true;
    else
      other = name;
    return true;
  });
  return other;
}

std::string OuterAggregate(const Json& node) {
  std::string found;
  WalkTree(node, [&](std::string_view type, const Json& body) {
    if (type != "SubLink") return found.empty();
    const Json& select = BodyOf(Field(body, "subselect"));
    const std::set<std::string> own = OwnNames(Field(select, "fromClause"));
    WalkTree(select, [&](std::string_view inner, const Json& call) {
      const std::string name = inner == "FuncCall" ? LastName(Field(call, "funcname")) : "";
      if (KindOfFunction(name) == FunctionKind::kAggregate && ReadsOnlyOutside(call, own))
        found = name + "()";
      return found.empty();
    });
    return found.empty();
  });
  return found;
}

std::vector<TableInfo> TablesOf(const Source& source, const Json& from) {
  std::vector<TableInfo> tables;
  WalkTree(from, [&](std::string_view type, const Json& body) {
    if (type == "RangeVar") tables.push_back(source.Find(body));
    const bool opaque =
        type == "RangeSubselect" || type == "RangeFunction" || type == "RangeTableFunc";
    if (opaque) tables.emplace_back();
    return !opaque && type != "SubLink";
  });
  return tables;
}

}  // namespace foreshard::router
