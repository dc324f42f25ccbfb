#include <fmt/format.h>

#include <algorithm>

#include "router/classify_reader.h"

// What an expression proves about keys, and the sub-selects inside it.

namespace foreshard::router {

namespace {

// In a select list or HAVING, not inside a sub-select.
bool HasFunction(const Json& node, const std::function<bool(const Json& call)>& wanted) {
  bool found = false;
  WalkTree(node, [&](std::string_view type, const Json& body) {
    if (type == "SubLink") return false;
    if (type == "FuncCall" && wanted(body)) found = true;
    return !found;
  });
  return found;
}

bool IsAggregate(const Json& call) {
  return Field(call, "over").is_null() &&
         (KindOfFunction(LastName(Field(call, "funcname"))) == FunctionKind::kAggregate ||
          Flag(call, "agg_star") || !Field(call, "agg_filter").is_null() ||
          !Items(call, "agg_order").empty() || Flag(call, "agg_distinct"));
}

bool IsWindow(const Json& call) { return !Field(call, "over").is_null(); }

}  // namespace

std::optional<int> QueryReader::Resolve(const Json& node, const Scope& scope) const {
  if (TypeOf(node) != "ColumnRef") return std::nullopt;
  const std::vector<std::string> names = Names(Field(BodyOf(node), "fields"));
  if (names.empty() || names.back() == "*") return std::nullopt;
  const std::string& column = names.back();
  if (names.size() == 1) {
    // The table certainly has this column, so a valid unqualified name of this level can mean no
    // other.
    if (const auto merged = scope.merged.find(column); merged != scope.merged.end())
      return merged->second;
    std::optional<int> found;
    for (const Item& item : scope.items) {
      const auto at = item.keys.find(column);
      if (at == item.keys.end()) continue;
      if (found) return std::nullopt;
      found = at->second;
    }
    return found;
  }
  const std::string& table = names[names.size() - 2];
  const std::string schema = names.size() > 2 ? names[names.size() - 3] : "";
  for (const Scope* at = &scope; at != nullptr; at = at->outer) {
    for (const Item& item : at->items) {
      if (item.name != table || (!schema.empty() && item.schema != schema)) continue;
      const auto key = item.keys.find(column);
      return key == item.keys.end() ? std::nullopt : std::optional<int>(key->second);
    }
  }
  return std::nullopt;
}

void QueryReader::Collect(const Json& expr, Scope& scope, Facts& facts) {
  const std::string_view type = TypeOf(expr);
  const Json& body = BodyOf(expr);
  if (type == "BoolExpr" && Text(body, "boolop") == "AND_EXPR") {
    for (const Json& arg : Items(body, "args")) Collect(arg, scope, facts);
  } else if (type == "BoolExpr" && Text(body, "boolop") == "OR_EXPR") {
    CollectOr(body, scope, facts);
  } else if (type == "A_Expr") {
    CollectComparison(body, scope, facts);
  } else if (type == "SubLink") {
    CollectSublink(body, scope, facts);
  } else {
    Visit(expr, scope);
  }
}

void QueryReader::CollectComparison(const Json& body, Scope& scope, Facts& facts) {
  const std::string kind = Text(body, "kind");
  const Json& left = Field(body, "lexpr");
  const Json& right = Field(body, "rexpr");
  const bool equals = LastName(Field(body, "name")) == "=";
  if (equals && kind == "AEXPR_OP") {
    const std::optional<int> a = Resolve(left, scope);
    const std::optional<int> b = Resolve(right, scope);
    if (a && b) {
      facts.equal.push_back({*a, *b});
    } else if (a || b) {
      const ValueSource value = source_.ValueOf(a ? right : left);
      const int variable = a ? *a : *b;
      if (value.from == ValueSource::From::kUnknown) {
        facts.unknown.insert(variable);
      } else {
        facts.Restrict(variable, KeyList{value});
      }
    }
  } else if (equals && (kind == "AEXPR_IN" || kind == "AEXPR_OP_ANY")) {
    if (const std::optional<int> a = Resolve(left, scope)) {
      const KeyList values = source_.ValuesOf(right);
      const bool known = std::none_of(values.begin(), values.end(), [](const ValueSource& value) {
        return value.from == ValueSource::From::kUnknown;
      });
      if (known) facts.Restrict(*a, values);
      if (!known) facts.unknown.insert(*a);
    }
  }
  Visit(left, scope);
  Visit(right, scope);
}

// k = 1 OR k = 2: the union, for what every arm restricts.
void QueryReader::CollectOr(const Json& body, Scope& scope, Facts& facts) {
  std::optional<std::map<int, KeyList>> common;
  for (const Json& arg : Items(body, "args")) {
    Facts arm;
    Collect(arg, scope, arm);
    facts.unknown.insert(arm.unknown.begin(), arm.unknown.end());
    if (!common) {
      common = arm.lists;
      continue;
    }
    for (auto at = common->begin(); at != common->end();) {
      const auto other = arm.lists.find(at->first);
      if (other == arm.lists.end()) {
        at = common->erase(at);
        continue;
      }
      at->second.insert(at->second.end(), other->second.begin(), other->second.end());
      ++at;
    }
  }
  if (!common) return;
  for (const auto& [variable, list] : *common) facts.Restrict(variable, list);
}

// k IN (SELECT …): the rows of both sides meet where keys are equal.
void QueryReader::CollectSublink(const Json& body, Scope& scope, Facts& facts) {
  if (Text(body, "subLinkType") != "ANY_SUBLINK") {
    ReadSublink(body, scope);
    return;
  }
  const Json& operator_name = Field(body, "operName");
  const bool equals = operator_name.is_null() || LastName(operator_name) == "=";
  const std::optional<int> test = equals ? Resolve(Field(body, "testexpr"), scope) : std::nullopt;
  if (!test) {
    ReadSublink(body, scope);
    return;
  }
  const Json& select = BodyOf(Field(body, "subselect"));
  read_sublinks_.insert(&body);
  Export shows = ReadSelect(select, &scope, false);
  if (shows.columns.size() == 1 && shows.columns[0])
    facts.within.push_back({*test, *shows.columns[0]});
}

// A sub-select may be restricted by what stands outside of it, never the other way round: NOT
// EXISTS (… WHERE c.id = 5) says nothing about c.
void QueryReader::Apply(const Facts& facts, const Scope& scope) {
  const auto inner = [&](int variable) {
    return variable >= scope.first_variable || scope.own.contains(variable);
  };
  for (const auto& [variable, list] : facts.lists) {
    if (inner(variable)) graph_.Restrict(variable, list);
  }
  for (const auto& [a, b] : facts.equal) {
    if (inner(a) && inner(b)) {
      graph_.Equal(a, b);
    } else if (inner(a) || inner(b)) {
      graph_.AddList(inner(a) ? b : a, inner(a) ? a : b);
      graph_.AddJoin(inner(a) ? b : a, inner(a) ? a : b);
    }
  }
  for (const auto& [test, shown] : facts.within) {
    if (inner(test)) graph_.AddList(shown, test);
    graph_.AddList(test, shown);
    graph_.AddJoin(test, shown);
  }
  for (const int variable : facts.unknown) {
    if (inner(variable)) graph_.MarkUnknown(variable);
  }
}

// ON of an outer join restricts the nullable side only.
void QueryReader::ApplyOuterJoin(const Facts& facts, const std::set<int>& nullable) {
  for (const auto& [variable, list] : facts.lists) {
    if (nullable.contains(variable)) graph_.Restrict(variable, list);
  }
  for (const auto& [a, b] : facts.equal) {
    if (nullable.contains(a) && nullable.contains(b)) {
      graph_.Equal(a, b);
    } else if (nullable.contains(a) || nullable.contains(b)) {
      const int to = nullable.contains(a) ? a : b;
      const int from = to == a ? b : a;
      graph_.AddList(from, to);
      graph_.AddJoin(from, to);
    }
  }
  for (const auto& [test, shown] : facts.within) {
    graph_.AddList(test, shown);
    graph_.AddJoin(test, shown);
  }
}

void QueryReader::Visit(const Json& node, Scope& scope) {
  WalkTree(node, [&](std::string_view type, const Json& body) {
    if (type != "SubLink") return true;
    ReadSublink(body, scope);
    return false;
  });
}

void QueryReader::ReadSublink(const Json& body, Scope& scope) {
  if (!read_sublinks_.insert(&body).second) return;
  Visit(Field(body, "testexpr"), scope);
  ReadSelect(BodyOf(Field(body, "subselect")), &scope, false);
}

bool QueryReader::GroupsByKey(const Json& body, const Scope& scope) {
  const Json& targets = Items(body, "targetList");
  for (const Json& item : Items(body, "groupClause")) {
    const Json* expr = &item;
    if (TypeOf(item) == "A_Const") {
      const std::optional<std::string> position = source_.LookAt(Location(BodyOf(item)));
      const std::size_t index =
          position ? static_cast<std::size_t>(std::strtoul(position->c_str(), nullptr, 10)) : 0;
      if (index == 0 || index > targets.size()) continue;
      expr = &Field(BodyOf(targets[index - 1]), "val");
    }
    const std::optional<int> variable = Resolve(*expr, scope);
    if (variable && scope.drivers.contains(*variable)) return true;
  }
  return false;
}

bool QueryReader::IsBarrier(const Json& body, const Scope& scope, bool* grouped_by_key) {
  const Json& targets = Field(body, "targetList");
  const auto is_driver = [&](const Json& node) {
    const std::optional<int> variable = Resolve(node, scope);
    return variable && scope.drivers.contains(*variable);
  };
  bool barrier = false;
  const bool aggregates =
      HasFunction(targets, IsAggregate) || HasFunction(Field(body, "havingClause"), IsAggregate);
  if (aggregates || !Items(body, "groupClause").empty() || !Field(body, "havingClause").is_null()) {
    *grouped_by_key = GroupsByKey(body, scope);
    barrier = barrier || !*grouped_by_key;
  }
  if (!Items(body, "distinctClause").empty()) {
    const Json& items = Items(body, "targetList");
    barrier = barrier || std::none_of(items.begin(), items.end(), [&](const Json& item) {
                return is_driver(Field(BodyOf(item), "val"));
              });
  }
  if (HasFunction(targets, IsWindow)) {
    barrier =
        barrier || HasFunction(targets, [&](const Json& call) {
          const Json& over = Field(call, "over");
          const Json& partition = Items(over, "partitionClause");
          return !over.is_null() && std::none_of(partition.begin(), partition.end(), is_driver);
        });
  }
  return barrier || !Field(body, "limitCount").is_null() || !Field(body, "limitOffset").is_null();
}

QueryReader::Export QueryReader::ExportOf(const Json& body, Scope& scope, bool barrier) {
  Export shows;
  shows.barrier = barrier;
  std::map<int, int> outside;
  const auto show = [&](int variable) {
    if (!barrier) return variable;
    const auto [at, fresh] = outside.try_emplace(variable, 0);
    if (fresh) {
      at->second = graph_.Add("", graph_.variable(variable).column);
      graph_.AddList(variable, at->second);
      graph_.AddJoin(variable, at->second);
    }
    return at->second;
  };
  for (const Json& item : Items(body, "targetList")) {
    const Json& target = BodyOf(item);
    const Json& value = Field(target, "val");
    const std::vector<std::string> names = TypeOf(value) == "ColumnRef"
                                               ? Names(Field(BodyOf(value), "fields"))
                                               : std::vector<std::string>();
    if (!names.empty() && names.back() == "*") {
      shows.star = true;
      for (const Item& from : scope.items) {
        if (names.size() > 1 && names[names.size() - 2] != from.name) continue;
        for (const auto& [name, variable] : from.keys) shows.names.emplace(name, show(variable));
      }
      continue;
    }
    const std::optional<int> variable = Resolve(value, scope);
    const std::string name = !Text(target, "name").empty() ? Text(target, "name")
                             : names.empty()               ? ""
                                                           : names.back();
    std::optional<int> shown;
    if (variable && scope.own.contains(*variable)) shown = show(*variable);
    if (!shows.star) {
      shows.columns.push_back(shown);
      shows.column_names.push_back(name);
    }
    if (shown) shows.names.emplace(name, *shown);
  }
  if (!barrier) shows.drivers = scope.drivers;
  return shows;
}

}  // namespace foreshard::router
