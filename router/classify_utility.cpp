#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "router/classify_constraints.h"
#include "router/classify_reader.h"

// DDL and maintenance. The lists are explicit: what is on none of them is refused.

namespace foreshard::router {

namespace {

constexpr std::array<std::string_view, 41> kDdl = {"CreateStmt",
                                                   "AlterTableStmt",
                                                   "IndexStmt",
                                                   "DropStmt",
                                                   "RenameStmt",
                                                   "CommentStmt",
                                                   "CreateSchemaStmt",
                                                   "CreateSeqStmt",
                                                   "AlterSeqStmt",
                                                   "CreateEnumStmt",
                                                   "AlterEnumStmt",
                                                   "CompositeTypeStmt",
                                                   "CreateDomainStmt",
                                                   "AlterDomainStmt",
                                                   "CreateFunctionStmt",
                                                   "AlterFunctionStmt",
                                                   "CreateTrigStmt",
                                                   "ViewStmt",
                                                   "RuleStmt",
                                                   "GrantStmt",
                                                   "AlterDefaultPrivilegesStmt",
                                                   "CreateExtensionStmt",
                                                   "AlterExtensionStmt",
                                                   "AlterExtensionContentsStmt",
                                                   "AlterOwnerStmt",
                                                   "AlterObjectSchemaStmt",
                                                   "AlterObjectDependsStmt",
                                                   "CreatePolicyStmt",
                                                   "AlterPolicyStmt",
                                                   "CreateStatsStmt",
                                                   "AlterStatsStmt",
                                                   "DefineStmt",
                                                   "CreateRangeStmt",
                                                   "CreateCastStmt",
                                                   "AlterTypeStmt",
                                                   "CreateOpClassStmt",
                                                   "CreateOpFamilyStmt",
                                                   "AlterOperatorStmt",
                                                   "CreateTransformStmt",
                                                   "CreateAmStmt",
                                                   "SecLabelStmt"};

struct Named {
  std::string_view type;
  std::string_view name;
  std::string_view hint;
};

constexpr std::array<Named, 20> kRefusedStatements = {{
    {"CreatedbStmt", "CREATE DATABASE", "make another ShardSet"},
    {"DropdbStmt", "DROP DATABASE", "delete the ShardSet"},
    {"AlterDatabaseStmt", "ALTER DATABASE", "use spec.postgres.parameters of the ShardSet"},
    {"AlterDatabaseSetStmt", "ALTER DATABASE … SET",
     "use spec.postgres.parameters of the ShardSet"},
    {"CreateRoleStmt", "CREATE ROLE", "roles come from the ShardSet's Secrets"},
    {"AlterRoleStmt", "ALTER ROLE", "roles come from the ShardSet's Secrets"},
    {"AlterRoleSetStmt", "ALTER ROLE … SET", "roles come from the ShardSet's Secrets"},
    {"DropRoleStmt", "DROP ROLE", "roles come from the ShardSet's Secrets"},
    {"GrantRoleStmt", "GRANT of a role", "roles come from the ShardSet's Secrets"},
    {"DropOwnedStmt", "DROP OWNED", ""},
    {"ReassignOwnedStmt", "REASSIGN OWNED", ""},
    {"AlterSystemStmt", "ALTER SYSTEM", "use spec.postgres.parameters of the ShardSet"},
    {"CreateTableSpaceStmt", "CREATE TABLESPACE", ""},
    {"CreatePublicationStmt", "CREATE PUBLICATION", "connect to a shard directly"},
    {"CreateSubscriptionStmt", "CREATE SUBSCRIPTION", "connect to a shard directly"},
    {"CreateEventTrigStmt", "CREATE EVENT TRIGGER", ""},
    {"CreateTableAsStmt", "CREATE TABLE AS and CREATE MATERIALIZED VIEW",
     "create the table, then INSERT … SELECT"},
    {"RefreshMatViewStmt", "REFRESH MATERIALIZED VIEW", ""},
    {"LoadStmt", "LOAD", ""},
    {"MergeStmt", "MERGE", "use INSERT … ON CONFLICT"},
}};

void Refuse(Statement& out, Refusal refusal) {
  if (out.kind == StatementKind::kRefused) return;
  out.kind = StatementKind::kRefused;
  out.refusal = std::move(refusal);
}

void Note(Statement& out, const TableInfo& info) {
  if (info.table_class != TableClass::kSharded && info.table_class != TableClass::kReference)
    return;
  const std::string name = info.qualified();
  if (std::find(out.tables.begin(), out.tables.end(), name) == out.tables.end())
    out.tables.push_back(name);
  if (info.table_class == TableClass::kSharded) out.reads_sharded = true;
}

Refusal Unlisted(const TableInfo& info) {
  return {"0A000",
          fmt::format("table {} is neither sharded nor a reference table", info.qualified()),
          "add it to spec.sharding.tables or spec.sharding.referenceTables of the ShardSet"};
}

void CheckTable(const Source& source, std::string_view type, const Json& body,
                const TableInfo& info, Statement& out) {
  if (std::optional<Refusal> why = ForbiddenInTable(source, type, body, info))
    Refuse(out, *std::move(why));
}

void CreateTable(Source& source, const Json& body, Statement& out) {
  const Json& relation = Field(body, "relation");
  if (Text(relation, "relpersistence") == "t") {
    return Refuse(out, NotSupported("temporary tables",
                                    "they would stay on one server connection; use a WITH clause"));
  }
  const TableInfo info = source.Find(relation);
  Note(out, info);
  if (info.table_class != TableClass::kUnknown)
    return CheckTable(source, "CreateStmt", body, info, out);
  // A partition or child is reached through its listed parent.
  const Json& parents = Items(body, "inhRelations");
  const bool child =
      !parents.empty() && std::all_of(parents.begin(), parents.end(), [&](const Json& parent) {
        return source.Find(BodyOf(parent)).table_class != TableClass::kUnknown;
      });
  if (!child) return Refuse(out, Unlisted(info));
  for (const Json& parent : parents) {
    TableInfo as_child = source.Find(BodyOf(parent));
    as_child.schema = info.schema;
    as_child.name = info.name;
    CheckTable(source, "CreateStmt", body, as_child, out);
  }
}

void AlterTable(Source& source, const Json& body, Statement& out) {
  const TableInfo info = source.Find(Field(body, "relation"));
  Note(out, info);
  CheckTable(source, "AlterTableStmt", body, info, out);
  for (const Json& node : Items(body, "cmds")) {
    const Json& command = BodyOf(node);
    const std::string kind = Text(command, "subtype");
    if (info.table_class == TableClass::kSharded && Text(command, "name") == info.column &&
        (kind == "AT_DropColumn" || kind == "AT_AlterColumnType")) {
      Refuse(out, NotSupported(fmt::format("changing the sharding column {}.{}", info.qualified(),
                                           info.column)));
    }
    if (kind == "AT_DetachPartition" && Flag(BodyOf(Field(command, "def")), "concurrent"))
      out.no_transaction = true;
  }
}

void Rename(Source& source, const Json& body, Statement& out) {
  const TableInfo info = source.Find(Field(body, "relation"));
  Note(out, info);
  const std::string kind = Text(body, "renameType");
  const bool table = kind == "OBJECT_TABLE" && info.table_class != TableClass::kUnknown;
  const bool column = kind == "OBJECT_COLUMN" && info.table_class == TableClass::kSharded &&
                      Text(body, "subname") == info.column;
  if (table || column) {
    Refuse(out,
           NotSupported(fmt::format("renaming {}, which the ShardSet lists", info.qualified())));
  }
}

// Equal text of other bytes.
bool IsInexactCollation(const Json& body) {
  if (Text(body, "kind") != "OBJECT_COLLATION") return false;
  bool inexact = false;
  for (const Json& node : Items(body, "definition")) {
    const Json& option = BodyOf(node);
    if (Text(option, "defname") != "deterministic") continue;
    const Json& value = BodyOf(Field(option, "arg"));
    std::string text = Text(value, "sval");
    if (TypeOf(Field(option, "arg")) == "TypeName") text = LastName(Field(value, "names"));
    inexact = text != "true" && text != "on" && !Flag(value, "boolval");
  }
  return inexact;
}

void Ddl(Source& source, std::string_view type, const Json& body, Statement& out) {
  out.kind = StatementKind::kDdl;
  if (type == "CreateStmt") return CreateTable(source, body, out);
  if (type == "AlterTableStmt") return AlterTable(source, body, out);
  if (type == "RenameStmt") return Rename(source, body, out);
  if (type == "IndexStmt") {
    out.no_transaction = Flag(body, "concurrent");
    CheckTable(source, type, body, source.Find(Field(body, "relation")), out);
  }
  if (type == "RuleStmt") {
    return Refuse(out, NotSupported("CREATE RULE: the router would not see what it makes of a "
                                    "statement",
                                    "use a trigger"));
  }
  if (type == "DefineStmt" && IsInexactCollation(body)) {
    return Refuse(out, NotSupported("a nondeterministic collation",
                                    "the router compares text of several shards by its bytes"));
  }
  if (type == "DropStmt") {
    out.no_transaction = Flag(body, "concurrent");
    return;
  }
  if (type == "CreateSeqStmt" && Text(Field(body, "sequence"), "relpersistence") == "t") {
    return Refuse(out, NotSupported("temporary sequences"));
  }
  if (type == "ViewStmt" && Text(Field(body, "view"), "relpersistence") == "t") {
    return Refuse(out, NotSupported("temporary views"));
  }
  if (const Json& relation = Field(body, "relation"); relation.is_object())
    Note(out, source.Find(relation));
}

void EachTable(Source& source, const Json& relations, Statement& out) {
  for (const Json& node : relations) {
    const TableInfo info = source.Find(BodyOf(node));
    Note(out, info);
    if (info.table_class == TableClass::kUnknown) Refuse(out, Unlisted(info));
  }
}

bool Maintenance(Source& source, std::string_view type, const Json& body, Statement& out) {
  if (type == "TruncateStmt") {
    out.kind = StatementKind::kTruncate;
    out.writes = true;
    EachTable(source, Items(body, "relations"), out);
  } else if (type == "LockStmt") {
    out.kind = StatementKind::kLockTable;
    EachTable(source, Items(body, "relations"), out);
  } else if (type == "VacuumStmt") {
    out.kind = StatementKind::kMaintenance;
    out.no_transaction = Flag(body, "is_vacuumcmd");
    for (const Json& node : Items(body, "rels")) {
      const Json& relation = Field(BodyOf(node), "relation");
      Note(out, source.Find(TypeOf(relation) == "RangeVar" ? BodyOf(relation) : relation));
    }
  } else if (type == "ReindexStmt" || type == "ClusterStmt" || type == "CheckPointStmt") {
    out.kind = StatementKind::kMaintenance;
    out.no_transaction = true;
  } else {
    return false;
  }
  return true;
}

}  // namespace

void ClassifyUtility(Source& source, const Json& node, Statement& out) {
  if (ClassifySession(source, node, out)) return;
  const std::string_view type = TypeOf(node);
  const Json& body = BodyOf(node);
  if (type == "CopyStmt") return ClassifyCopy(source, body, out);
  if (Maintenance(source, type, body, out)) return;
  if (type == "DoStmt" || type == "CallStmt") {
    out.kind = StatementKind::kDo;
    out.returns_rows = type == "CallStmt";
    out.writes = true;
    out.unless_shard_key =
        NotSupported(type == "DoStmt" ? "DO: the router cannot see what the block touches"
                                      : "CALL: the router cannot see what the procedure touches",
                     "SET foreshard.shard_key to say on which shard it runs");
    return;
  }
  for (const Named& refused : kRefusedStatements) {
    if (refused.type == type)
      return Refuse(out, NotSupported(std::string(refused.name), std::string(refused.hint)));
  }
  if (std::find(kDdl.begin(), kDdl.end(), type) != kDdl.end()) return Ddl(source, type, body, out);
  Refuse(out, NotSupported(fmt::format("{} through a router", type)));
}

}  // namespace foreshard::router
