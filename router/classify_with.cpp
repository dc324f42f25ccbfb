#include <algorithm>

#include "router/classify_reader.h"

// WITH: what its sub-selects show, and what each use of them is.

namespace foreshard::router {

void QueryReader::ReadWith(const Json& body, Scope& scope) {
  const Json& with = Field(body, "withClause");
  const bool recursive = Flag(with, "recursive");
  for (const Json& node : Items(with, "ctes")) {
    const Json& cte_body = BodyOf(node);
    const std::string name = Text(cte_body, "ctename");
    std::size_t uses = 0;
    WalkTree(body, [&](std::string_view type, const Json& found) {
      if (type == "RangeVar" && Text(found, "relname") == name) ++uses;
      return true;
    });
    Cte cte;
    cte.used_once = uses == 1 && !recursive;
    const Json& query = Field(cte_body, "ctequery");
    const std::string_view type = TypeOf(query);
    if (recursive) {
      // The name is known inside itself; nothing is proved of its rows.
      cte.opaque = true;
      scope.ctes[name] = cte;
    }
    if (type == "SelectStmt") {
      cte.shows = ReadSelect(BodyOf(query), &scope, false);
      if (recursive) cte.shows = NothingShown();
      ReadColumns(cte_body, cte.shows);
    } else {
      nested_write_ = true;
      not_joined_ = "a WITH clause that writes";
      cte.opaque = true;
      if (type == "InsertStmt") ReadInsert(BodyOf(query), &scope, false);
      if (type == "UpdateStmt") ReadUpdate(BodyOf(query), &scope, false);
      if (type == "DeleteStmt") ReadDelete(BodyOf(query), &scope, false);
    }
    scope.ctes[name] = std::move(cte);
  }
}

// Column names given outside: WITH x (a, b) AS …, (SELECT …) AS s (a, b).
void QueryReader::ReadColumns(const Json& alias, Export& shows) {
  const Json& given = !Items(alias, "aliascolnames").empty() ? Items(alias, "aliascolnames")
                                                             : Items(alias, "colnames");
  if (given.empty()) return;
  shows.names.clear();
  if (shows.star) return;
  for (std::size_t i = 0; i < given.size() && i < shows.columns.size(); ++i) {
    if (shows.columns[i]) shows.names[StringOf(given[i])] = *shows.columns[i];
  }
  for (std::size_t i = given.size(); i < shows.columns.size(); ++i) {
    if (shows.columns[i]) shows.names.emplace(shows.column_names[i], *shows.columns[i]);
  }
}

QueryReader::From QueryReader::UseCte(const Cte& cte, const Json& body, Scope& scope) {
  const Json& alias = Field(body, "alias");
  Item item;
  item.name = alias.is_null() ? Text(body, "relname") : Text(alias, "aliasname");
  From from;
  if (!cte.opaque) {
    Export shows = cte.shows;
    if (!cte.used_once && !shows.barrier) {
      // Each use is a row source of its own: constants come out of the shared sub-select, none go
      // in.
      std::map<int, int> uses;
      const auto use = [&](int variable) {
        const auto [at, fresh] = uses.try_emplace(variable, 0);
        if (!fresh) return at->second;
        at->second = graph_.Add("", graph_.variable(variable).column);
        graph_.AddList(variable, at->second);
        graph_.AddJoin(at->second, variable);
        return at->second;
      };
      for (auto& [name, variable] : shows.names) variable = use(variable);
      for (std::optional<int>& column : shows.columns) {
        if (column) column = use(*column);
      }
      std::set<int> drivers;
      for (const int driver : shows.drivers) drivers.insert(use(driver));
      shows.drivers = std::move(drivers);
    }
    ReadColumns(alias, shows);
    item.keys = shows.names;
    from.drivers = shows.drivers;
    from.variables = shows.drivers;
    for (const auto& [name, variable] : shows.names) from.variables.insert(variable);
  }
  scope.items.push_back(std::move(item));
  return from;
}

}  // namespace foreshard::router
