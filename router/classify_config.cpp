#include <array>

#include "router/classify.h"
#include "router/classify_tree.h"

// SELECT set_config('name', value, is_local): how drivers and HTTP gateways SET. Only
// where it is certain to be run once: alone, or beside current_setting() and constants. Anything
// else stays refused.

namespace foreshard::router {

namespace {

bool IsConstant(const Json& node) {
  const std::string_view type = TypeOf(node);
  if (type == "TypeCast") return IsConstant(Field(BodyOf(node), "arg"));
  return type == "A_Const" || type == "ParamRef";
}

bool IsCallOf(const Json& node, std::string_view function) {
  if (TypeOf(node) != "FuncCall") return false;
  const std::vector<std::string> names = Names(Field(BodyOf(node), "funcname"));
  return !names.empty() && names.back() == function &&
         (names.size() == 1 || names.front() == "pg_catalog");
}

bool IsHarmless(const Json& node) {
  if (!IsCallOf(node, "current_setting")) return IsConstant(node);
  for (const Json& argument : Items(BodyOf(node), "args")) {
    if (!IsConstant(argument)) return false;
  }
  return true;
}

// SELECT with a list of targets, and nothing that says for which rows.
bool IsBare(const Json& select) {
  constexpr std::array<const char*, 13> kClauses = {
      "fromClause",  "whereClause", "groupClause",  "havingClause", "windowClause",
      "withClause",  "limitCount",  "limitOffset",  "sortClause",   "distinctClause",
      "valuesLists", "intoClause",  "lockingClause"};
  for (const char* clause : kClauses) {
    const Json& found = Field(select, clause);
    if (!found.is_null() && !(found.is_array() && found.empty())) return false;
  }
  const std::string operation = Text(select, "op");
  return operation.empty() || operation == "SETOP_NONE";
}

// False: not one whose meaning is known before it runs.
bool ReadCall(Source& source, const Json& call, SetConfig& out) {
  const Json& arguments = Items(call, "args");
  if (arguments.size() != 3) return false;
  const Json& name = BodyOf(arguments[0]);
  const Json* value = &arguments[1];
  const Json& local = BodyOf(arguments[2]);
  if (TypeOf(arguments[0]) != "A_Const" || !name.contains("sval")) return false;
  if (TypeOf(arguments[2]) != "A_Const" || !local.contains("boolval")) return false;
  while (TypeOf(*value) == "TypeCast") {
    if (LastName(Field(Field(BodyOf(*value), "typeName"), "names")) != "text") return false;
    value = &Field(BodyOf(*value), "arg");
  }
  const Json& body = BodyOf(*value);
  out.name = source.LookAt(Location(name)).value_or(Text(Field(name, "sval"), "sval"));
  for (char& c : out.name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  out.local = Flag(Field(local, "boolval"), "boolval");
  if (TypeOf(*value) == "ParamRef") {
    if (!Field(body, "number").is_number_integer()) return false;
    out.parameter = Field(body, "number").get<std::uint32_t>();
    return out.parameter > 0;
  }
  if (TypeOf(*value) != "A_Const") return false;
  out.is_null = Flag(body, "isnull");
  if (!out.is_null && !body.contains("sval")) return false;
  if (!out.is_null)
    out.value = source.LookAt(Location(body)).value_or(Text(Field(body, "sval"), "sval"));
  return true;
}

bool MayBeSet(const std::string& name) {
  return !name.starts_with("foreshard.") && !name.starts_with("transaction_");
}

}  // namespace

bool ClassifySetConfig(Source& source, const Json& select, Statement& out) {
  if (!IsBare(select)) return false;
  std::vector<SetConfig> calls;
  for (const Json& target : Items(select, "targetList")) {
    const Json& value = Field(BodyOf(target), "val");
    if (!IsCallOf(value, "set_config")) {
      if (!IsHarmless(value)) return false;
      continue;
    }
    SetConfig call;
    if (!ReadCall(source, BodyOf(value), call) || !MayBeSet(call.name)) return false;
    calls.push_back(std::move(call));
  }
  if (calls.empty()) return false;
  source.LookAtAll();
  out.kind = StatementKind::kRead;
  out.returns_rows = true;
  out.on_primary = true;
  out.set_configs = std::move(calls);
  return true;
}

}  // namespace foreshard::router
