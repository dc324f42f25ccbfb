#include "router/classify_constraints.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "router/classify_reader.h"

namespace foreshard::router {

namespace {

template <std::size_t N>
bool IsOneOf(const std::array<std::string_view, N>& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

constexpr std::array<std::string_view, 18> kDiffer = {"now",
                                                      "random",
                                                      "gen_random_uuid",
                                                      "gen_random_bytes",
                                                      "uuid_generate_v1",
                                                      "uuid_generate_v4",
                                                      "uuid_generate_v1mc",
                                                      "nextval",
                                                      "clock_timestamp",
                                                      "statement_timestamp",
                                                      "transaction_timestamp",
                                                      "timeofday",
                                                      "txid_current",
                                                      "pg_current_xact_id",
                                                      "setseed",
                                                      "pg_backend_pid",
                                                      "inet_server_port",
                                                      "uuidv7"};
constexpr std::array<std::string_view, 6> kSerial = {"serial",  "serial4",     "bigserial",
                                                     "serial8", "smallserial", "serial2"};

// Types whose values hash as keys of the catalogue's type do.
bool IsKeyType(model::KeyType type, const std::string& name) {
  constexpr std::array<std::string_view, 5> kWhole = {"int8", "int4", "int2", "bigint", "integer"};
  switch (type) {
    case model::KeyType::kBigint:
      return IsOneOf(kWhole, name) || IsOneOf(kSerial, name);
    case model::KeyType::kText:
      return name == "text" || name == "varchar";
    case model::KeyType::kUuid:
      return name == "uuid";
  }
  Unreachable(type);
}

class TableChecker {
 public:
  TableChecker(const Source& source, const TableInfo& table) : source_(source), table_(table) {}

  std::optional<Refusal> Check(std::string_view type, const Json& body) {
    if (type == "CreateStmt") Create(body);
    if (type == "AlterTableStmt") Alter(body);
    if (type == "IndexStmt") Index(body);
    return std::move(refusal_);
  }

 private:
  bool sharded() const { return table_.table_class == TableClass::kSharded; }
  bool reference() const { return table_.table_class == TableClass::kReference; }
  void Refuse(std::string message, std::string hint = {}) {
    if (!refusal_) refusal_ = NotSupported(std::move(message), std::move(hint));
  }
  std::string NameOf(const std::string& given, const std::string& columns,
                     std::string_view ending) const {
    if (!given.empty()) return given;
    return table_.name + (columns.empty() ? "_" : "_" + columns + "_") + std::string(ending);
  }

  void Create(const Json& body);
  void Alter(const Json& body);
  void Index(const Json& body);
  void Column(const Json& column);
  void Constraint(const Json& constraint, const std::string& column);
  void Unique(const char* what, const std::string& name, const std::vector<std::string>& columns);
  void Exclusion(const Json& constraint);
  void ForeignKey(const Json& constraint, const std::vector<std::string>& columns);
  void AlongTheKey(const TableInfo& other, const std::string& name,
                   const std::vector<std::string>& columns,
                   const std::vector<std::string>& referenced);
  void Default(const Json& expression, const std::string& column);

  const Source& source_;
  const TableInfo& table_;
  std::optional<Refusal> refusal_;
};

void TableChecker::Unique(const char* what, const std::string& name,
                          const std::vector<std::string>& columns) {
  if (reference()) return;
  if (!sharded()) {
    return Refuse(
        fmt::format("{} \"{}\" of table {}, which is neither sharded nor a reference table", what,
                    name, table_.qualified()),
        "declare it on the table that the ShardSet lists");
  }
  if (std::find(columns.begin(), columns.end(), table_.column) != columns.end()) return;
  Refuse(fmt::format("{} \"{}\" of table {} does not include the sharding column {}: each shard "
                     "would compare its own rows only",
                     what, name, table_.qualified(), table_.column),
         fmt::format("add {} to its columns", table_.column));
}

// EXCLUDE (key WITH =, …) looks at rows of one key.
void TableChecker::Exclusion(const Json& constraint) {
  const std::string name = NameOf(Text(constraint, "conname"), "", "excl");
  if (reference()) return;
  for (const Json& pair : Items(constraint, "exclusions")) {
    const Json& items = Items(BodyOf(pair), "items");
    if (items.size() != 2 || Text(BodyOf(items[0]), "name") != table_.column) continue;
    if (LastName(Items(BodyOf(items[1]), "items")) == "=") return;
  }
  Unique("EXCLUDE constraint", name, {});
}

void TableChecker::AlongTheKey(const TableInfo& other, const std::string& name,
                               const std::vector<std::string>& columns,
                               const std::vector<std::string>& referenced) {
  bool along = false;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    // Without a list of columns it is the primary key, whose single column can be no other than the
    // sharding column.
    const bool to_key = referenced.empty() ? columns.size() == 1
                                           : i < referenced.size() && referenced[i] == other.column;
    along = along || (columns[i] == table_.column && to_key);
  }
  if (along) return;
  const bool unnamed = referenced.empty() && columns.size() > 1;
  Refuse(fmt::format("FOREIGN KEY \"{}\" of table {} does not go along the sharding columns ({} to "
                     "{} of {}): the row it refers to may be on another shard",
                     name, table_.qualified(), table_.column, other.column, other.qualified()),
         unnamed ? "name the referenced columns" : "add the sharding columns to it");
}

void TableChecker::ForeignKey(const Json& constraint, const std::vector<std::string>& columns) {
  const TableInfo other = source_.Find(Field(constraint, "pktable"));
  const std::string name =
      NameOf(Text(constraint, "conname"), fmt::format("{}", fmt::join(columns, "_")), "fkey");
  std::vector<std::string> referenced;
  for (const Json& column : Items(constraint, "pk_attrs")) referenced.push_back(StringOf(column));
  if (other.table_class == TableClass::kSharded && !sharded()) {
    return Refuse(
        fmt::format("FOREIGN KEY \"{}\" of table {} refers to the sharded table {}, whose "
                    "rows are not on every shard",
                    name, table_.qualified(), other.qualified()));
  }
  if (!sharded()) return;
  const bool on_key = std::find(columns.begin(), columns.end(), table_.column) != columns.end();
  const std::string on_delete = Text(constraint, "fk_del_action");
  const std::string on_update = Text(constraint, "fk_upd_action");
  const bool sets = on_delete == "n" || on_delete == "d" || on_update == "n" || on_update == "d" ||
                    (on_update == "c" && other.table_class != TableClass::kSharded);
  if (on_key && sets) {
    return Refuse(fmt::format("FOREIGN KEY \"{}\" of table {} would change the sharding column {} "
                              "where the row lies",
                              name, table_.qualified(), table_.column),
                  "use NO ACTION, RESTRICT or ON DELETE CASCADE");
  }
  if (other.table_class == TableClass::kSharded) AlongTheKey(other, name, columns, referenced);
}

void TableChecker::Constraint(const Json& constraint, const std::string& column) {
  const std::string kind = Text(constraint, "contype");
  std::vector<std::string> columns;
  if (!column.empty()) columns.push_back(column);
  for (const Json& name : Items(constraint, "keys")) columns.push_back(StringOf(name));
  for (const Json& name : Items(constraint, "fk_attrs")) columns.push_back(StringOf(name));
  const std::string given = Text(constraint, "conname");
  const std::string joined = fmt::format("{}", fmt::join(columns, "_"));
  // USING INDEX: the index was judged when it was made.
  const bool has_index = !Text(constraint, "indexname").empty();
  if (kind == "CONSTR_PRIMARY" && !has_index)
    Unique("PRIMARY KEY", NameOf(given, "", "pkey"), columns);
  if (kind == "CONSTR_UNIQUE" && !has_index)
    Unique("UNIQUE constraint", NameOf(given, joined, "key"), columns);
  if (kind == "CONSTR_EXCLUSION") Exclusion(constraint);
  if (kind == "CONSTR_FOREIGN") ForeignKey(constraint, columns);
  if (kind == "CONSTR_DEFAULT") Default(Field(constraint, "raw_expr"), column);
  if (kind == "CONSTR_IDENTITY" && reference())
    Refuse(
        fmt::format("column {} of reference table {}: each shard's own sequence would number its "
                    "copy of the rows",
                    column, table_.qualified()),
        "give the value in the INSERT");
}

void TableChecker::Default(const Json& expression, const std::string& column) {
  const std::string call = reference() ? VolatileCall(expression) : "";
  if (call.empty()) return;
  Refuse(
      fmt::format("DEFAULT of column {} of reference table {}: {} gives each shard another value",
                  column, table_.qualified(), call),
      "give the value in the INSERT");
}

void TableChecker::Column(const Json& column) {
  const std::string name = Text(column, "colname");
  const std::string type = LastName(Field(Field(column, "typeName"), "names"));
  if (sharded() && name == table_.column) {
    const bool plain = Items(Field(column, "typeName"), "arrayBounds").empty() &&
                       IsKeyType(source_.catalogue().key_space().key_type, type);
    if (!plain && !type.empty()) {
      Refuse(
          fmt::format("sharding column {}.{} of type {}: its values do not hash as keys of the "
                      "ShardSet do",
                      table_.qualified(), name, type));
    }
  }
  if (reference() && IsOneOf(kSerial, type)) {
    Refuse(
        fmt::format("column {} of reference table {}: each shard's own sequence would number its "
                    "copy of the rows",
                    name, table_.qualified()),
        "give the value in the INSERT");
  }
  for (const Json& constraint : Items(column, "constraints")) Constraint(BodyOf(constraint), name);
}

void TableChecker::Create(const Json& body) {
  constexpr int kIndexes = 1 << 6;  // CREATE_TABLE_LIKE_INDEXES of PostgreSQL 15
  bool has_key = !Items(body, "inhRelations").empty() || !Field(body, "ofTypename").is_null();
  for (const Json& node : Items(body, "tableElts")) {
    const std::string_view type = TypeOf(node);
    const Json& element = BodyOf(node);
    if (type == "ColumnDef") Column(element);
    if (type == "Constraint") Constraint(element, "");
    has_key = has_key || Text(element, "colname") == table_.column || type == "TableLikeClause";
    const Json& options = Field(element, "options");
    if (type == "TableLikeClause" && sharded() && options.is_number_integer() &&
        (options.get<int>() & kIndexes) != 0) {
      Refuse(
          fmt::format("LIKE … INCLUDING INDEXES for the sharded table {}: the router does not see "
                      "what it would make unique",
                      table_.qualified()),
          "write the constraints out");
    }
  }
  for (const Json& node : Items(body, "constraints")) Constraint(BodyOf(node), "");
  if (sharded() && !has_key) {
    Refuse(fmt::format("table {} has no column {}, by which the ShardSet shards it",
                       table_.qualified(), table_.column));
  }
}

void TableChecker::Alter(const Json& body) {
  for (const Json& node : Items(body, "cmds")) {
    const Json& command = BodyOf(node);
    const std::string kind = Text(command, "subtype");
    const Json& definition = Field(command, "def");
    if (kind == "AT_AddConstraint") Constraint(BodyOf(definition), "");
    if (kind == "AT_AddColumn") Column(BodyOf(definition));
    if (kind == "AT_ColumnDefault") Default(definition, Text(command, "name"));
    if (kind == "AT_AddIdentity") Constraint(BodyOf(definition), Text(command, "name"));
  }
}

void TableChecker::Index(const Json& body) {
  if (!Flag(body, "unique")) return;
  std::vector<std::string> columns;
  for (const Json& node : Items(body, "indexParams")) {
    const std::string name = Text(BodyOf(node), "name");
    if (!name.empty()) columns.push_back(name);
  }
  Unique("UNIQUE index",
         NameOf(Text(body, "idxname"), fmt::format("{}", fmt::join(columns, "_")), "idx"), columns);
}

}  // namespace

std::string VolatileCall(const Json& node) {
  std::string found;
  WalkTree(node, [&](std::string_view type, const Json& body) {
    const std::string name = type == "FuncCall" ? LastName(Field(body, "funcname")) : "";
    if (IsOneOf(kDiffer, name)) found = name + "()";
    if (type != "SQLValueFunction") return found.empty();
    const std::string op = Text(body, "op");
    if (op.starts_with("SVFOP_CURRENT_TIME") || op.starts_with("SVFOP_LOCALTIME") ||
        op == "SVFOP_CURRENT_DATE")
      found = "the current time";
    return found.empty();
  });
  return found;
}

std::optional<Refusal> ForbiddenInTable(const Source& source, std::string_view type,
                                        const Json& body, const TableInfo& table) {
  return TableChecker(source, table).Check(type, body);
}

}  // namespace foreshard::router
