#include "router/classify_schema.h"

#include <algorithm>
#include <array>

namespace foreshard::router {

namespace {

// Statements in which a single name can be that of a schema.
constexpr std::array<std::string_view, 11> kNameSchemas = {"DropStmt",
                                                           "GrantStmt",
                                                           "CommentStmt",
                                                           "AlterOwnerStmt",
                                                           "SecLabelStmt",
                                                           "AlterDefaultPrivilegesStmt",
                                                           "AlterObjectSchemaStmt",
                                                           "CreateExtensionStmt",
                                                           "AlterExtensionContentsStmt",
                                                           "AlterExtensionStmt",
                                                           "CreateSchemaStmt"};

bool IsOwn(const Json& value) {
  return value.is_string() && value.get<std::string>() == kOwnSchema;
}

// [foreshard, name]: a qualified name, but not of a column.
bool IsQualified(const Json& list) {
  return list.is_array() && list.size() > 1 && TypeOf(list[0]) == "String" &&
         IsOwn(Field(BodyOf(list[0]), "sval"));
}

bool Names(const Json& node, bool single) {
  if (node.is_array()) {
    return IsQualified(node) || std::any_of(node.begin(), node.end(), [single](const Json& item) {
             return Names(item, single);
           });
  }
  if (!node.is_object()) return false;
  for (const auto& [name, value] : node.items()) {
    if (name == "schemaname" || name == "newschema") {
      if (IsOwn(value)) return true;
    }
    if (single && name == "String" && IsOwn(Field(value, "sval"))) return true;
    const bool names_column = name == "ColumnRef" || name == "A_Const";
    if (!names_column && Names(value, single)) return true;
  }
  return false;
}

}  // namespace

bool NamesOwnSchema(const Json& node) {
  const std::string_view type = TypeOf(node);
  const Json& body = BodyOf(node);
  if (type == "RenameStmt" && Text(body, "renameType") == "OBJECT_SCHEMA" &&
      (IsOwn(Field(body, "subname")) || IsOwn(Field(body, "newname"))))
    return true;
  if (type == "ReindexStmt" && IsOwn(Field(body, "name"))) return true;
  const bool single =
      std::find(kNameSchemas.begin(), kNameSchemas.end(), type) != kNameSchemas.end();
  return Names(node, single);
}

Refusal OwnSchemaRefusal() {
  return {"42501", "permission denied for schema foreshard",
          "what Foreshard keeps on the shards is not for clients; ask the operator"};
}

}  // namespace foreshard::router
