#include "router/catalogue.h"

#include <fmt/format.h>

#include <set>

#include "base/check.h"
#include "router/normalize.h"

namespace foreshard::router {

namespace {

struct QualifiedName {
  std::string schema;
  std::string name;
};

// One part of a name, quoted or not; advances.
std::string NamePart(std::string_view& rest) {
  std::string part;
  if (!rest.starts_with('"')) {
    while (!rest.empty() && rest.front() != '.' && rest.front() != ',') {
      const char c = rest.front();
      part += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
      rest.remove_prefix(1);
    }
    return part;
  }
  rest.remove_prefix(1);
  while (!rest.empty()) {
    if (rest.starts_with("\"\""))
      rest.remove_prefix(1);
    else if (rest.front() == '"')
      break;
    part += rest.front();
    rest.remove_prefix(1);
  }
  if (!rest.empty()) rest.remove_prefix(1);
  return part;
}

Result<QualifiedName> ParseQualified(std::string_view text) {
  std::string_view rest = text;
  QualifiedName name;
  name.schema = NamePart(rest);
  if (!rest.starts_with('.'))
    return Error::GiveUp(
        fmt::format("table '{}': a schema is missing, as in public.{}", text, text));
  rest.remove_prefix(1);
  name.name = NamePart(rest);
  if (!rest.empty() || name.schema.empty() || name.name.empty()) {
    return Error::GiveUp(fmt::format("table '{}': accepted is schema.table", text));
  }
  return name;
}

std::string QuoteIfNeeded(const std::string& name) {
  bool plain = !name.empty() && !(name[0] >= '0' && name[0] <= '9');
  for (const char c : name)
    plain = plain && ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_');
  if (plain) return name;
  std::string quoted = "\"";
  for (const char c : name) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

std::string QualifiedText(const std::string& schema, const std::string& name) {
  return QuoteIfNeeded(schema) + "." + QuoteIfNeeded(name);
}

}  // namespace

std::string TableInfo::qualified() const { return QualifiedText(schema, name); }

Catalogue::Catalogue(CatalogueSpec spec) : spec_(std::move(spec)) {}

Result<std::shared_ptr<const Catalogue>> Catalogue::Make(CatalogueSpec spec) {
  std::shared_ptr<Catalogue> catalogue(new Catalogue(std::move(spec)));
  std::string all = fmt::format("{} {}", static_cast<int>(catalogue->spec_.key_space.strategy),
                                static_cast<int>(catalogue->spec_.key_space.key_type));
  const auto add = [&](const std::string& text, TableInfo info) -> Status {
    const Result<QualifiedName> name = ParseQualified(text);
    if (!name) return name.error();
    info.schema = name->schema;
    info.name = name->name;
    all += fmt::format("\n{} {} {}", info.qualified(), info.column, fmt::join(info.columns, ","));
    if (!catalogue->tables_.emplace(std::pair{name->schema, name->name}, std::move(info)).second) {
      return Error::GiveUp(fmt::format("table '{}': listed twice", text));
    }
    return Ok();
  };
  for (const CatalogueTable& table : catalogue->spec_.tables) {
    if (table.column.empty())
      return Error::GiveUp(fmt::format("table '{}': no sharding column", table.name));
    const Status added =
        add(table.name, {TableClass::kSharded, "", "", table.column, table.columns});
    if (!added) return added.error();
  }
  for (const std::string& name : catalogue->spec_.reference_tables) {
    const Status added = add(name, {TableClass::kReference, "", "", "", {}});
    if (!added) return added.error();
  }
  catalogue->fingerprint_ = HashBytes(all).low;
  return std::shared_ptr<const Catalogue>(std::move(catalogue));
}

std::shared_ptr<const Catalogue> Catalogue::WithColumns(const std::string& qualified,
                                                        std::vector<std::string> columns) const {
  CatalogueSpec spec = spec_;
  bool found = false;
  for (CatalogueTable& table : spec.tables) {
    const Result<QualifiedName> name = ParseQualified(table.name);
    if (!name || QualifiedText(name->schema, name->name) != qualified) continue;
    table.columns = columns;
    found = true;
  }
  CHECK(found, "columns of a table that is not listed", qualified);
  Result<std::shared_ptr<const Catalogue>> next = Make(std::move(spec));
  CHECK(next.ok(), "the catalogue was good before");
  return (*next)->WithFunctions(functions_);
}

std::shared_ptr<const Catalogue> Catalogue::WithFunctions(const Functions& learned) const {
  std::shared_ptr<Catalogue> next(new Catalogue(*this));
  for (const auto& [name, facts] : learned) {
    if (!next->functions_.insert_or_assign(name, facts).second) continue;
    // Each function changes what statements that call it mean, in whatever order it was learned.
    next->fingerprint_ ^=
        HashBytes(fmt::format("{} {} {}", name, facts.aggregate, facts.unseen)).low;
  }
  return next;
}

const FunctionFacts* Catalogue::FindFunction(std::string_view name) const {
  const auto found = functions_.find(name);
  return found == functions_.end() ? nullptr : &found->second;
}

std::optional<std::pair<std::string, FunctionFacts>> FunctionOfRow(std::string_view row) {
  if (row.size() < 3) return std::nullopt;
  return std::pair{std::string(row.substr(2)),
                   FunctionFacts{.aggregate = row[0] == 'a', .unseen = row[1] == 'u'}};
}

TableInfo Catalogue::Find(std::string_view schema, std::string_view name,
                          const std::vector<std::string>& search_path) const {
  const auto system = [&] {
    return TableInfo{TableClass::kSystem, "pg_catalog", std::string(name), "", {}};
  };
  const auto unknown = [&](std::string_view in) {
    return TableInfo{TableClass::kUnknown, std::string(in), std::string(name), "", {}};
  };
  if (schema == "pg_catalog" || schema == "information_schema") return system();
  if (!schema.empty()) {
    const auto at = tables_.find({std::string(schema), std::string(name)});
    return at != tables_.end() ? at->second : unknown(schema);
  }
  // pg_ is reserved for system schemas only, but a table of that name in pg_catalog comes first in
  // every search path.
  if (name.starts_with("pg_")) {
    for (const std::string& in : search_path) {
      if (const auto at = tables_.find({in, std::string(name)}); at != tables_.end())
        return at->second;
    }
    return system();
  }
  for (const std::string& in : search_path) {
    if (const auto at = tables_.find({in, std::string(name)}); at != tables_.end())
      return at->second;
  }
  return unknown(search_path.empty() ? std::string_view("public")
                                     : std::string_view(search_path.back()));
}

std::vector<std::string> ParseSearchPath(std::string_view setting, std::string_view user) {
  std::vector<std::string> path;
  while (!setting.empty()) {
    if (setting.front() == ' ' || setting.front() == ',' || setting.front() == '\t') {
      setting.remove_prefix(1);
      continue;
    }
    std::string part = NamePart(setting);
    if (setting.starts_with('.'))
      setting.remove_prefix(1);  // "a.b" is no schema; PostgreSQL finds nothing there either
    while (part.ends_with(' ')) part.pop_back();
    if (part == "$user") part = user;
    if (!part.empty()) path.push_back(part);
  }
  return path;
}

}  // namespace foreshard::router
